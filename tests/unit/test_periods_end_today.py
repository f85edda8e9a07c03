"""The days at which numbers are cut: periods, the ones before them, months, weeks, and how late something is."""

from datetime import date, timedelta
from itertools import pairwise

import pytest

from portal.core.periods import DateRange, Period, ReportingPeriod


@pytest.mark.parametrize(
    ("period", "span", "previous"),
    [
        (
            Period.DAYS_30,
            DateRange(date(2026, 2, 1), date(2026, 3, 2)),
            DateRange(date(2026, 1, 2), date(2026, 1, 31)),
        ),
        (
            Period.DAYS_90,
            DateRange(date(2025, 12, 3), date(2026, 3, 2)),
            DateRange(date(2025, 9, 4), date(2025, 12, 2)),
        ),
        (
            Period.MONTHS_12,
            DateRange(date(2025, 3, 3), date(2026, 3, 2)),
            DateRange(date(2024, 3, 3), date(2025, 3, 2)),
        ),
        (Period.ALL, DateRange(date.min, date(2026, 3, 2)), None),
    ],
)
def test_a_period_ends_today_and_the_one_before_it_the_day_before(period, span, previous):
    frame = ReportingPeriod(date(2026, 3, 2), period)
    assert (frame.span, frame.previous) == (span, previous)


@pytest.mark.parametrize(
    "today", [date(2028, 2, 29), date(2027, 2, 28), date(2026, 12, 31), date(2026, 3, 31)]
)
@pytest.mark.parametrize("period", [Period.DAYS_30, Period.DAYS_90, Period.MONTHS_12])
def test_periods_touch_and_are_of_one_length_whatever_the_day(today, period):
    frame = ReportingPeriod(today, period)
    assert frame.previous.end == frame.span.first
    days = [span.end - span.first for span in (frame.span, frame.previous)]
    assert abs(days[0] - days[1]) <= timedelta(days=period is Period.MONTHS_12)


def test_the_months_are_the_twelve_up_to_this_one():
    months = ReportingPeriod(date(2026, 3, 31)).months
    assert (min(months), max(months)) == (date(2025, 4, 1), date(2026, 3, 1))
    assert months[date(2026, 2, 1)] == DateRange(date(2026, 2, 1), date(2026, 2, 28))
    assert len(months) == 12


@pytest.mark.parametrize("day", range(7))
def test_this_week_begins_with_today_and_the_others_on_mondays(day):
    today = date(2026, 3, 2) + timedelta(days=day)
    weeks = ReportingPeriod(today).weeks
    assert list(weeks) == [date(2026, 3, 2) + n * timedelta(weeks=1) for n in range(8)]
    spans = list(weeks.values())
    assert spans[0] == DateRange(today, date(2026, 3, 8))
    assert all(before.end == after.first for before, after in pairwise(spans))


def test_every_day_before_today_is_of_one_age():
    frame = ReportingPeriod(date(2026, 3, 2))
    for days, name in (
        (1, "1-30"),
        (30, "1-30"),
        (31, "31-60"),
        (60, "31-60"),
        (61, "61-90"),
        (90, "61-90"),
        (91, "91+"),
        (1800, "91+"),
    ):
        due = frame.today - timedelta(days=days)
        assert [age for age, span in frame.ages.items() if span.first <= due <= span.last] == [name]
