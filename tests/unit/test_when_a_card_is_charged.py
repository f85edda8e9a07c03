"""When an installment is taken automatically: at nine in the plan's zone, and when never."""

from datetime import UTC, date, datetime

import pytest

from portal.core.autopay import Attempt, Consent, next_attempt

DUE = date(2026, 3, 31)
EARLIER = Consent(datetime(2026, 3, 1, 12, tzinfo=UTC))


def due(*made, consent=EARLIER, zone="Europe/Berlin", due_on=DUE):
    return next_attempt(due_on, consent, made, zone)


def test_the_first_attempt_is_at_nine_on_the_due_day_where_the_plan_is():
    assert due() == datetime(2026, 3, 31, 7, tzinfo=UTC)
    assert due(zone="America/New_York") == datetime(2026, 3, 31, 13, tzinfo=UTC)


@pytest.mark.parametrize(
    ("agreed", "day"), [((2026, 4, 8, 6), 8), ((2026, 4, 8, 7), 8), ((2026, 4, 8, 7, 1), 9)]
)
def test_what_was_overdue_before_the_consent_is_taken_on_the_next_morning(agreed, day):
    consent = Consent(datetime(*agreed, tzinfo=UTC))
    assert due(consent=consent) == datetime(2026, 4, day, 7, tzinfo=UTC)


def test_a_failed_attempt_is_repeated_after_two_four_and_seven_days():
    days = []
    made = [Attempt(DUE)]
    while at := due(*made):
        days.append(at.day)
        made.append(Attempt(at.date()))
    assert days == [2, 4, 7]


def test_an_attempt_that_was_late_keeps_its_distance_from_the_next():
    assert due(Attempt(date(2026, 4, 5))).date() == date(2026, 4, 7)


def test_nothing_follows_a_final_attempt_or_the_end_of_the_consent():
    assert due(Attempt(DUE, final=True)) is None
    assert due(consent=Consent(EARLIER.given_at, EARLIER.given_at)) is None


def test_a_date_that_was_moved_ahead_is_waited_for():
    assert due(Attempt(DUE), due_on=date(2026, 5, 1)).date() == date(2026, 5, 1)
