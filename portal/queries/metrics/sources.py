"""Sums between boundary dates, from the rollup tables: the source of the dashboard's numbers, one statement each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache, cached_property, lru_cache
from uuid import UUID

from sqlalchemy import (
    Date,
    Integer,
    Subquery,
    Uuid,
    bindparam,
    case,
    func,
    literal_column,
    select,
    union_all,
)
from sqlalchemy.orm import Session, aliased

from portal.core.calendar import business_date
from portal.core.periods import DateRange, Period, ReportingPeriod
from portal.core.roles import Actor
from portal.models import Base, CohortRollup, DueRollup, Installment, Plan, PostedRollup
from portal.models.rollups import MetricDelta
from portal.statements import Reading, Rows


class Sums:
    """The sums of each column up to each boundary date, so that those of any range are a difference."""

    def __init__(self, boundaries: Boundaries, names: Sequence[str], rows: Rows) -> None:
        """``rows`` are buckets with their sums: bucket n begins with boundary n - 1 and ends before boundary n."""
        self._places = boundaries.places
        buckets = {bucket: sums for bucket, *sums in rows}
        running, upto = [0] * len(names), [(0,) * len(names)]
        for bucket in range(len(boundaries.days) + 1):
            if found := buckets.get(bucket):
                running = [int(sum_) + more for sum_, more in zip(running, found, strict=True)]
            upto.append(tuple(map(int, running)))
        self._upto = dict(zip(names, zip(*upto, strict=True), strict=True))

    def total(self, name: str, first: date = date.min, end: date = date.max) -> int:
        """Sum a column from ``first`` on and before ``end``; each is a boundary, ``date.min`` or ``date.max``."""
        upto = self._upto[name]
        return upto[self._places[end]] - upto[self._places[first]]

    def within(self, name: str, span: DateRange) -> int:
        return self.total(name, span.first, span.end)


@dataclass(frozen=True)
class Boundaries:
    """The days between which sums are asked for: in order, the place of each, and as parameters of a statement."""

    days: tuple[date, ...]
    places: Mapping[date, int]
    params: Mapping[str, date]

    @classmethod
    def of(cls, spans: Iterable[DateRange]) -> Boundaries:
        days = tuple(sorted({edge for span in spans for edge in (span.first, span.end)} - {date.min}))
        places = {day: place for place, day in enumerate((date.min, *days, date.max))}
        return cls(days, places, {f"boundary{n}": day for n, day in enumerate(days)})


@dataclass(frozen=True)
class Frame(ReportingPeriod):
    """A reporting period with the boundaries of its sums, kept for as long as it is today."""

    @cached_property
    def due(self) -> Boundaries:
        return Boundaries.of([*self._own, *self.ages.values(), *self.weeks.values(), *self.months.values()])

    @cached_property
    def posted(self) -> Boundaries:
        return Boundaries.of([*self._own, *self.months.values()])

    @property
    def _own(self) -> list[DateRange]:
        return [self.span, DateRange(self.span.first, self.yesterday), self.previous or self.span]


def frame_of(merchant: Actor, now: datetime, period: str = Period.ALL) -> Frame:
    """The merchant's today, and what it is in the zones of its earlier plans. Raises ``ValueError`` for no period."""
    today = business_date(now, merchant.timezone)
    dates = ((zone, business_date(now, zone)) for zone in merchant.earlier_timezones)
    return _frame(today, Period(period), tuple((zone, day) for zone, day in dates if day != today))


@lru_cache(maxsize=256)
def _frame(today: date, period: Period, elsewhere: tuple[tuple[str, date], ...]) -> Frame:
    return Frame(today, period, dict(elsewhere))


def by_due_date(session: Session, merchant_id: UUID, frame: Frame) -> Sums:
    """What installments of accepted plans come to, by due date: one statement."""
    return _sums(session, DueRollup, "due_on", merchant_id, frame.due)


