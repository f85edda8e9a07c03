"""A customer's due dates for a calendar app: at a private address, what is owed and no more, until it is taken away."""

from __future__ import annotations

import logging
import re
from datetime import timedelta

import pytest
from icalendar import Calendar
from sqlalchemy import select

from portal.adapters import calendar_tokens
from portal.adapters.payments.simulator import Simulator
from portal.extensions import now
from portal.models import User
from portal.queries import admin
from portal.queries.calendars import find_key
from portal.services import accounts, calendars, refunds
from portal.services.transaction import unit_of_work
from tests import factories
from tests.browserlike import sign_in, text

ON_SQLITE = pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
PAGE = "/customer/calendar"


def address_on(client) -> str | None:
    """The path of the address that the page shows."""
    found = re.search(r"(/calendar/[\w.-]+\.ics)", text(client.get(PAGE)))
    return found[1] if found else None


def make(client) -> str:
    assert client.submit(PAGE, {}).location == PAGE
    address = address_on(client)
    assert address
    return address


@pytest.fixture
def ada_at_home(client, ada, plan):
    sign_in(client, ada)
    return client


def test_the_address_tells_what_is_owed_to_whoever_knows_it(app, ada_at_home, session, ada, plan):
    assert address_on(ada_at_home) is None
    address = make(ada_at_home)
    factories.pay(session, ada, plan.id, 1, now=now())
    answer = app.test_client().get(address)
    assert (answer.status_code, answer.content_type) == (200, "text/calendar; charset=utf-8")
    calendar = text(answer).replace("\r\n ", "")
    assert calendar.count("BEGIN:VEVENT") == 2
    second = plan.installments[1]
    for line in (
        f"UID:{second.id}@127.0.0.1",
        f"DTSTART;VALUE=DATE:{second.due_on:%Y%m%d}",
        "SUMMARY:Pay $33.33 to Corner Shop",
        f"/customer/plans/{plan.id}\r\n",
        rf"DESCRIPTION:Installment 2 of 3: Oak table\, {plan.reference}",
    ):
        assert line in calendar


def test_offers_and_others_plans_are_left_out(app, ada_at_home, session, shop, ada):
    address = make(ada_at_home)
    before = app.test_client().get(address).data
    factories.offered_plan(session, shop, ada.email, now=now(), first=now().date())
    ben = factories.make_customer(session, "Ben Buyer")
    factories.accepted_plan(session, shop, ben, now=now(), first=now().date())
    assert app.test_client().get(address).data == before


def test_a_new_address_ends_the_one_before_and_stopping_ends_all(app, ada_at_home, session):
    first = make(ada_at_home)
    second = make(ada_at_home)
    reader = app.test_client()
    assert [reader.get(path).status_code for path in (first, second)] == [404, 200]
    assert ada_at_home.submit(f"{PAGE}/stop", {}, page=PAGE).location == PAGE
    assert reader.get(second).status_code == 404
    assert address_on(ada_at_home) is None
    assert [row.event.kind for row in admin.list_events(session)][:3] == [
        "calendar_closed",
        "calendar_opened",
        "calendar_opened",
    ]


def test_the_address_ends_with_the_account_and_with_a_new_password(app, ada_at_home, session, ada):
    address = make(ada_at_home)
    assert "A new password ends this link too" in text(ada_at_home.get(PAGE))
    opened = factories.open_session(session, ada, now=now())
    with unit_of_work(session):
        accounts.change_password(session, ada.id, factories.password_hash(), now(), keep=opened)
    assert app.test_client().get(address).status_code == 404
    again = factories.actor(session, ada.id)
    with unit_of_work(session):
        calendars.open_calendar(session, again, now())
    boss = factories.make_admin(session)
    with unit_of_work(session):
        accounts.deactivate(session, boss, ada.id, now())
    assert find_key(session, ada) is None


@ON_SQLITE
def test_a_token_for_somebody_without_an_address_opens_nothing(app, client, session, ada, plan):
    secret = app.config["SECRET_KEY"]
    for token in (
        calendar_tokens.make(secret, ada.id, plan.id),
        calendar_tokens.make(secret, plan.id, ada.id),
        "x",
        "x.y",
        "%00",
    ):
        assert client.get(f"/calendar/{token}.ics").status_code == 404


