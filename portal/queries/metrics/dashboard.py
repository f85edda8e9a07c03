"""All the numbers of one merchant at once, from sums that do not grow with its plans."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal

from sqlalchemy.orm import Session

from portal.core.periods import DateRange, Period, ReportingPeriod
from portal.core.roles import Actor

from . import sources
from .sources import Late, Sums


@dataclass(frozen=True, slots=True)
class Point:
    """An amount in minor units of the week or the month that begins ``on`` a day."""

    on: date
    amount: int


@dataclass(frozen=True, slots=True)
class AgeGroup:
    """What is ``days`` late ("1-30" ... "91+"): minor units, and how many installments."""

    days: str
    amount: int
    installments: int


@dataclass(frozen=True, slots=True)
class RatePoint:
    """The rate in percent of the month that begins ``on`` a day: ``part`` of ``whole``, None of nothing."""

    on: date
    part: int
    whole: int
    rate: Decimal | None


@dataclass(frozen=True, slots=True)
class Dashboard:
    """Every number of the registry under its name; amounts in minor units of ``currency``, rates in percent.

    What ends in ``_before`` is what a number is compared with, None for the period of all time.
    """

    currency: str
    period: Period
    span: DateRange
    previous: DateRange | None
    total_revenue: int
    revenue: int
    revenue_before: int | None
    outstanding: int
    outstanding_before: int | None
    overdue: int
    overdue_installments: int
    overdue_new: int
    moved: int
    success_rate: Decimal | None
    success_rate_due: Decimal | None
    success_rate_due_before: Decimal | None
    on_time_rate: Decimal | None
    on_time_rate_due: Decimal | None
    on_time_rate_due_before: Decimal | None
    written_off: int
    recovered: int
    aging: tuple[AgeGroup, ...]
    expected: tuple[Point, ...]
    schedule: tuple[Point, ...]
    received_by_month: tuple[Point, ...]
    on_time_by_month: tuple[RatePoint, ...]


def dashboard(session: Session, merchant: Actor, now: datetime, period: str = Period.ALL) -> Dashboard:
    """The merchant's numbers today, for a ``Period`` that ends today: four statements, however many plans there are;
    one more on days on which it is another date in the zone of some plans.

    Raises ``ValueError`` for a period that does not exist.
    """
    frame = sources.frame_of(merchant, now, period)
    due = sources.by_due_date(session, merchant.merchant_id, frame)
    posted = sources.by_posting_day(session, merchant.merchant_id, frame)
    span, before = frame.span, frame.previous
    newest, moved = sources.newest_late_and_moved(session, merchant.merchant_id, frame)
    late = Late(due.total("owed", end=frame.today), due.total("owed_count", end=frame.today)) + newest
    fell_due = DateRange(span.first, frame.yesterday)
    return Dashboard(
        currency=merchant.currency,
        period=frame.period,
        span=span,
        previous=before,
        total_revenue=posted.total("revenue"),
        revenue=posted.total("revenue", span.first),
        revenue_before=before and posted.within("revenue", before),
        outstanding=due.total("owed"),
        outstanding_before=before and posted.total("owed", end=span.first),
        overdue=late.amount,
        overdue_installments=late.count,
        overdue_new=due.total("owed", span.first, frame.today) + newest.amount,
        moved=moved,
        success_rate=_rate_of_paid(due.total("paid_count"), late.count + due.total("written_off_count")),
        success_rate_due=_success(due, fell_due),
        success_rate_due_before=before and _success(due, before),
        on_time_rate=_on_time(due, DateRange(date.min, frame.yesterday)),
        on_time_rate_due=_on_time(due, fell_due),
        on_time_rate_due_before=before and _on_time(due, before),
        written_off=posted.total("written_off", span.first),
        recovered=posted.total("recovered", span.first),
        aging=_aging(due, newest, frame),
        expected=_points(due, "owed", frame.weeks),
        schedule=_points(due, "scheduled", frame.months),
        received_by_month=_points(posted, "revenue", frame.months),
        on_time_by_month=_rates(sources.by_month_of_acceptance(session, merchant.merchant_id, frame), frame),
    )


def _rates(cohorts: dict[date, tuple[int, int]], frame: ReportingPeriod) -> tuple[RatePoint, ...]:
    return tuple(_rate_point(month, *cohorts.get(month, (0, 0))) for month in frame.months)


def _success(due: Sums, span: DateRange) -> Decimal | None:
    names = ("paid_count", "owed_count", "written_off_count")
    paid, owed, written_off = (due.within(name, span) for name in names)
    return _rate_of_paid(paid, owed + written_off)


def _rate_of_paid(paid: int, not_paid: int) -> Decimal | None:
    return percent(paid, paid + not_paid)


def _on_time(due: Sums, span: DateRange) -> Decimal | None:
    return percent(due.within("on_time_count", span), due.within("rated_count", span))


def _aging(due: Sums, newest_late: Late, frame: ReportingPeriod) -> tuple[AgeGroup, ...]:
    """What was stamped late before its due date came, or came again, is of the newest; so is what time zones decide."""
    counted = {
        days: Late(due.within("owed", span), due.within("owed_count", span))
        for days, span in frame.ages.items()
    }
    newest = next(iter(counted))
    counted[newest] += newest_late
    return tuple(AgeGroup(days, late.amount, late.count) for days, late in counted.items())


def _points(sums: Sums, name: str, spans: dict[date, DateRange]) -> tuple[Point, ...]:
    return tuple(Point(start, sums.within(name, span)) for start, span in spans.items())


def _rate_point(month: date, part: int, whole: int) -> RatePoint:
    return RatePoint(month, part, whole, percent(part, whole))


def percent(part: int, whole: int) -> Decimal | None:
    """``part`` of ``whole`` with two decimals; None of nothing."""
    if not whole:
        return None
    return (Decimal(100 * part) / whole).quantize(Decimal("0.01"), ROUND_HALF_UP)
