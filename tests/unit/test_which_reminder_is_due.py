"""The step that today calls for: in order, never two at once, and nothing from before the agreement."""

from datetime import date, timedelta

import pytest

from portal.core.reminders import ORDER, reminder_due

DUE = date(2026, 3, 31)
LONG_AGO = date(2026, 1, 1)


def on(day):
    return DUE + timedelta(days=day)


def step(day, sent=None, accepted=None):
    """``day``, ``accepted`` and the days of ``sent`` count from the due date."""
    given = {kind: on(then) for kind, then in (sent or {}).items()}
    return reminder_due(DUE, LONG_AGO if accepted is None else on(accepted), on(day), given)


def sent_over(days, accepted=None):
    """What goes out when the job runs on these days: step and day."""
    sent = {}
    for day in days:
        if today := step(day, sent, accepted):
            sent[today] = day
    return sent


def test_each_step_goes_out_on_its_day():
    days = {"due_soon": -3, "due_today": 0, "overdue_1": 1, "overdue_7": 7, "overdue_14": 14}
    assert sent_over(range(-30, 60)) == days
    assert tuple(days) == ORDER


@pytest.mark.parametrize(
    ("day", "missed"), [(-2, "due_soon"), (-1, "due_soon"), (2, "overdue_1"), (6, "overdue_1")]
)
def test_a_missed_step_is_caught_up_while_it_is_the_newest(day, missed):
    assert step(day) == missed


@pytest.mark.parametrize("day", [1, 5, 20, 400])
def test_the_first_notice_is_the_first_step_however_late_it_is(day):
    assert step(day, {"due_soon": -3}) == "overdue_1"


def test_after_an_outage_the_later_steps_follow_six_days_apart():
    assert sent_over(range(20, 60)) == {"overdue_1": 20, "overdue_7": 26, "overdue_14": 32}
    assert sent_over([1, *range(30, 60)]) == {"overdue_1": 1, "overdue_7": 30, "overdue_14": 36}


@pytest.mark.parametrize("sent", [{"overdue_1": 2}, {"overdue_7": 8}, {"overdue_14": 20}])
def test_a_step_is_never_sent_again_nor_after_a_later_one(sent):
    assert step(2, sent) is None
    assert step(0, sent) is None


@pytest.mark.parametrize("accepted", [-3, 0, 5, 40])
def test_nothing_is_sent_on_the_day_of_accepting(accepted):
    assert step(accepted, accepted=accepted) is None


@pytest.mark.parametrize(
    ("accepted", "expected"),
    [
        (-4, {"due_soon": -3, "due_today": 0, "overdue_1": 1, "overdue_7": 7, "overdue_14": 14}),
        (-3, {"due_today": 0, "overdue_1": 1, "overdue_7": 7, "overdue_14": 14}),
        (0, {"overdue_1": 1, "overdue_7": 7, "overdue_14": 14}),
        (20, {"overdue_1": 21, "overdue_7": 27, "overdue_14": 34}),
    ],
)
def test_lateness_counts_from_the_later_of_due_date_and_acceptance(accepted, expected):
    assert sent_over(range(-30, 60), accepted) == expected


def test_other_emails_about_the_installment_do_not_count_as_reminders():
    assert step(0, {"payment_declined": -1}) == "due_today"
