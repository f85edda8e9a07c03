"""What the numbers are made from, in one statement each: sums between the days at which numbers are cut."""

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
    """The sums of each stretch of days: stretch n begins with cut n - 1 and ends before cut n."""

    cuts: tuple[date, ...]
    stretches: dict[int, Any]

    def total(self, name: str, first: date = date.min, end: date = date.max) -> int:
        """The sum of a column from ``first`` on and before ``end``, each of them a cut or an end of the calendar."""
        starts, ends = (date.min, *self.cuts), (*self.cuts, date.max)
        return sum(
            int(getattr(sums, name))
            for n, sums in self.stretches.items()
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


@dataclass(frozen=True, slots=True)
class Late:
    """Minor units that are late, of so many installments."""

    amount: int
    count: int

    def __add__(self, other: Late) -> Late:
        return Late(self.amount + other.amount, self.count + other.count)


def late_before_due(session: Session, merchant_id: UUID, frame: ReportingPeriod) -> Late:
    """What was marked late although it is due today or later, since the merchant's date went back; nearly always none.

    The mark goes when nothing is owed any more, so whatever bears it is owed.
    """
    amount, count = session.execute(_MARKED, {"merchant": merchant_id, "today": frame.today}).one()
    return Late(int(amount), count)


def late_elsewhere(session: Session, merchant_id: UUID, frame: ReportingPeriod) -> list[Late]:
    """What is late in the zone of its plan and not at the shop, and with a minus what is late at the shop alone.

    No statement while it is the same date in all of them; else one that reads the installments of a day or two.
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


# What is marked late is late in every zone.
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
    cuts = tuple(sorted({edge for span in spans for edge in (span.first, span.end)} - {date.min}))
    days = {f"cut{n}": cut for n, cut in enumerate(cuts)}
    rows = session.execute(_statement(table, day, len(cuts)), {"merchant": merchant_id} | days)
    return Sums(cuts, {row.stretch: row for row in rows})


@cache
def _statement(table: type[Base], day: str, cuts: int) -> Select[Any]:
    """Made once for each number of cuts: making it costs more than running it."""
    kept = _kept(table)
    stretch = case(
        *(
            (kept.c[day] < bindparam(f"cut{n}", type_=Date), literal_column(str(n), Integer))
            for n in range(cuts)
        ),
        else_=literal_column(str(cuts), Integer),
    )
    sums = (func.sum(column).label(column.name) for column in kept.c if column.name != day)
    return select(stretch.label("stretch"), *sums).group_by("stretch")


def _kept(table: type[Base]) -> Subquery:
    """The folded rows of a merchant and those still to be folded, read by one statement: each counts exactly once."""
    names = [column.name for column in table.__table__.columns if column.name != "merchant_id"]
    merchant = bindparam("merchant", type_=Uuid)
    both = (
        select(*(source.c[name] for name in names)).where(source.c.merchant_id == merchant)
        for source in (table.__table__, MetricDelta.__table__)
    )
    return union_all(*both).subquery()
