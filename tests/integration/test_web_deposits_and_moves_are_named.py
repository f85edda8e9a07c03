"""A deposit is called that wherever it is named, and both sides read how often a plan's dates were moved."""

from __future__ import annotations

import csv
import io
from datetime import timedelta

import pytest
from icalendar import Calendar
from sqlalchemy import select

from portal.core.calendar import business_date
from portal.extensions import now
from portal.models import Message
from portal.services import overdue, reminders
from portal.services.transaction import unit_of_work
from tests import factories
from tests.browserlike import form_at, sign_in, text
from tests.integration.test_web_calendars import make


def day(ahead):
    return business_date(now(), "UTC") + timedelta(days=ahead)


@pytest.fixture
def plan_id(session, shop, ada):
    """A deposit of 10.00, due six days ago, and three installments from in ten days on."""
    then = now() - timedelta(days=6)
    return factories.accepted_plan(session, shop, ada, now=then, first=day(10), deposit=1000)


@pytest.fixture
def merchant(client, shop):
    sign_in(client, shop)
    return client


@pytest.fixture
def customer(app, ada):
    client = app.test_client()
    sign_in(client, ada)
    return client


def file_of(client, what):
    return list(
        csv.DictReader(io.StringIO(client.get(f"/merchant/exports/{what}.csv").get_data(as_text=True)))
    )


def test_the_shop_reads_deposit_on_its_pages_and_in_its_files(merchant, plan_id):
    record = f"/merchant/plans/{plan_id}/payments"
    sent = form_at(merchant, f"{record}/new", f"{record}/new") | {"amount": "15.00", "method": "cash"}
    pages = {
        "plan": merchant.get(f"/merchant/plans/{plan_id}"),
        "recording": merchant.post(f"{record}/preview", data=sent),
        "write-off": merchant.get(f"/merchant/plans/{plan_id}/write-off"),
        "amendment": merchant.get(f"/merchant/plans/{plan_id}/amendments/new"),
        "number": merchant.get("/merchant/numbers/outstanding"),
        "receivables": merchant.get("/merchant/receivables"),
    }
    for name, page in pages.items():
        assert page.status_code == 200, name
        assert "deposit" in text(page).lower(), name
    for what in ("installments", "receivables"):
        assert [row["kind"] for row in file_of(merchant, what)] == ["deposit", *["installment"] * 3], what


def test_the_customer_reads_deposit_in_the_calendar_and_before_paying(customer, plan_id):
    owed = Calendar.from_ical(customer.get(make(customer)).get_data()).walk("VEVENT")
    said = sorted(str(event["DESCRIPTION"]).split(":")[0] for event in owed)
    assert said == ["Deposit", *(f"Installment {number} of 4" for number in (2, 3, 4))]
    amount = f"/customer/plans/{plan_id}/amount"
    preview = customer.post(f"{amount}/preview", data=form_at(customer, amount, amount) | {"amount": "15.00"})
    assert "<li>Deposit: " in text(preview) and "<li>No. 2" in text(preview)


def test_what_became_late_and_is_not_any_more_is_the_deposit(merchant, customer, session, shop, plan_id):
    with unit_of_work(session):
        overdue.mark(session, shop.merchant_id, "UTC", day(0), now())
    factories.amend(session, shop, plan_id, {1: day(3)}, now=now())
    for page in (merchant.get(f"/merchant/plans/{plan_id}"), customer.get(f"/customer/plans/{plan_id}")):
        words = text(page)
        assert "Deposit, due" in words and "became late" in words
        assert "Deposit is due on" in words and "and no longer late" in words
        assert "Installment 1" not in words


def test_the_terms_and_the_journal_say_deposit(merchant, session, shop, plan_id):
    factories.amend(session, shop, plan_id, {1: day(3)}, now=now())
    for page in ("amendments/1", "terms"):
        words = text(merchant.get(f"/merchant/plans/{plan_id}/{page}"))
        assert '<th scope="row" data-label="No."><span class="deposit">Deposit</span></th>' in words, page
    said = {row["text"].rpartition(", ")[2] for row in file_of(merchant, "journal")}
    assert said == {"deposit", "installment 2", "installment 3", "installment 4"}


def test_a_reminder_of_it_knows_that_it_is_the_deposit(session, shop, plan_id):
    with unit_of_work(session):
        reminders.send_now(session, shop, plan_id, now())
    (line,) = session.scalars(select(Message.facts).where(Message.kind == "reminder")).one()["lines"]
    assert (line["number"], line["deposit"]) == (1, 1000)


def test_both_sides_read_how_often_the_dates_moved(merchant, customer, session, shop, plan_id):
    pages = (
        (merchant, f"/merchant/plans/{plan_id}"),
        (merchant, "/merchant/plans/"),
        (merchant, "/merchant/plans/?status=overdue"),
        (customer, f"/customer/plans/{plan_id}"),
        (customer, "/customer/"),
    )
    for moves, words in enumerate(("Dates moved once", "Dates moved twice", "Dates moved 3 times")):
        assert not any(words in text(client.get(page)) for client, page in pages)
        factories.amend(session, shop, plan_id, {4: day(100 + moves)}, now=now())
        for client, page in pages:
            assert words in text(client.get(page)), (words, page)
    factories.amend(session, shop, plan_id, {4: day(90)}, now=now())
    assert "Dates moved 3 times" in text(merchant.get("/merchant/plans/")), "a proposal has moved nothing"
