"""Every number of a made-up shop is the sum of the rows behind it, what the API tells, and what its definition says."""

from __future__ import annotations

from datetime import date, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import select

from portal.core.calendar import business_date
from portal.core.money import to_decimal
from portal.core.periods import MONTH, Period
from portal.extensions import now
from portal.models import Installment, Plan
from portal.models.ledger import Posting
from portal.queries import exports, metrics, receivables
from portal.queries.metrics import NUMBERS, Unit
from portal.queries.metrics.dashboard import percent
from portal.queries.metrics.sources import receivable_before
from portal.services import rollups
from tests import factories
from tests.api.conftest import Program
from tests.properties_db.stories_of_shops import WEST, Story

SERIES = {
    "aging": "days",
    "expected": "on",
    "schedule": "on",
    "received_by_month": "on",
    "on_time_by_month": "on",
}


@pytest.fixture
def database_role():
    """The sums are counted afresh by the owner of the tables."""
    return "owner"


@pytest.fixture(params=[1, 2])
def told(request, app, session):
    """A shop with a past, its program, and the instant at which it is looked at."""
    until = now()
    shop = Story(session, request.param, until).tell()
    program = Program(app)
    program.sign_in(shop.username)
    yield SimpleNamespace(shop=shop, program=program, now=until)
    assert factories.broken_invariants(session) == []


def all_rows(session, shop, at, name, period, part=None):
    """Page by page, there and back again."""
    found, after = [], None
    while True:
        page = metrics.rows(session, shop, at, name, period, part=part, after=after, limit=7)
        assert page.previous_before is None or after
        found += page.rows
        if page.next_after is None:
            break
        after = page.next_after
    back, before = list(page.rows), page.previous_before
    while before:
        page = metrics.rows(session, shop, at, name, period, part=part, before=before, limit=7)
        back, before = [*page.rows, *back], page.previous_before
    assert back == found
    return found


def worth(unit: Unit, rows: list[metrics.Row]) -> Any:
    total = sum(row.value for row in rows)
    return percent(total, len(rows)) if unit is Unit.PERCENT else total


def test_every_number_is_the_sum_of_its_rows_what_the_api_tells_and_as_defined(session, told):
    """One test, since the making up takes longer than all that is asked of what was made up."""
    for period in Period:
        a_number_is_the_sum_of_its_rows_and_what_the_api_tells(session, told, period)
        if period is not Period.ALL:
            what_a_number_is_compared_with_is_as_defined(session, told, period)
    each_point_of_a_series_is_the_sum_of_its_rows_and_what_the_api_tells(session, told)
    each_month_reconciles_with_the_ledger_and_the_dashboard(session, told)
    receivables_of_a_past_day_reconcile_with_the_ledger(session, told)
    what_was_marked_late_before_the_date_went_back_is_late(session, told)
    folding_moves_no_number(session, told)


def a_number_is_the_sum_of_its_rows_and_what_the_api_tells(session, told, period):
    shown = metrics.dashboard(session, told.shop, told.now, period)
    answer = told.program.get(f"/analytics/dashboard/?period={period}").json
    for name, number in NUMBERS.items():
        if number.is_series:
            continue
        rows = all_rows(session, told.shop, told.now, name, period)
        value = worth(number.unit, rows)
        assert value == getattr(shown, name), name
        assert answer[name] == as_told(number.unit, value, told.shop.currency), name
    assert shown.overdue > 0 < shown.outstanding
    assert shown.success_rate and shown.on_time_rate


def as_told(unit: Unit, value: Any, currency: str) -> Any:
    if unit is Unit.MONEY:
        return float(to_decimal(value, currency))
    return value if value is None else float(value)


def each_point_of_a_series_is_the_sum_of_its_rows_and_what_the_api_tells(session, told):
    shown = metrics.dashboard(session, told.shop, told.now)
    answer = told.program.get("/analytics/dashboard/").json
    for name, label in SERIES.items():
        every = all_rows(session, told.shop, told.now, name, Period.ALL)
        parts = []
        for point, figure in zip(getattr(shown, name), answer[name], strict=True):
            key = str(getattr(point, label))
            rows = all_rows(session, told.shop, told.now, name, Period.ALL, key)
            parts += rows
            assert key == next(iter(figure.values()))
            if name == "on_time_by_month":
                assert (point.part, point.whole) == (sum(row.value for row in rows), len(rows))
                assert (figure["on_time"], figure["due"]) == (point.part, point.whole)
                assert figure["rate"] == as_told(Unit.PERCENT, worth(Unit.PERCENT, rows), "USD")
            else:
                assert point.amount == sum(row.value for row in rows), (name, key)
                assert figure["amount"] == float(to_decimal(point.amount, told.shop.currency))
            if name == "aging":
                assert figure["installments"] == point.installments == len(rows)
        assert sorted(parts, key=str) == sorted(every, key=str), name
        assert any(row.value for row in every), name


