"""Whatever the first date, the zone and the instant: due dates are anchored and the day is the shop's."""

import calendar
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from portal.core.calendar import business_date, instant_of, time_zones
from portal.core.schedule import MAX_INSTALLMENTS, PERIODS, Frequency, due_dates

firsts = st.dates(date(2020, 1, 1), date(2040, 12, 31))
counts = st.integers(1, MAX_INSTALLMENTS)
zones = st.sampled_from(time_zones())
# Hypothesis takes its bounds without a zone.
moments = st.datetimes(datetime(2015, 1, 1), datetime(2045, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@given(firsts, counts)
def test_months_are_counted_from_the_first_date_and_clamped(first, count):
    dates = due_dates(first, Frequency.MONTHLY, count)
    assert dates[0] == first
    for k, due in enumerate(dates):
        month = first.year * 12 + first.month - 1 + k
        assert (due.year, due.month) == (month // 12, month % 12 + 1)
        assert due.day == min(first.day, calendar.monthrange(due.year, due.month)[1])


@given(firsts, counts, st.sampled_from([(Frequency.WEEKLY, 7), (Frequency.BIWEEKLY, 14)]))
def test_weeks_are_counted_from_the_first_date(first, count, period):
    frequency, days = period
    assert due_dates(first, frequency, count) == tuple(first + timedelta(days=days * k) for k in range(count))


@given(firsts, counts, st.sampled_from(sorted(PERIODS)))
def test_a_shorter_plan_has_the_same_dates(first, count, frequency):
    assert due_dates(first, frequency, count) == due_dates(first, frequency, MAX_INSTALLMENTS)[:count]


@given(moments, zones)
def test_the_shops_date_is_the_instant_moved_by_the_zones_offset(now, zone):
    offset = now.astimezone(ZoneInfo(zone)).utcoffset()
    assert business_date(now, zone) == (now + offset).date()
    assert abs((business_date(now, zone) - now.date()).days) <= 1


@given(moments, zones, zones)
def test_the_clock_that_tells_the_instant_does_not_matter(now, zone, clock):
    assert business_date(now.astimezone(ZoneInfo(clock)), zone) == business_date(now, zone)


@given(st.dates(date(2015, 1, 1), date(2045, 1, 1)), zones, st.sampled_from([time(0), time(8), time(12)]))
def test_a_days_instant_is_on_that_day(day, zone, at):
    assert business_date(instant_of(day, at, zone), zone) == day
