"""Who has an account opens a further shop: with an id of its own, and everything about it apart from the others."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import select

from portal.core.errors import Conflict, Forbidden
from portal.extensions import now
from portal.models import Event, Member, Merchant
from portal.queries.team import shops_of
from portal.services import further_shops, shops
from portal.services.transaction import unit_of_work
from tests import factories
from tests.api.conftest import Program
from tests.browserlike import sign_in, text

NEW = "/account/shops/new"
GARDEN = {"name": "Garden Shop", "currency": "EUR", "timezone": "Europe/Berlin"}


@pytest.fixture
def boss(session):
    return factories.make_admin(session, now=now())


def shop_called(session, name):
    session.rollback()
    return session.scalars(select(Merchant).where(Merchant.name == name)).one()


def open_shop(session, person, name="Garden Shop"):
    with unit_of_work(session):
        return further_shops.open_shop(session, person, name, "EUR", "Europe/Berlin", now())


def test_a_merchant_opens_another_shop_and_sells_in_it(app, client, session, shop, ada):
    sign_in(client, shop)
    assert f'href="{NEW}"' in client.get("/account/shops").get_data(as_text=True)
    answer = client.submit(NEW, GARDEN)
    assert (answer.status_code, answer.location) == (303, "/merchant/")
    made = shop_called(session, "Garden Shop")
    assert made.id not in (shop.id, shop.member_of) and made.user_id == shop.id
    assert (made.currency, made.timezone, made.support_email) == ("EUR", "Europe/Berlin", shop.email)
    assert "Garden Shop" in text(client.get("/merchant/"))
    owner = replace(
        factories.actor(session, shop.id), member_of=made.id, currency="EUR", timezone=made.timezone
    )
    plan_id = factories.accepted_plan(session, owner, ada, now=now(), first=now().date())
    factories.pay(session, ada, plan_id, 1, now=now())
    for page in ("/merchant/plans/", f"/merchant/plans/{plan_id}"):
        assert "Oak table" in text(client.get(page)), page
    # The session goes on in one shop or the other; what is of one is not there in the other.
    assert client.submit(f"/account/shops/{shop.id}", {}, page="/account/shops").status_code == 303
    assert client.get(f"/merchant/plans/{plan_id}").status_code == 404
    program = Program(app)
    program.sign_in(shop.email)
    assert program.get(f"/plans/{plan_id}/").status_code == 404
    assert {row["id"] for row in program.get("/auth/me/").json["merchants"]} == {str(shop.id), str(made.id)}


def test_a_customer_opens_a_first_shop_and_starts_there_from_then_on(app, client, session, shop, ada):
    plan_id = factories.offered_plan(session, shop, ada.email, now=now())
    sign_in(client, ada)
    assert client.get("/merchant/").status_code == 403
    assert client.submit(NEW, GARDEN).location == "/merchant/"
    assert "Oak table" in text(client.get(f"/customer/plans/{plan_id}")), "she still buys elsewhere"
    again = app.test_client()
    assert (
        again.submit("/login", {"email": ada.email, "password": factories.PASSWORD}).location == "/merchant/"
    )
    events = session.scalars(
        select(Event.kind).where(Event.merchant_id == shop_called(session, "Garden Shop").id)
    )
    assert events.all() == ["shop_opened"]


def test_what_was_typed_is_kept_with_every_fault_named(client, session, shop):
    sign_in(client, shop)
    answer = client.submit(NEW, {"name": "4242 4242 4242 4242", "currency": "XXX", "timezone": "Mars/Base"})
    page = answer.get_data(as_text=True)
    assert answer.status_code == 422 and "4242 4242" in page
    for words in ("Choose a currency from the list.", "Choose a time zone from the list."):
        assert words in page
    assert len(session.scalars(select(Merchant.id)).all()) == 2


def test_nobody_owns_more_than_five_and_a_suspended_shop_stops_it(session, shop, boss):
    for number in range(further_shops.MOST_OWNED - 1):
        open_shop(session, shop, f"Shop {number}")
    before = factories.row_counts(session)
    with pytest.raises(Conflict, match="5 shops"):
        open_shop(session, shop)
    assert factories.row_counts(session) == before
    other = factories.make_merchant(session, "Other Shop")
    with unit_of_work(session):
        shops.suspend(session, boss, other.id, now())
    with pytest.raises(Conflict) as refused:
        open_shop(session, other)
    assert refused.value.code == "shop_suspended"
    assert [m.role for m in shops_of(session, shop.id)] == ["owner"] * further_shops.MOST_OWNED


def test_it_needs_a_verified_address_and_no_admin(client, session, shop, boss):
    with pytest.raises(Forbidden) as refused:
        open_shop(session, replace(shop, must_verify=True))
    assert refused.value.code == "email_unverified"
    with pytest.raises(Conflict):
        open_shop(session, boss)
    sign_in(client, boss)
    assert client.get(NEW).status_code == 409, "the form is not shown either"


def test_an_admin_steers_a_shop_whose_id_is_no_persons(client, session, shop, boss):
    made = open_shop(session, shop)
    sign_in(client, boss)
    person = client.get(f"/admin/users/{shop.id}").get_data(as_text=True)
    assert f'href="/admin/shops/{made}"' in person and f'href="/admin/shops/{shop.id}"' in person
    page = f"/admin/shops/{made}"
    assert client.get(f"/admin/users/{made}").status_code == 404
    assert "Garden Shop" in text(client.get(page)) and "Corner Shop" in text(client.get(page)), (
        "its owner's name"
    )
    assert client.submit(f"{page}/suspend", {}, page=page).status_code == 303
    assert client.submit(f"{page}/offers-per-day", {"offers_per_day": "7"}, page=page).status_code == 303
    session.rollback()
    assert session.get_one(Merchant, made).offers_per_day == 7
    assert (
        session.get_one(Merchant, made).suspended_at and not session.get_one(Merchant, shop.id).suspended_at
    )
    assert client.submit(f"{page}/lift", {}, page=page).status_code == 303
    assert client.get("/admin/shops/00000000-0000-0000-0000-000000000000").status_code == 404
    # Plans of the shop stand on its page, and on its owner's.
    owner = replace(factories.actor(session, shop.id), member_of=made, currency="EUR")
    plan_id = factories.offered_plan(session, owner, "ada.new@example.com", now=now())
    assert f'href="{page}"' in client.get(f"/admin/plans/{plan_id}").get_data(as_text=True)
    for path in (page, f"/admin/users/{shop.id}"):
        assert "ada.new@example.com" in text(client.get(path)), path


def test_its_owner_can_be_another_person_later(session, shop, ada):
    made = open_shop(session, shop)
    with unit_of_work(session):
        session.add(Member(merchant_id=made, user_id=ada.id, role="owner", created_at=now()))
    with unit_of_work(session):
        session.delete(session.get_one(Member, (made, shop.id)))
    assert [m.id for m in shops_of(session, ada.id)] == [made]
