"""What a calendar app is given keeps to RFC 5545: line ends, folding, escaping, whole days."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from uuid import uuid4

import pytest

from portal.adapters import calendar_tokens
from portal.presentation.calendar_feed import Entry, write

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
    assert unfolded(write("Payments due", [entry()])) == [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//Tallystick//Due dates//EN",
        "CALSCALE:GREGORIAN",
        "X-WR-CALNAME:Payments due",
        "REFRESH-INTERVAL;VALUE=DURATION:PT6H",
        "BEGIN:VEVENT",
        "UID:1@example.com",
        "DTSTAMP:20260302T123005Z",
        "DTSTART;VALUE=DATE:20260331",
        "SUMMARY:Pay",
        "DESCRIPTION:Oak table",
        "URL:https://pay.example.com/x",
        "STATUS:CONFIRMED",
        "TRANSP:TRANSPARENT",
        "END:VEVENT",
        "END:VCALENDAR",
    ]


def test_nothing_due_is_an_empty_calendar():
    assert "BEGIN:VEVENT" not in unfolded(write("Payments due", []))


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
