"""The calendar of what is due, as the text that calendar apps read (RFC 5545)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from icalendar import STATUS, TRANSP, Calendar, Event, Timezone, TimezoneStandard, vDuration

REFRESHED_EVERY = timedelta(hours=6)
SEQUENCES_FROM = datetime(2020, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Entry:
    """Something on a day; ``uid`` stays the same for ever, ``changed_at`` is when what it says last changed."""

    uid: str
    day: date
    summary: str
    description: str
    url: str
    changed_at: datetime


def write(name: str, entries: Sequence[Entry]) -> bytes:
    """The calendar as an app reads it (RFC 5545 and 7986); the same entries give the same bytes."""
    calendar = Calendar()
    calendar.add("VERSION", "2.0")
    calendar.add("PRODID", "-//Tallystick//Due dates//EN")
    calendar.add("CALSCALE", "GREGORIAN")
    calendar.add("NAME", name)
    calendar.add("REFRESH-INTERVAL", REFRESHED_EVERY, {"VALUE": "DURATION"})
    # What apps read that do not know RFC 7986 yet.
    calendar.add("X-WR-CALNAME", name)
    calendar.add("X-PUBLISHED-TTL", vDuration(REFRESHED_EVERY))
    for entry in entries:
        calendar.add_component(_event(entry))
    if not entries:
        # A calendar must hold a component; this one shows nothing.
        calendar.add_component(_utc())
    return calendar.to_ical()


def _utc() -> Timezone:
    standard = TimezoneStandard()
    # Local time, as the standard demands.
    standard.add("DTSTART", datetime(1970, 1, 1))  # noqa: DTZ001
    standard.add("TZOFFSETFROM", timedelta())
    standard.add("TZOFFSETTO", timedelta())
    timezone = Timezone()
    timezone.add("TZID", "Etc/UTC")
    timezone.add_component(standard)
    return timezone


def _event(entry: Entry) -> Event:
    changed_at = entry.changed_at.astimezone(UTC)
    return Event.new(
        uid=entry.uid,
        stamp=changed_at,
        last_modified=changed_at,
        sequence=int((changed_at - SEQUENCES_FROM).total_seconds()),
        start=entry.day,
        summary=entry.summary,
        description=entry.description,
        url=entry.url,
        status=STATUS.CONFIRMED,
        # Being asked to pay leaves the day free.
        transparency=TRANSP.TRANSPARENT,
    )
