"""Today is the merchant's date, wherever the shop is and whatever its clocks do."""

from datetime import UTC, date, datetime, time, timedelta

import pytest

from portal.core.calendar import (
    business_date,
    instant_of,
    is_time_zone,
    local_time,
    offer_last_day,
    time_zones,
)

NOON = datetime(2026, 11, 22, 10, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "today"),
    [
        ("Pacific/Kiritimati", date(2026, 11, 23)),
        ("Asia/Riyadh", date(2026, 11, 22)),
        ("UTC", date(2026, 11, 22)),
        ("America/New_York", date(2026, 11, 22)),
        ("Pacific/Pago_Pago", date(2026, 11, 21)),
    ],
)
def test_one_instant_is_three_dates_around_the_world(zone, today):
    assert business_date(NOON, zone) == today


@pytest.mark.parametrize(
    ("zone", "midnight"),
    [
        ("Pacific/Kiritimati", datetime(2026, 11, 21, 10, 0, tzinfo=UTC)),
        ("Asia/Kathmandu", datetime(2026, 11, 21, 18, 15, tzinfo=UTC)),
        ("Pacific/Pago_Pago", datetime(2026, 11, 22, 11, 0, tzinfo=UTC)),
    ],
)
def test_the_day_turns_at_local_midnight_to_the_second(zone, midnight):
    assert business_date(midnight, zone) == date(2026, 11, 22)
    assert business_date(midnight - timedelta(seconds=1), zone) == date(2026, 11, 21)
    assert instant_of(date(2026, 11, 22), time(0), zone) == midnight


@pytest.mark.parametrize(
    ("day", "hours"), [(date(2026, 3, 8), 23), (date(2026, 11, 1), 25), (date(2026, 6, 1), 24)]
)
def test_days_on_which_clocks_change_are_days_all_the_same(day, hours):
    starts = instant_of(day, time(0), "America/New_York")
    assert instant_of(day + timedelta(days=1), time(0), "America/New_York") - starts == timedelta(hours=hours)
    for hour in range(hours):
        assert business_date(starts + timedelta(hours=hour), "America/New_York") == day


def test_an_hour_that_comes_twice_means_its_first_coming():
    assert instant_of(date(2026, 11, 1), time(1, 30), "America/New_York") == datetime(
        2026, 11, 1, 5, 30, tzinfo=UTC
    )


def test_a_midnight_that_does_not_exist_is_still_on_its_day():
    instant = instant_of(date(2026, 9, 6), time(0), "America/Santiago")
    assert business_date(instant, "America/Santiago") == date(2026, 9, 6)


def test_local_time_is_the_clock_on_the_shops_wall():
    assert local_time(NOON, "Asia/Kathmandu") == time(16, 15)


@pytest.mark.parametrize(
    ("sent_on", "last_day"),
    [
        (date(2026, 1, 31), date(2026, 3, 2)),
        (date(2028, 1, 31), date(2028, 3, 1)),
        (date(2026, 12, 2), date(2027, 1, 1)),
    ],
)
def test_an_offers_last_day_is_thirty_days_after_it_was_sent(sent_on, last_day):
    assert offer_last_day(sent_on) == last_day


@pytest.mark.parametrize(
    "zone", ["UTC", "Asia/Riyadh", "Pacific/Kiritimati", "America/Argentina/Buenos_Aires"]
)
def test_zones_that_can_be_chosen(zone):
    assert is_time_zone(zone)


@pytest.mark.parametrize(
    "zone", ["", "Mars/Olympus", "../../etc/passwd", "posix/UTC", "Etc/GMT+3", "asia/riyadh", "\0"]
)
def test_anything_else_is_no_zone(zone):
    assert not is_time_zone(zone)


def test_every_zone_on_the_list_works_and_stands_there_once():
    assert len(set(time_zones())) == len(time_zones()) > 300
    assert {abs((business_date(NOON, zone) - NOON.date()).days) for zone in time_zones()} == {0, 1}