def by_posting_day(session: Session, merchant_id: UUID, frame: Frame) -> Sums:
    """What was posted, by the merchant's date: one statement."""
    return _sums(session, PostedRollup, "posted_on", merchant_id, frame.posted)


def receivable_before(session: Session, merchant_id: UUID, day: date) -> int:
    """What customers owed on accepted plans before a day, in minor units: one statement."""
    boundaries = Boundaries.of([DateRange(day, day)])
    return _sums(session, PostedRollup, "posted_on", merchant_id, boundaries).total("owed", end=day)


@dataclass(frozen=True, slots=True)
class Late:
    """Minor units that are late, of so many installments."""

    amount: int
    count: int

    def __add__(self, other: Late) -> Late:
        return Late(self.amount + other.amount, self.count + other.count)


def newest_late_and_moved(session: Session, merchant_id: UUID, frame: ReportingPeriod) -> tuple[Late, int]:
    """What is late although it is not due yet at the shop's date, by a mark or by the date in the plan's zone; and the
    minor units that are owed of installments due by an amendment.

    Few are marked late and due today or later: where the merchant moved to an earlier time zone. ``late_on`` is
    cleared when the balance reaches zero, so every marked row has a balance.
    """
    ((amount, count, moved),) = _MARKED_AND_MOVED(session, merchant=merchant_id, today=frame.today)
    early = Late(int(amount), count)
    return sum(late_elsewhere(session, merchant_id, frame), early), int(moved)


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
    rows = _cohorts()(session, merchant=merchant_id, first=first, today=frame.today)
    return {month: (int(on_time), int(rated)) for month, on_time, rated in rows}


_ANY = aliased(Installment)
_MOVED = (
    select(func.coalesce(func.sum(_ANY.owed), 0))
    .where(
        _ANY.merchant_id == bindparam("merchant"),
        _ANY.amendment_id.is_not(None),
        _ANY.owed > literal_column("0"),
    )
    .scalar_subquery()
)
_MARKED_AND_MOVED = Reading(
    select(func.coalesce(func.sum(Installment.owed), 0), func.count(), _MOVED).where(
        Installment.merchant_id == bindparam("merchant"),
        Installment.late_on.is_not(None),
        Installment.due_on >= bindparam("today"),
    )
)


@cache
def _cohorts() -> Reading:
    kept = _kept(CohortRollup)
    return Reading(
        select(kept.c.cohort_on, func.sum(kept.c.on_time_count), func.sum(kept.c.rated_count))
        .where(kept.c.cohort_on >= bindparam("first"), kept.c.due_on < bindparam("today"))
        .group_by(kept.c.cohort_on)
    )


def _sums(session: Session, table: type[Base], day: str, merchant_id: UUID, boundaries: Boundaries) -> Sums:
    read, names = _statement(table, day, len(boundaries.days))
    return Sums(boundaries, names, read(session, merchant=merchant_id, **boundaries.params))


@cache
def _statement(table: type[Base], day: str, boundaries: int) -> tuple[Reading, list[str]]:
    """One for each number of boundaries, with the names of its sums."""
    kept = _kept(table)
    bucket = case(
        *(
            (kept.c[day] < bindparam(f"boundary{n}", type_=Date), literal_column(str(n), Integer))
            for n in range(boundaries)
        ),
        else_=literal_column(str(boundaries), Integer),
    )
    names = [column.name for column in kept.c if column.name != day]
    sums = (func.sum(kept.c[name]).label(name) for name in names)
    return Reading(select(bucket.label("bucket"), *sums).group_by("bucket")), names


def _kept(table: type[Base]) -> Subquery:
    """A merchant's rollups and pending deltas in one statement, so that each delta counts exactly once."""
    names = [column.name for column in table.__table__.columns if column.name != "merchant_id"]
    merchant = bindparam("merchant", type_=Uuid)
    both = (
        select(*(source.c[name] for name in names)).where(source.c.merchant_id == merchant)
        for source in (table.__table__, MetricDelta.__table__)
    )
    return union_all(*both).subquery()