@ON_SQLITE
def test_an_app_that_has_the_newest_calendar_is_sent_nothing(app, ada_at_home, session, ada, plan):
    address, reader = make(ada_at_home), app.test_client()
    answer = reader.get(address)
    assert answer.headers["Cache-Control"] == "private, no-cache"
    assert "Set-Cookie" not in answer.headers
    known = {"If-None-Match": answer.headers["ETag"]}
    assert (reader.get(address, headers=known).status_code, reader.get(address, headers=known).data) == (
        304,
        b"",
    )
    factories.pay(session, ada, plan.id, 1, now=now())
    assert reader.get(address, headers=known).status_code == 200


@ON_SQLITE
def test_the_calendar_speaks_its_owners_language(app, ada_at_home, session, ada):
    address = make(ada_at_home)
    with unit_of_work(session):
        session.get_one(User, ada.id).language = "ar"
    # In Arabic the currency's sign follows the amount.
    assert "33.34\N{NO-BREAK SPACE}US$" in text(
        app.test_client().get(address, headers={"Accept-Language": "en"})
    )


@ON_SQLITE
def test_four_statements_however_many_plans(app, ada_at_home, session, shop, ada, count_statements):
    address = make(ada_at_home)
    for _ in range(3):
        factories.accepted_plan(session, shop, ada, now=now(), first=now().date())
    with count_statements() as statements:
        assert text(app.test_client().get(address)).count("BEGIN:VEVENT") == 12
    assert len(statements) == 4


@ON_SQLITE
def test_the_address_is_neither_stored_nor_logged(app, ada_at_home, session, ada, caplog):
    address = make(ada_at_home)
    logging.getLogger("portal").propagate = True
    with caplog.at_level(logging.DEBUG):
        app.test_client().get(address)
        app.test_client().get(address.replace(".ics", "x.ics"))
    logging.getLogger("portal").propagate = False
    token = address.removeprefix("/calendar/").removesuffix(".ics")
    assert token not in caplog.text
    assert str(session.scalars(select(User.calendar_key).where(User.id == ada.id)).one()) not in address


@ON_SQLITE
def test_whoever_tries_many_addresses_has_to_wait(client):
    statuses = [client.get("/calendar/x.ics").status_code for _ in range(121)]
    assert statuses == [404] * 120 + [429]


def sequences(app, address) -> set[int]:
    calendar = Calendar.from_ical(app.test_client().get(address).data)
    assert all(event.stamp == event.last_modified for event in calendar.events)
    return {event.sequence for event in calendar.events}


@ON_SQLITE
def test_what_is_shown_differently_has_a_later_stamp(app, ada_at_home, session, shop, ada, plan):
    address = make(ada_at_home)
    before = sequences(app, address)
    later = now() + timedelta(minutes=1)
    with unit_of_work(session):
        accounts.choose_language(session, ada, "ar", later)
    chosen = sequences(app, address)
    assert min(chosen) > max(before)
    session.rollback()
    shown = refunds.preview(session, shop, plan.id, 1000).fingerprint
    order = refunds.Request(plan.id, 1000, shown)
    refunds.refund(session, Simulator(), shop, order, None, later + timedelta(minutes=1))
    assert min(sequences(app, address)) > max(chosen)


@ON_SQLITE
def test_a_shop_that_is_renamed_changes_no_entry_without_a_later_stamp(app, ada_at_home, session, shop, plan):
    """Plans keep the name that their terms have; were the new one shown, apps would have to hear of it."""
    address = make(ada_at_home)
    before, stamps = app.test_client().get(address).text, sequences(app, address)
    with unit_of_work(session):
        accounts.change_shop(session, shop, "متجر البلوط", shop.email, "UTC", now() + timedelta(minutes=1))
    after = app.test_client().get(address).text
    assert after == before or min(sequences(app, address)) > max(stamps)


@ON_SQLITE
def test_the_page_has_a_link_that_apps_subscribe_by(ada_at_home):
    address = make(ada_at_home)
    assert re.search(rf"href=\"webcal://[^/]+{re.escape(address)}\"", text(ada_at_home.get(PAGE)))


@ON_SQLITE
def test_once_all_is_paid_the_calendar_is_still_valid(app, ada_at_home, session, ada, plan):
    address = make(ada_at_home)
    for line in plan.installments:
        factories.pay(session, ada, plan.id, line.number, now=now())
    assert sequences(app, address) == set()
