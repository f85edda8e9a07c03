"""Due dates are counted from the first one, never chained, and clamped to the month's end."""

from datetime import date
from itertools import pairwise

import pytest

from portal.core.schedule import Frequency, Line, ScheduleRequest, build_schedule, due_dates

TODAY = date(2026, 1, 10)


def test_the_31st_falls_back_to_the_months_end_and_returns():
    assert due_dates(date(2026, 1, 31), Frequency.MONTHLY, 5) == (
        date(2026, 1, 31),
        date(2026, 2, 28),
        date(2026, 3, 31),
        date(2026, 4, 30),
        date(2026, 5, 31),
    )


def test_a_leap_year_has_its_29th():
    assert due_dates(date(2028, 1, 30), Frequency.MONTHLY, 3) == (
        date(2028, 1, 30),
        date(2028, 2, 29),
        date(2028, 3, 30),
    )


def test_the_29th_of_february_comes_back_after_a_year_as_the_28th():
    assert due_dates(date(2028, 2, 29), Frequency.MONTHLY, 13)[12] == date(2029, 2, 28)


def test_a_month_after_december_is_january():
    assert due_dates(date(2026, 11, 30), Frequency.MONTHLY, 4) == (
        date(2026, 11, 30),
        date(2026, 12, 30),
        date(2027, 1, 30),
        date(2027, 2, 28),
    )


@pytest.mark.parametrize(("frequency", "days"), [(Frequency.WEEKLY, 7), (Frequency.BIWEEKLY, 14)])
def test_weeks_keep_their_weekday_through_leap_days_and_years_ends(frequency, days):
    dates = due_dates(date(2027, 12, 20), frequency, 30)
    assert [(later - earlier).days for earlier, later in pairwise(dates)] == [days] * 29


def test_a_schedule_is_numbered_from_one_with_the_larger_parts_first():
    lines = build_schedule(ScheduleRequest(10000, "USD", 3, Frequency.MONTHLY, date(2026, 1, 31)), TODAY)
    assert lines == (
        Line(1, 3334, date(2026, 1, 31)),
        Line(2, 3333, date(2026, 2, 28)),
        Line(3, 3333, date(2026, 3, 31)),
    )


def test_one_installment_is_a_schedule():
    assert build_schedule(ScheduleRequest(1, "JPY", 1, Frequency.WEEKLY, TODAY), TODAY) == (
        Line(1, 1, TODAY),
    )