def each_month_reconciles_with_the_ledger_and_the_dashboard(session, told):
    """Counted one by one from the postings; what one month ends with the next begins with."""
    session.rollback()
    postings = session.execute(select(Posting.debit, Posting.credit, Posting.amount, Posting.posted_on)).all()
    today = business_date(told.now, WEST)
    received = {
        point.on: point.amount for point in metrics.dashboard(session, told.shop, told.now).received_by_month
    }
    first, before = today.replace(day=1) - 20 * MONTH, 0
    while first <= today:
        month = metrics.month(session, told.shop, first)
        until = [p for p in postings if p.posted_on < first + MONTH]
        within = [p for p in until if p.posted_on >= first]
        assert (month.opening, month.closing) == (before, net(until, "receivable"))
        assert month.cash == net(within, "cash") == received.get(first, month.cash)
        for name, amount in month.figures.items():
            entries = metrics.FIGURES[name].entries.items()
            signs = {(entry.debit, entry.credit): sign for entry, sign in entries}
            assert amount == sum(p.amount * signs.get((p.debit, p.credit), 0) for p in within), name
        first, before = first + MONTH, month.closing
    assert before == metrics.dashboard(session, told.shop, told.now).outstanding > 0


def receivables_of_a_past_day_reconcile_with_the_ledger(session, told):
    """Counted one by one from the postings until that day: the total, each installment, each age, and the file."""
    session.rollback()
    columns = (Posting.installment_id, Posting.debit, Posting.credit, Posting.amount, Posting.posted_on)
    postings = session.execute(select(*columns)).all()
    due = dict(session.execute(select(Installment.id, Installment.due_on)).all())
    days = sorted({p.posted_on for p in postings})
    for day in (days[0] - timedelta(days=1), *days[:: max(1, len(days) // 12)], days[-1]):
        owed: dict[Any, int] = {}
        for p in postings:
            if p.posted_on <= day:
                sign = (p.debit == "receivable") - (p.credit == "receivable")
                owed[p.installment_id] = owed.get(p.installment_id, 0) + sign * p.amount
        owed = {line: amount for line, amount in owed.items() if amount}
        shown = receivables.receivables(session, told.shop, day)
        assert (shown.total, shown.installments) == (sum(owed.values()), len(owed))
        assert shown.total == receivable_before(session, told.shop.merchant_id, day + timedelta(days=1))
        assert {row.id: row.value for row in rows_as_of(session, told.shop, day)} == owed
        for group in shown.groups:
            late = [line for line in owed if age_of((day - due[line]).days) == group.age]
            assert (group.amount, group.installments) == (sum(owed[line] for line in late), len(late))
        wanted = exports.ExportFilter(as_of=day)
        batches = receivables.file_rows(session, told.shop, told.now, wanted)
        assert sum(row.owed.amount for batch in batches for row in batch) == shown.total


def rows_as_of(session, shop, day):
    found, after = [], None
    while True:
        page = receivables.rows(session, shop, day, after=after, limit=7)
        found += page.rows
        after = page.next_after
        if not after:
            return found


def age_of(days: int) -> str:
    ages = {"1-30": 30, "31-60": 60, "61-90": 90}
    return receivables.NOT_DUE if days < 1 else next((a for a, most in ages.items() if days <= most), "91+")


def net(postings, account):
    return sum(p.amount * ((p.debit == account) - (p.credit == account)) for p in postings)


def folding_moves_no_number(session, told):
    before = metrics.dashboard(session, told.shop, told.now, Period.DAYS_90)
    assert rollups.roll_up(session)["folded"] > 0
    assert metrics.dashboard(session, told.shop, told.now, Period.DAYS_90) == before
    with factories.unit_of_work(session):
        rollups.rebuild_rollups(session)
    assert metrics.dashboard(session, told.shop, told.now, Period.DAYS_90) == before


def what_a_number_is_compared_with_is_as_defined(session, told, period):
    """Counted one by one from installments and postings, without a query of the portal's."""
    session.rollback()
    shown = metrics.dashboard(session, told.shop, told.now, period)
    first, before = shown.span.first, shown.previous
    lines = session.execute(
        select(Installment, Plan.accepted_on)
        .join(Plan, Plan.id == Installment.plan_id)
        .where(Plan.acceptance_id.is_not(None))
    ).all()
    postings = session.scalars(select(Posting)).all()

    def moved(account: str, since: date, until: date) -> int:
        return sum(
            posting.amount * ((posting.debit == account) - (posting.credit == account))
            for posting in postings
            if since <= posting.posted_on < until
        )

    assert shown.revenue_before == moved("cash", before.first, first)
    assert shown.outstanding_before == moved("receivable", date.min, first)
    assert before.last == first - timedelta(days=1)
    due = [(line, accepted) for line, accepted in lines if before.first <= line.due_on <= before.last]
    paid = [line for line, _ in due if line.paid and not line.owed and not line.written_off]
    kept = [line for line, _ in due if line.cancelled < line.amount]
    assert shown.success_rate_due_before == percent(len(paid), len(kept))
    judged = [line for line, accepted in due if line.cancelled < line.amount and line.due_on >= accepted]
    on_time = [line for line in judged if line in paid and line.paid_on <= line.due_on]
    assert shown.on_time_rate_due_before == percent(len(on_time), len(judged))


def what_was_marked_late_before_the_date_went_back_is_late(session, told):
    """What was due yesterday in the east is due today in the west."""
    today = business_date(told.now, WEST)
    marked = session.scalars(select(Installment).where(Installment.late_on.is_not(None))).all()
    early = [line for line in marked if line.due_on >= today]
    shown = metrics.dashboard(session, told.shop, told.now)
    late = sum(line.amount - line.paid - line.cancelled - line.written_off for line in marked)
    assert (shown.overdue, shown.overdue_installments) == (late, len(marked))
    assert sum(group.amount for group in shown.aging) == late
    assert early
