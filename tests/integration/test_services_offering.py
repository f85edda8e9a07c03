"""An offer is sent with frozen terms to whoever has the address; a refused one leaves nothing behind."""

import json
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import select

from portal.core.errors import Forbidden, InvalidInput
from portal.core.roles import Role
from portal.core.schedule import Frequency
from portal.core.terms import hash_text
from portal.models import Event, Message, Plan, User
from portal.services import accounts, offers
from portal.services.sign_in import authenticate
from portal.services.transaction import unit_of_work
from tests import factories
from tests.factories import NOW, TODAY, account, offered_plan, plan_of, proposal


def fields_at_fault(session, merchant, offered, now=NOW):
    with pytest.raises(InvalidInput) as refused, unit_of_work(session):
        offers.offer(session, merchant, offered, now)
    return set(refused.value.errors)


def test_an_offer_is_what_the_preview_showed(session, shop, ada):
    asked = proposal(ada.email, total=10000, parts=3, first=date(2026, 3, 31))
    lines = offers.preview(shop, asked, NOW)
    with unit_of_work(session):
        plan_id = offers.offer(session, shop, asked, NOW)
    plan = plan_of(session, ada, plan_id)
    assert [(i.number, i.amount, i.due_on) for i in plan.installments] == [
        (line.number, line.amount, line.due_on) for line in lines
    ]
    assert [i.amount for i in plan.installments] == [3334, 3333, 3333]
    assert [str(i.due_on) for i in plan.installments] == ["2026-03-31", "2026-04-30", "2026-05-31"]
    assert (plan.state, plan.owed, plan.total) == ("offered", 0, 10000)


def test_an_offer_posts_no_debt_but_tells_the_customer_and_the_timeline(session, shop, ada):
    plan_id = offered_plan(session, shop, ada.email)
    assert factories.row_counts(session)["postings"] == 0
    assert session.scalars(select(Event.kind).where(Event.plan_id == plan_id)).all() == ["plan_offered"]
    email = session.scalars(select(Message).where(Message.plan_id == plan_id)).one()
    assert (email.kind, email.user_id, email.merchant_id) == ("offer_sent", ada.id, shop.id)


def test_the_terms_are_frozen_when_the_offer_is_sent(session, shop, ada):
    plan_id = offered_plan(session, shop, ada.email)
    before = plan_of(session, ada, plan_id)
    with unit_of_work(session):
        accounts.change_shop(session, shop, "Renamed", "new@example.com", "Asia/Tokyo", NOW)
    after = plan_of(session, ada, plan_id)
    assert (after.terms, after.terms_hash) == (before.terms, before.terms_hash)
    assert after.terms_hash == hash_text(after.terms)
    said = json.loads(after.terms)
    assert (said["seller"], said["buyer"], said["total"]) == ("Corner Shop", ada.email, "100.00")


@pytest.mark.parametrize(
    ("zone", "today"), [("Pacific/Kiritimati", date(2026, 3, 3)), ("Pacific/Pago_Pago", date(2026, 3, 1))]
)
def test_the_shops_own_day_decides_the_last_day(session, zone, today):
    now = datetime(2026, 3, 2, 10, 30, tzinfo=UTC)
    shop = factories.make_merchant(session, "Far Away", timezone=zone)
    ada = factories.make_customer(session)
    plan = plan_of(session, ada, offered_plan(session, shop, ada.email, now=now), now)
    assert plan.today == today
    assert plan.last_day == today + timedelta(days=30)


def test_an_unknown_address_is_invited_and_signing_up_claims_its_offers(session, shop):
    plan_id = offered_plan(session, shop, "New.Person@Example.com")
    invited = session.scalars(select(User).where(User.email == "new.person@example.com")).one()
    assert (invited.password_hash, invited.role) == (None, "customer")
    person = factories.sign_up(session, account(Role.CUSTOMER, "New Person", email="NEW.PERSON@example.com"))
    assert person.id == invited.id
    assert plan_of(session, person, plan_id).customer_name == "New Person"
    factories.accept(session, person, plan_id)
    assert plan_of(session, person, plan_id).state == "active"


def test_an_invited_address_is_invited_once(session, shop):
    first = offered_plan(session, shop, "new.person@example.com")
    second = offered_plan(session, shop, "NEW.person@example.com")
    customers = session.scalars(select(Plan.customer_id).where(Plan.id.in_([first, second]))).all()
    assert len(customers) == 2
    assert len(set(customers)) == 1


def test_nobody_can_sign_in_to_an_account_that_waits_to_be_claimed(session, shop):
    offered_plan(session, shop, "new.person@example.com")
    for guess in ("", "None", factories.PASSWORD):
        found = authenticate(
            session, factories.passwords(), "new.person@example.com", guess, factories.ORIGIN, NOW
        )
        assert found is None


def test_a_shop_cannot_offer_to_itself(session, shop):
    for spelling in (shop.email, "Corner.Shop@EXAMPLE.com", f" {shop.email} "):
        assert fields_at_fault(session, shop, proposal(spelling)) == {"customer_email"}


def test_only_a_shop_offers(session, shop, ada):
    for somebody in (ada, factories.make_admin(session)):
        with pytest.raises(Forbidden), unit_of_work(session):
            offers.offer(session, somebody, proposal("new.person@example.com"), NOW)


def test_all_fields_at_fault_are_named_at_once_and_nothing_is_stored(session, shop):
    before = factories.row_counts(session)
    bad = offers.Proposal("nobody", "so\0fa", 0, 61, TODAY.replace(year=1999), Frequency.MONTHLY)
    faults = fields_at_fault(session, shop, bad)
    assert faults == {"customer_email", "description", "total_amount", "num_installments", "start_date"}
    assert factories.row_counts(session) == before


def test_a_refused_offer_to_an_unknown_address_invites_nobody(session, shop):
    before = factories.row_counts(session)
    assert fields_at_fault(session, shop, proposal("new.person@example.com", total=2, parts=3)) == {
        "total_amount"
    }
    assert factories.row_counts(session) == before


def test_a_card_number_is_refused_in_the_description(session, shop, ada):
    asked = proposal(ada.email, description="charge 4111 1111 1111 1111")
    assert fields_at_fault(session, shop, asked) == {"description"}


def test_references_are_eight_clear_signs_and_differ(session, shop, ada):
    for _ in range(5):
        offered_plan(session, shop, ada.email, parts=1)
    references = session.scalars(select(Plan.reference)).all()
    assert len(set(references)) == 5
    assert all(len(r) == 8 and r.isalnum() and r.isupper() and not set(r) & set("01ILO") for r in references)
