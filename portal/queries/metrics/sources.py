"""Sums between boundary dates, from the rollup tables: the source of the dashboard's numbers, one statement each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Date,
    Integer,
    Select,
    Subquery,
    Uuid,
    bindparam,
    case,
    func,
    literal_column,
    select,
    union_all,
)
from sqlalchemy.orm import Session

from portal.core.calendar import business_date
from portal.core.periods import DateRange, Period, ReportingPeriod
from portal.core.roles import Actor
from portal.models import Base, CohortRollup, DueRollup, Installment, Plan, PostedRollup
from portal.models.rollups import MetricDelta


@dataclass(frozen=True)
class Sums:
    """The sums of each bucket of days: bucket n begins with boundary n - 1 and ends before boundary n."""

    boundaries: tuple[date, ...]
    buckets: dict[int, Any]

    def total(self, name: str, first: date = date.min, end: date = date.max) -> int:
        """Sum a column from ``first`` on and before ``end``; each is a boundary, ``date.min`` or ``date.max``."""
        starts, ends = (date.min, *self.boundaries), (*self.boundaries, date.max)
        return sum(
            int(getattr(sums, name))
            for n, sums in self.buckets.items()
            if starts[n] >= first and ends[n] <= end
        )

    def within(self, name: str, span: DateRange) -> int:
        return self.total(name, span.first, span.end)


def frame_of(merchant: Actor, now: datetime, period: str = Period.ALL) -> ReportingPeriod:
    """The merchant's today, and what it is in the zones of its earlier plans. Raises ``ValueError`` for no period."""
    today = business_date(now, merchant.timezone)
    dates = {zone: business_date(now, zone) for zone in merchant.earlier_timezones}
    return ReportingPeriod(today, Period(period), {zone: day for zone, day in dates.items() if day != today})


def by_due_date(session: Session, merchant_id: UUID, frame: ReportingPeriod) -> Sums:
    """What installments of accepted plans come to, by due date: one statement."""
    spans = [*_periods(frame), *frame.ages.values(), *frame.weeks.values(), *frame.months.values()]
    return _sums(session, DueRollup, "due_on", merchant_id, spans)


def by_posting_day(session: Session, merchant_id: UUID, frame: ReportingPeriod) -> Sums:
    """What was posted, by the merchant's date: one statement."""
    spans = [*_periods(frame), *frame.months.values()]
    return _sums(session, PostedRollup, "posted_on", merchant_id, spans)


def receivable_before(session: Session, merchant_id: UUID, day: date) -> int:
    """What customers owed on accepted plans before a day, in minor units: one statement."""
    sums = _sums(session, PostedRollup, "posted_on", merchant_id, [DateRange(day, day)])
    return sums.total("owed", end=day)


@dataclass(frozen=True, slots=True)
class Late:
    """Minor units that are late, of so many installments."""

    amount: int
    count: int

    def __add__(self, other: Late) -> Late:
        return Late(self.amount + other.amount, self.count + other.count)


def newest_late(session: Session, merchant_id: UUID, frame: ReportingPeriod) -> Late:
    """What is late although it is not due yet at the shop's date, by a mark or by the date in the plan's zone."""
    early = late_before_due(session, merchant_id, frame)
    return sum(late_elsewhere(session, merchant_id, frame), early)


def late_before_due(session: Session, merchant_id: UUID, frame: ReportingPeriod) -> Late:
    """Installments marked late that are due today or later, because the merchant moved to an earlier time zone; rare.

    ``late_on`` is cleared when the balance reaches zero, so every marked row has a balance.
    """
    amount, count = session.execute(_MARKED, {"merchant": merchant_id, "today": frame.today}).one()
    return Late(int(amount), count)


def late_elsewhere(session: Session, merchant_id: UUID, frame: ReportingPeriod) -> list[Late]:
    """Installments late in the plan's zone but not the shop's; those late in the shop's zone only count as negative.

    No statement if all zones have the same date; else one that reads the installments of a day or two.
    """
    if not frame.elsewhere:
        return []
    query = _UNDECIDED.where(Plan.timezone.in_(frame.elsewhere))
    values = {"merchant": merchant_id, "first": frame.undecided.first, "last": frame.undecided.last}
    found = []
    for due_on, zone, owed in session.execute(query, values):
        sign = (due_on < frame.elsewhere[zone]) - (due_on < frame.today)
        found.append(Late(sign * owed, sign))
    return found


# Installments already marked late are late in every zone.
_UNDECIDED = (
    select(Installment.due_on, Plan.timezone, Installment.owed)
    .join(Plan)
    .where(
        Installment.merchant_id == bindparam("merchant"),
        Installment.due_on.between(bindparam("first"), bindparam("last")),
        Installment.owed > 0,
        Installment.late_on.is_(None),
        Plan.acceptance_id.is_not(None),
    )
)


def by_month_of_acceptance(
    session: Session, merchant_id: UUID, frame: ReportingPeriod
) -> dict[date, tuple[int, int]]:
    """How many were paid on time, of how many that were due before today, by the month of the plan's acceptance."""
    first = next(iter(frame.months))
    rows = session.execute(_cohorts(), {"merchant": merchant_id, "first": first, "today": frame.today})
    return {month: (int(on_time), int(rated)) for month, on_time, rated in rows}


_MARKED = select(func.coalesce(func.sum(Installment.owed), 0), func.count()).where(
    Installment.merchant_id == bindparam("merchant"),
    Installment.late_on.is_not(None),
    Installment.due_on >= bindparam("today"),
)


@cache
def _cohorts() -> Select[Any]:
    kept = _kept(CohortRollup)
    return (
        select(kept.c.cohort_on, func.sum(kept.c.on_time_count), func.sum(kept.c.rated_count))
        .where(kept.c.cohort_on >= bindparam("first"), kept.c.due_on < bindparam("today"))
        .group_by(kept.c.cohort_on)
    )


def _periods(frame: ReportingPeriod) -> list[DateRange]:
    return [frame.span, DateRange(frame.span.first, frame.yesterday), frame.previous or frame.span]


def _sums(
    session: Session, table: type[Base], day: str, merchant_id: UUID, spans: Iterable[DateRange]
) -> Sums:
    boundaries = tuple(sorted({edge for span in spans for edge in (span.first, span.end)} - {date.min}))
    days = {f"boundary{n}": day_ for n, day_ in enumerate(boundaries)}
    rows = session.execute(_statement(table, day, len(boundaries)), {"merchant": merchant_id} | days)
    return Sums(boundaries, {row.bucket: row for row in rows})


@cache
def _statement(table: type[Base], day: str, boundaries: int) -> Select[Any]:
    """Cached per number of boundaries: building the statement costs more than running it."""
    kept = _kept(table)
    bucket = case(
        *(
            (kept.c[day] < bindparam(f"boundary{n}", type_=Date), literal_column(str(n), Integer))
            for n in range(boundaries)
        ),
        else_=literal_column(str(boundaries), Integer),
    )
    sums = (func.sum(column).label(column.name) for column in kept.c if column.name != day)
    return select(bucket.label("bucket"), *sums).group_by("bucket")


def _kept(table: type[Base]) -> Subquery:
    """A merchant's rollups and pending deltas in one statement, so that each delta counts exactly once."""
    names = [column.name for column in table.__table__.columns if column.name != "merchant_id"]
    merchant = bindparam("merchant", type_=Uuid)
    both = (
        select(*(source.c[name] for name in names)).where(source.c.merchant_id == merchant)
        for source in (table.__table__, MetricDelta.__table__)
    )
    return union_all(*both).subquery()
