"""What a calendar app is given keeps to RFC 5545: line ends, folding, escaping, whole days."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from uuid import uuid4

import ics
import pytest
from hypothesis import given
from hypothesis import strategies as st
from icalendar import Calendar

from portal.adapters import calendar_tokens
from portal.presentation.calendar_feed import Entry, write

# One line, as it is stored.
LINES = st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), min_size=1, max_size=200)
MOMENT = datetime(2026, 3, 2, 12, 30, 5, tzinfo=UTC)


def entry(summary: str = "Pay", **more: object) -> Entry:
    given = {
        "uid": "1@example.com",
        "day": date(2026, 3, 31),
        "description": "Oak table",
        "url": "https://pay.example.com/x",
        "changed_at": MOMENT,
    }
    return Entry(summary=summary, **(given | more))


def unfolded(calendar: bytes) -> list[str]:
    """The lines as an app reads them, once every CRLF and the space after it is taken out."""
    return calendar.decode().replace("\r\n ", "").removesuffix("\r\n").split("\r\n")


def test_an_entry_is_a_whole_day_that_is_left_free():
    lines = unfolded(write("Payments due", [entry()]))
    assert lines[:8] == [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//Tallystick//Due dates//EN",
        "CALSCALE:GREGORIAN",
        "NAME:Payments due",
        "X-WR-CALNAME:Payments due",
        "REFRESH-INTERVAL;VALUE=DURATION:PT6H",
        "X-PUBLISHED-TTL:PT6H",
    ]
    assert set(lines[8:]) == {
        "BEGIN:VEVENT",
        "UID:1@example.com",
        "DTSTAMP:20260302T123005Z",
        "LAST-MODIFIED:20260302T123005Z",
        "SEQUENCE:194617805",
        "DTSTART;VALUE=DATE:20260331",
        "SUMMARY:Pay",
        "DESCRIPTION:Oak table",
        "URL:https://pay.example.com/x",
        "STATUS:CONFIRMED",
        "TRANSP:TRANSPARENT",
        "END:VEVENT",
        "END:VCALENDAR",
    }


def test_a_later_change_has_a_later_stamp_and_a_greater_number():
    first, second = (
        read(write("x", [entry(changed_at=MOMENT + k * timedelta(seconds=1))])) for k in range(2)
    )
    (before,), (after,) = first.events, second.events
    assert before.sequence < after.sequence < 2**31
    assert before.stamp < after.stamp and before.last_modified < after.last_modified


def read(calendar: bytes) -> Calendar:
    """As two libraries of others read it, neither of which takes what is not valid."""
    (parsed,) = Calendar.from_ical(calendar, multiple=True)
    assert [error for component in parsed.walk() for error in component.errors] == []
    assert parsed.walk()[1:], "a calendar holds a component"
    assert len(ics.Calendar(calendar.decode()).events) == len(parsed.events)
    return parsed


def test_nothing_due_is_a_valid_calendar_without_events():
    assert read(write("Payments due", [])).events == []


@given(name=LINES, summary=LINES, description=LINES)
def test_whatever_people_typed_comes_out_as_it_went_in(name, summary, description):
    calendar = read(write(name, [entry(summary, description=description)]))
    (event,) = calendar.events
    assert (event.summary, event.description, calendar["NAME"]) == (summary, description, name)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("Oak, Ash; Elm", r"Oak\, Ash\; Elm"),
        ("C:\\shop", r"C:\\shop"),
        ("two\nlines", r"two\nlines"),
        ('a: b "c"', 'a: b "c"'),
    ],
)
def test_signs_with_a_meaning_of_their_own_are_escaped(text: str, written: str):
    assert f"SUMMARY:{written}" in unfolded(write("x", [entry(text)]))


@pytest.mark.parametrize(
    "text", ["x" * 500, "\N{WHITE SMILING FACE}" * 200, "\U0001f333" * 90, "سداد دفعة " * 20]
)
def test_no_line_is_longer_than_75_octets_and_no_character_is_cut(text: str):
    written = write("x", [entry(text)])
    assert 72 <= max(len(line) for line in written.split(b"\r\n")) <= 75
    assert b"\n" not in written.replace(b"\r\n", b"")
    for line in written.split(b"\r\n"):
        line.decode()
    assert f"SUMMARY:{text}" in unfolded(written)


def test_the_moment_of_a_change_is_told_in_utc():
    there = MOMENT.astimezone(timezone(timedelta(hours=-7)))
    assert "DTSTAMP:20260302T123005Z" in unfolded(write("x", [entry(changed_at=there)]))


def test_a_token_holds_who_and_which_key_and_no_other_secret_made_it():
    user_id, key = uuid4(), uuid4()
    token = calendar_tokens.make("one secret", user_id, key)
    assert calendar_tokens.read("one secret", token) == (user_id, key)
    assert calendar_tokens.read("another secret", token) is None
    for wrong in ("", "x", token[:-1], token + "x", "\udc80", token.swapcase()):
        assert calendar_tokens.read("one secret", wrong) is None
