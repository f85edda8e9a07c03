"""The months of the demo's shops, closed by hand: added up from plans, payments, reversals, refunds and events."""

from __future__ import annotations

import re
from collections import Counter
from datetime import date
from itertools import pairwise

import pytest
from sqlalchemy import select

from portal.core.calendar import business_date
from portal.demo.people import PASSWORD, SHOPS
from portal.models import Event, Merchant, Payment, Plan, Refund, Reversal, User
from portal.queries import metrics
from portal.queries.accounts import find_actor
from tests.browserlike import Client, text
from tests.integration.test_demo import NOW, engine_name, loaded, year

__all__ = ["engine_name", "loaded", "year"]

# What each line does to what customers owe, and to the cash.
OWED = {"accepted": 1, "received": -1, "reversed": 1, "cancelled": -1, "written_off": -1}
CASH = {"received": 1, "recovered": 1, "reversed": -1, "returned": -1}


def by_hand(session, shop_id):
    """The lines of each month, by its first day: no posting and no sum of an installment is read."""
    zone = session.get_one(Merchant, shop_id).timezone
    lines = Counter()

    def add(name, day, amount):
        lines[day.replace(day=1), name] += amount

    def of(model, *where):
        return session.scalars(select(model).where(model.merchant_id == shop_id, *where))

    for plan in of(Plan, Plan.accepted_on.is_not(None)):
        assert plan.timezone == zone, "the demo's shops stay in their zones"
        add("accepted", plan.accepted_on, plan.total)
    payments = {row.id: row for row in of(Payment, Payment.state == "succeeded")}
    for payment in payments.values():
        add("recovered" if payment.recovery else "received", payment.settled_on, payment.amount)
    for row in of(Reversal):
        recovery = payments[row.payment_id].recovery
        add("recovered" if recovery else "reversed", row.reversed_on, -row.amount if recovery else row.amount)
    for refund in of(Refund):
        add("cancelled", business_date(refund.created_at, zone), refund.cancelled)
        if refund.returned:
            add("returned", business_date(refund.settled_at, zone), refund.returned)
    for kind, name in (("plan_written_off", "written_off"), ("plan_cancelled", "cancelled")):
        for event in of(Event, Event.kind == kind):
            # What a refund cancels is counted there.
            add(name, business_date(event.at, zone), event.facts.get("owed", 0))
    return lines


@pytest.mark.parametrize("place", range(len(SHOPS)))
def test_every_month_of_a_shop_is_what_its_rows_add_up_to(year, place):
    user_id = year.scalars(select(User.id).where(User.email == SHOPS[place].email)).one()
    shop = find_actor(year, user_id, 1)
    lines = by_hand(year, shop.merchant_id)
    start, end = min(first for first, _ in lines), business_date(NOW, shop.timezone).replace(day=1)
    months = [first for first in firsts(start.year, end.year + 1) if start <= first <= end]
    assert len(months) >= 12
    shown = [metrics.month(year, shop, first) for first in months]
    owed = 0
    for month in shown:
        told = {name: lines[month.first, name] for name in {*OWED, *CASH}}
        assert {name: amount for name, amount in month.figures.items() if amount} == {
            name: amount for name, amount in told.items() if amount
        }, month.first
        assert month.opening == owed, month.first
        owed += sum(sign * told[name] for name, sign in OWED.items())
        assert month.closing == owed and owed >= 0, month.first
        assert month.cash == sum(sign * told[name] for name, sign in CASH.items()), month.first
    assert all(one.closing == following.opening for one, following in pairwise(shown))
    assert owed == metrics.dashboard(year, shop, NOW).outstanding
    year.rollback()


@pytest.mark.parametrize("place", range(len(SHOPS)))
def test_the_page_of_the_fullest_month_shows_what_was_added_up_by_hand(loaded, year, place):
    email = SHOPS[place].email
    user_id = year.scalars(select(User.id).where(User.email == email)).one()
    shop_id = find_actor(year, user_id, 1).merchant_id
    lines = by_hand(year, shop_id)
    year.rollback()
    first = max(sorted({first for first, _ in lines}), key=lambda day: sum(day == on for on, _ in lines))
    told = {name: lines[first, name] for name in {*OWED, *CASH}}
    start = sum(sign * lines[on, name] for on, name in lines if on < first for sign in [OWED.get(name, 0)])
    client = Client(loaded)
    assert client.submit("/login", {"email": email, "password": PASSWORD}).status_code == 303
    page = text(client.get(f"/merchant/months/{first:%Y-%m}"))
    owed = {name: sign * told[name] for name, sign in OWED.items()}
    cash = {name: sign * told[name] for name, sign in CASH.items()}
    for part, sums, ends in (
        (
            "Receivable",
            owed,
            {"Receivable at the start": start, "Receivable at the end": start + sum(owed.values())},
        ),
        ("Cash", cash, {"Change in cash": sum(cash.values())}),
    ):
        titles = {str(metrics.FIGURES[name].title): amount for name, amount in sums.items()}
        shown = figures_of(page, part)
        assert {what: amount for what, amount in shown.items() if amount} == {
            what: amount for what, amount in (titles | ends).items() if amount
        }, (part, first)
    assert len([amount for amount in told.values() if amount]) >= 3, "a month with little to add up"


def figures_of(page, part):
    """The lines of one of the page's two tables: name and amount in minor units, digits and sign alone being read."""
    tables = re.findall(r"<table.*?</table>", page, re.DOTALL)
    (table,) = [table for table in tables if re.search(rf"<caption[^>]*>\s*{part}\s*<", table)]
    found = {}
    for row in re.findall(r"<tr.*?</tr>", table, re.DOTALL)[1:]:
        what, amount = (
            re.sub(r"<[^>]+>", "", each).strip() for each in re.findall(r"<t[hd].*?</t[hd]>", row, re.DOTALL)
        )
        minor = int(re.sub(r"\D", "", amount))
        found[what] = -minor if re.search("[-\u2212]", amount) else minor
    return found


def firsts(first_year, after):
    return [date(each, month, 1) for each in range(first_year, after) for month in range(1, 13)]


def test_the_demo_has_something_to_close_by_hand(year):
    shops = year.scalars(select(Merchant.id).where(Merchant.user_id.is_not(None))).all()
    told = {name for shop_id in shops for (_, name), amount in by_hand(year, shop_id).items() if amount}
    assert told >= {"accepted", "received", "reversed", "cancelled", "written_off"}
    year.rollback()
