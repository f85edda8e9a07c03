"""The newest step that today calls for, once; nothing from before the agreement, and no step back."""

from datetime import date, timedelta

import pytest

from portal.core.reminders import ORDER, reminder_due

DUE = date(2026, 3, 31)
LONG_AGO = date(2026, 1, 1)


def step(day, sent=(), accepted=LONG_AGO):
    return reminder_due(DUE, accepted, DUE + timedelta(days=day), sent)


def test_each_step_goes_out_on_its_day():
    days = {-3: "due_soon", 0: "due_today", 1: "overdue_1", 7: "overdue_7", 14: "overdue_14"}
    sent = []
    for day in range(-30, 60):
        today = step(day, sent)
        assert today == days.get(day)
        sent += [today] if today else []
    assert tuple(sent) == ORDER


def test_nothing_is_due_before_three_days_ahead():
    assert step(-4) is None


@pytest.mark.parametrize(
    ("day", "missed"),
    [
        (-2, "due_soon"),
        (-1, "due_soon"),
        (2, "overdue_1"),
        (6, "overdue_1"),
        (9, "overdue_7"),
        (400, "overdue_14"),
    ],
)
def test_a_missed_step_is_caught_up_while_it_is_the_newest(day, missed):
    assert step(day) == missed


def test_after_an_outage_of_weeks_only_the_newest_step_goes_out():
    assert step(20, sent=["due_soon"]) == "overdue_14"
    assert step(21, sent=["due_soon", "overdue_14"]) is None


@pytest.mark.parametrize("sent", [["overdue_1"], ["overdue_7"], ["overdue_14"], ["due_soon", "overdue_14"]])
def test_a_step_is_never_sent_again_nor_after_a_later_one(sent):
    assert step(2, sent) is None


@pytest.mark.parametrize(
    ("accepted", "day", "expected"),
    [
        (-3, -3, "due_soon"),
        (-2, -2, None),
        (0, 0, "due_today"),
        (1, 1, "overdue_1"),
        (2, 2, None),
        (2, 6, None),
        (2, 7, "overdue_7"),
        (20, 20, None),
        (20, 300, None),
    ],
)
def test_no_step_dated_before_the_acceptance_is_sent(accepted, day, expected):
    assert step(day, accepted=DUE + timedelta(days=accepted)) == expected


def test_other_messages_about_the_installment_do_not_count_as_reminders():
    assert step(0, sent=["payment_declined"]) == "due_today"
