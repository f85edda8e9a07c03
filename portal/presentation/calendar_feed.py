"""The calendar of what is due, as the text that calendar apps read (RFC 5545)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime

LONGEST_LINE = 75  # octets, the line break left out (RFC 5545, 3.1)
LINE_BREAK = "\r\n"
_ESCAPED = str.maketrans({"\\": "\\\\", ";": "\\;", ",": "\\,", "\n": "\\n"})


@dataclass(frozen=True, slots=True)
class Entry:
    """Something on a day; ``uid`` stays the same for ever, ``changed_at`` is when what it says last changed."""

    uid: str
    day: date
    summary: str
    description: str
    url: str
    changed_at: datetime


def write(name: str, entries: Iterable[Entry]) -> bytes:
    """The calendar as an app reads it; the same entries give the same bytes."""
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//Tallystick//Due dates//EN",
        "CALSCALE:GREGORIAN",
        f"X-WR-CALNAME:{_escape(name)}",
        "REFRESH-INTERVAL;VALUE=DURATION:PT6H",
    ]
    for entry in entries:
        lines += _event(entry)
    lines.append("END:VCALENDAR")
    return "".join(_fold(line) + LINE_BREAK for line in lines).encode()


def _event(entry: Entry) -> Iterator[str]:
    yield "BEGIN:VEVENT"
    yield f"UID:{_escape(entry.uid)}"
    yield f"DTSTAMP:{entry.changed_at.astimezone(UTC):%Y%m%dT%H%M%SZ}"
    yield f"DTSTART;VALUE=DATE:{entry.day:%Y%m%d}"
    yield f"SUMMARY:{_escape(entry.summary)}"
    yield f"DESCRIPTION:{_escape(entry.description)}"
    yield f"URL:{entry.url}"
    yield "STATUS:CONFIRMED"
    # Being asked to pay leaves the day free.
    yield "TRANSP:TRANSPARENT"
    yield "END:VEVENT"


def _escape(text: str) -> str:
    return text.translate(_ESCAPED)


def _fold(line: str) -> str:
    """Cut what is too long into lines of which all but the first begin with a space; no character is cut apart."""
    parts, size = [""], 0
    for character in line:
        octets = len(character.encode())
        if size + octets > LONGEST_LINE:
            parts.append(" ")
            size = 1
        parts[-1] += character
        size += octets
    return LINE_BREAK.join(parts)
