"""Which day it is where the merchant lives, and the days that follow from a day; the clock is an argument."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

OFFER_DAYS = 30
MOST_OFFER_DAYS = 60
# At every instant the dates of all zones are among the dates of these three.
FARTHEST_ZONES = ("Etc/GMT+12", "UTC", "Etc/GMT-14")
REMINDERS_FROM = time(8, 0)


@cache
def time_zones() -> tuple[str, ...]:
    """The IANA zones that a merchant may choose, sorted for display."""
    places = (z for z in available_timezones() if "/" in z and not z.startswith(("Etc/", "posix", "right")))
    return (*sorted(places), "UTC")


def is_time_zone(name: str) -> bool:
    return name in time_zones()


def business_date(now: datetime, zone: str) -> date:
    """The date in ``zone`` at the instant ``now``: what "today" means for that merchant."""
    return now.astimezone(ZoneInfo(zone)).date()


def local_time(now: datetime, zone: str) -> time:
    return now.astimezone(ZoneInfo(zone)).time()


def offer_last_day(sent_on: date, valid_days: int = OFFER_DAYS) -> date:
    """The last day on which an offer can be accepted, so many days after it was sent."""
    return sent_on + timedelta(days=valid_days)


def instant_of(day: date, at: time, zone: str) -> datetime:
    """The UTC instant at which ``zone`` shows that day and time (the earlier one when clocks are set back)."""
    return datetime.combine(day, at, ZoneInfo(zone)).astimezone(UTC)
