"""A plan's days are those of the zone in its terms, on every page and in every job, wherever its shop moves."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest

from portal.core.calendar import business_date
from portal.queries import exports, merchant, metrics, plan_rows
from portal.queries.exports import ExportFilter
from portal.queries.merchant import PlanListQuery
from portal.services import accounts, daily_run
from portal.services.transaction import unit_of_work
from tests import factories

# 25 hours apart: for an hour of each day they are two dates apart.
EAST, WEST = "Pacific/Kiritimati", "Pacific/Pago_Pago"
SENT = datetime(2026, 3, 2, 10, 30, tzinfo=UTC)
DUE = date(2026, 3, 20)
INSTANTS = [datetime(2026, 3, 18, 22, 30, tzinfo=UTC) + timedelta(hours=4 * n) for n in range(18)]
DAY_BEFORE = DUE - timedelta(days=1)


def move(session, shop, zone):
    with unit_of_work(session):
        accounts.change_shop(session, shop, shop.name, shop.email, zone, SENT)
    return factories.actor(session, shop.id)


@pytest.fixture(params=[(EAST, WEST), (WEST, EAST)], ids=["westwards", "eastwards"])
def moved(request, session, ada):
    """A shop that moved after three plans and an offer, with one more plan from its new zone."""
    first, then = request.param
    shop = factories.make_merchant(session, "Moving Shop", timezone=first, now=SENT)
    ends = (DAY_BEFORE, DUE, DUE + timedelta(days=1))
    for due in ends:
        factories.accepted_plan(
            session, shop, ada, now=SENT, first=due, parts=2, total=2000, description=first
        )
    factories.offered_plan(session, shop, ada.email, now=SENT, first=DUE, description=first)
    shop = move(session, shop, then)
    factories.accepted_plan(session, shop, ada, now=SENT, first=DUE, parts=1, total=500, description=then)
    return shop


def late_of(plans, now):
    """What of these plans is late by the date in the zone that their description names."""
    zones = {plan.id: plan.description for plan in plans}
    return {
        i.id: i.owed
        for plan in plans
        for i in plan.installments
        if plan.accepted_on and i.due_on < business_date(now, zones[plan.id])
    }


def lists(session, shop, ada, now):
    """Which installments are late by each list, with what is owed on them."""
    plans = factories.plans_of(session, ada, now)
    return {
        "card": {i.id: i.owed for p in plans for i in p.installments if i.status == "late"},
        "customer's list": _ids(
            plan_rows.list_installments(session, ada, now, status="late", after=None, limit=99)
        ),
        "shop's list": _ids(
            plan_rows.list_installments(session, shop, now, status="late", after=None, limit=99)
        ),
        "rows": {row.id: row.value for row in metrics.rows(session, shop, now, "overdue").rows},
        "rows by age": {
            row.id: row.value
            for age in ("1-30", "31-60", "61-90", "91+")
            for row in metrics.rows(session, shop, now, "aging", part=age).rows
        },
    }


def sums(session, shop, now):
    """What the numbers and files say is late: minor units, and of how many installments."""
    wanted = ExportFilter(status="late")
    with_late = ExportFilter(plan_status="overdue")
    numbers = metrics.dashboard(session, shop, now, "30d")
    debtors = metrics.debtors(session, shop, now)
    return {
        "overdue": (numbers.overdue, numbers.overdue_installments),
        "new": (numbers.overdue_new, numbers.overdue_installments),
        "aging": (sum(a.amount for a in numbers.aging), sum(a.installments for a in numbers.aging)),
        "debtors": (
            sum(d.amount for found in debtors.values() for d in found),
            sum(d.installments for found in debtors.values() for d in found),
        ),
        "installments.csv": _sum(
            row.owed.amount for part in exports.installments(session, shop, now, wanted) for row in part
        ),
        "plans.csv": (
            sum(row.overdue.amount for part in exports.plans(session, shop, now, with_late) for row in part),
            numbers.overdue_installments,
        ),
        "plans": (
            sum(
                p.overdue_amount
                for p in merchant.list_plans(session, shop, now, PlanListQuery(status="overdue")).plans
            ),
            numbers.overdue_installments,
        ),
    }


def _ids(listed):
    return {UUID(entry.row.id): entry.row.owed for entry in listed}


def _sum(amounts):
    amounts = list(amounts)
    return sum(amounts), len(amounts)


def check(session, shop, ada, now):
    """Every list and number says of each installment what the zone of its plan says; returns what is late."""
    session.rollback()
    late = late_of(factories.plans_of(session, ada, now), now)
    shown, summed = lists(session, shop, ada, now), sums(session, shop, now)
    session.rollback()
    assert shown == dict.fromkeys(shown, late), now
    assert summed == dict.fromkeys(summed, (sum(late.values()), len(late))), now
    return late


def test_every_list_and_number_counts_the_days_of_each_plan(session, moved, ada):
    seen = set()
    for now in INSTANTS:
        late = check(session, moved, ada, now)
        seen.add(len(late))
    assert len(seen) >= 3


def test_the_daily_job_marks_and_ends_by_the_date_in_the_plans_zone(session, moved, ada):
    for now in INSTANTS:
        daily_run.run(session, now)
        session.rollback()
        check(session, moved, ada, now)
    assert factories.broken_invariants(session) == []


def test_each_zone_has_its_run_of_each_date_once(session, moved):
    now = datetime(2026, 3, 20, 10, 30, tzinfo=UTC)
    dates = daily_run.dates(session, now)
    assert dates == [date(2026, 3, 19), date(2026, 3, 20), date(2026, 3, 21)]
    marked = [daily_run.run(session, now, where_it_is=on)["overdue"] for on in dates]
    assert sum(marked) > 0
    session.rollback()
    assert daily_run.run(session, now)["overdue"] == 0


def test_a_shop_that_comes_back_looks_where_it_has_been(session, moved):
    own, (earlier,) = moved.timezone, moved.earlier_timezones
    assert move(session, moved, own).timezones == (own, earlier)
    assert move(session, moved, earlier).timezones == (earlier, own)
    assert move(session, moved, "UTC").timezones == ("UTC", earlier, own)


def test_the_terms_name_the_shop_and_its_address_for_support(session, shop, ada):
    plan_id = factories.accepted_plan(session, shop, ada)
    with unit_of_work(session):
        accounts.change_shop(session, shop, "Other Name", "new@example.com", "UTC", SENT)
    plan = factories.plan_of(session, ada, plan_id)
    assert (plan.merchant_name, plan.support_email, plan.timezone) == (shop.name, shop.email, shop.timezone)
