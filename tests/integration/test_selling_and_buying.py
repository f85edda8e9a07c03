"""A person may sell and buy: the plan decides who is party to it, and nobody buys from their own shop."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from portal.adapters.payments.simulator import Simulator
from portal.core.errors import Forbidden, InvalidInput, NotFound
from portal.core.roles import Role
from portal.extensions import now
from portal.models import Member, Message
from portal.services import offers, payments, team
from portal.services.payments import PaymentRequest, Scope
from portal.services.transaction import unit_of_work
from tests import factories
from tests.api.conftest import Program
from tests.browserlike import form_at, sign_in, text


@pytest.fixture
def shop(session):
    yield factories.make_merchant(session, "Corner Shop", now=now())
    assert factories.broken_invariants(session) == []


@pytest.fixture
def other(session):
    """Who has a shop of her own and buys from the corner shop."""
    return factories.make_merchant(session, "Other Shop", now=now())


@pytest.fixture
def plan_id(session, shop, other):
    return factories.offered_plan(session, shop, other.email, now=now(), first=now().date())


def test_a_merchant_reads_accepts_and_pays_an_offer_of_another_shop(client, session, other, plan_id):
    sign_in(client, other)
    assert "Purchases" in text(client.get("/merchant/"))
    assert "Oak table" in text(client.get("/customer/"))
    page = f"/customer/plans/{plan_id}"
    accepted = client.post(f"{page}/accept", data=form_at(client, page, f"{page}/accept") | {"agree": "y"})
    assert accepted.location == page
    line = factories.plan_of(session, other.buying(), plan_id, now()).installments[0]
    path = f"/customer/installments/{line.id}/pay"
    assert client.post(path, data=form_at(client, page, path)).status_code == 303
    assert "1 of 3 paid" in text(client.get(page))
    assert "Oak table" not in text(client.get("/merchant/plans/")), "it is no plan of her own shop"
    assert client.get(f"/merchant/plans/{plan_id}").status_code == 404


def test_nobody_acts_for_the_customer_of_their_own_shops_plan(session, shop, other, plan_id):
    def accept(person):
        offers.accept(session, person.buying(), plan_id, None, factories.ORIGIN, now())

    with pytest.raises(Forbidden):
        request = PaymentRequest(plan_id, Scope.ALL, None)
        payments.pay(session, Simulator(), shop.buying(), request, None, now(), factories.ORIGIN)
    with pytest.raises(Forbidden), unit_of_work(session):
        accept(shop)
    with pytest.raises(Forbidden), unit_of_work(session):
        offers.decline(session, shop.buying(), plan_id, now())
    stranger = factories.make_merchant(session, "Third Shop", now=now())
    with pytest.raises(NotFound), unit_of_work(session):
        accept(stranger)


def test_a_member_of_the_shop_is_offered_nothing(session, shop):
    seller = factories.make_customer(session, "Sam Seller", now=now())
    with unit_of_work(session):
        session.add(Member(merchant_id=shop.id, user_id=seller.id, role="seller", created_at=now()))
    before = factories.row_counts(session)
    with pytest.raises(InvalidInput) as refused:
        factories.offered_plan(session, shop, seller.email, now=now())
    assert list(refused.value.errors) == ["customer_email"]
    assert factories.row_counts(session) == before


def test_an_invited_address_that_signs_up_to_sell_still_answers_its_offer(client, session, shop):
    plan_id = factories.offered_plan(session, shop, "nora.new@example.com", now=now())
    factories.sign_up(session, factories.account(Role.MERCHANT, "Nora New"), now())
    client.submit("/login", {"email": "nora.new@example.com", "password": factories.PASSWORD})
    assert "Oak table" in text(client.get(f"/customer/plans/{plan_id}"))


def test_a_program_asks_for_what_it_buys_and_finds_single_plans_by_their_parties(
    app, session, shop, other, plan_id
):
    program = Program(app)
    program.sign_in(other.email)
    own = factories.offered_plan(session, other, "ada.buyer@example.com", now=now())
    assert [plan["id"] for plan in program.get("/plans/").json] == [str(own)]
    assert [plan["id"] for plan in program.get("/plans/?as=customer").json] == [str(plan_id)]
    assert len(program.get("/plans/installments/?as=customer").json) == 3
    assert program.get("/plans/?as=shop").status_code == 422
    for found in (own, plan_id):
        assert program.get(f"/plans/{found}/").status_code == 200
    accepted = program.post(f"/plans/{plan_id}/accept/")
    assert (accepted.status_code, accepted.json["status"]) == (200, "active")
    paid = program.post(f"/plans/{plan_id}/payments/", json={"amount": "20.00"})
    assert (paid.status_code, paid.json["method"]) == (201, "provider")
    assert [each["id"] for each in program.get("/payments/?as=customer").json] == [paid.json["id"]]
    assert program.get("/payments/").json == [] == program.get("/refunds/?as=customer").json
    assert program.post(f"/plans/{own}/accept/").status_code == 403


def test_a_bookkeeper_records_nothing_over_the_api(app, session, shop, other, plan_id):
    clerk = factories.make_customer(session, "Kim Books", now=now())
    with unit_of_work(session):
        session.add(Member(merchant_id=shop.id, user_id=clerk.id, role="bookkeeper", created_at=now()))
    program = Program(app)
    program.sign_in(clerk.email)
    assert program.get(f"/plans/{plan_id}/").status_code == 200
    refused = program.post(f"/plans/{plan_id}/payments/", json={"amount": "20.00", "method": "cash"})
    assert refused.status_code == 403


def test_shop_emails_go_to_who_sent_the_offer_while_they_are_in_the_team(session, shop, other):
    seller = factories.make_customer(session, "Sam Seller", now=now())
    with unit_of_work(session):
        session.add(Member(merchant_id=shop.id, user_id=seller.id, role="seller", created_at=now()))
    seller = factories.actor(session, seller.id)

    def told_of(plan_id):
        factories.accept(session, other.buying(), plan_id, now=now())
        session.rollback()
        query = select(Message.user_id).where(
            Message.kind == "plan_accepted_shop", Message.plan_id == plan_id
        )
        return session.scalars(query).one()

    first, second = (factories.offered_plan(session, seller, other.email, now=now()) for _ in range(2))
    assert told_of(first) == seller.id
    with unit_of_work(session):
        team.remove(session, shop, seller.id, now())
    assert told_of(second) == shop.id
