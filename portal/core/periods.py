"""Reporting periods and their date ranges, counted from a given day."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum
from functools import cached_property

from dateutil.relativedelta import relativedelta


class Period(StrEnum):
    """A reporting period that a merchant can choose; today is its last day."""

    DAYS_30 = "30d"
    DAYS_90 = "90d"
    MONTHS_12 = "12m"
    ALL = "all"


LENGTHS = {
    Period.DAYS_30: relativedelta(days=30),
    Period.DAYS_90: relativedelta(days=90),
    Period.MONTHS_12: relativedelta(months=12),
}

DAY, WEEK, MONTH = timedelta(days=1), timedelta(weeks=1), relativedelta(months=1)
WEEKS_AHEAD = 8
MONTHS_SHOWN = 12
AGING_BUCKETS = {"1-30": (1, 30), "31-60": (31, 60), "61-90": (61, 90), "91+": (91, None)}


@dataclass(frozen=True, slots=True)
class DateRange:
    """The days from ``first`` to ``last``, both included; ``date.min`` means no beginning."""

    first: date
    last: date

    @property
    def end(self) -> date:
        """The first day after the range."""
        return self.last + DAY


def month_of(day: date) -> date:
    """The first day of its month."""
    return day.replace(day=1)


@dataclass(frozen=True)
class ReportingPeriod:
    """The date ranges of a merchant's numbers, from the merchant's date and the chosen period.

    ``elsewhere`` holds the dates of other time zones in which the merchant has plans, where they are not ``today``:
    which of these plans' installments are late is read from them one by one.
    """

    today: date
    period: Period = Period.ALL
    elsewhere: Mapping[str, date] = field(default_factory=dict)

    @property
    def yesterday(self) -> date:
        return self.today - DAY

    @property
    def undecided(self) -> DateRange:
        """Due dates that are past in some of the merchant's time zones only; empty if all zones agree."""
        dates = [self.today, *self.elsewhere.values()]
        return DateRange(min(dates), max(dates) - DAY)

    @cached_property
    def span(self) -> DateRange:
        """The chosen period, today included."""
        if self.period is Period.ALL:
            return DateRange(date.min, self.today)
        return DateRange(self.today + DAY - LENGTHS[self.period], self.today)

    @cached_property
    def previous(self) -> DateRange | None:
        """The period of the same length that ended the day before; of everything there is none."""
        if self.period is Period.ALL:
            return None
        return DateRange(self.today + DAY - 2 * LENGTHS[self.period], self.span.first - DAY)

    @cached_property
    def months(self) -> dict[date, DateRange]:
        """The twelve months that end with this one, by their first days."""
        first = month_of(self.today) - (MONTHS_SHOWN - 1) * MONTH
        starts = [first + n * MONTH for n in range(MONTHS_SHOWN)]
        return {start: DateRange(start, start + MONTH - DAY) for start in starts}

    @cached_property
    def weeks(self) -> dict[date, DateRange]:
        """This week and the seven after it, by their Mondays; this week begins with today, not with its Monday."""
        monday = self.today - self.today.weekday() * DAY
        starts = [monday + n * WEEK for n in range(WEEKS_AHEAD)]
        return {start: DateRange(max(start, self.today), start + WEEK - DAY) for start in starts}

    @cached_property
    def ages(self) -> dict[str, DateRange]:
        """The due dates of each aging bucket."""
        return {
            name: DateRange(self.today - most * DAY if most else date.min, self.today - least * DAY)
            for name, (least, most) in AGING_BUCKETS.items()
        }
