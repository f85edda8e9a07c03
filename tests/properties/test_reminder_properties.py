"""Over any run of days, with outages and repeated runs: reminders never repeat, pile up or go back."""

from datetime import date, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from portal.core.reminders import COURTESIES, GAP, ORDER, OVERDUE, STEPS, reminder_due

DUE = date(2026, 3, 31)
# For each day around the due date, how often the job ran: not at all, once, or by two workers.
runs = st.lists(st.integers(0, 2), min_size=80, max_size=80)


def sent_over(runs, accepted_on):
    """What went out: step and day, deciding each time from what was sent before."""
    sent = {}
    for offset, times in enumerate(runs):
        today = DUE + timedelta(days=offset - 20)
        if today < accepted_on:
            continue
        for _ in range(times):
            if step := reminder_due(DUE, accepted_on, today, sent):
                assert step not in sent
                sent[step] = today
    return sent


@given(runs, st.integers(-40, 40))
def test_reminders_never_repeat_go_back_pile_up_or_reach_behind_the_acceptance(runs, accepted):
    accepted_on = DUE + timedelta(days=accepted)
    sent = sent_over(runs, accepted_on)
    assert [ORDER.index(step) for step in sent] == sorted(ORDER.index(step) for step in sent)
    assert len(set(sent.values())) == len(sent)
    for step, day in sent.items():
        start = DUE if step in COURTESIES else max(DUE, accepted_on)
        assert accepted_on < day
        assert day >= start + timedelta(days=STEPS[step])
        assert (day <= DUE) is (step in COURTESIES)
    notices = [step for step in sent if step in OVERDUE]
    assert notices == list(OVERDUE[: len(notices)]), "the first notice is never a later step"
    days = [sent[step] for step in notices]
    assert all(later - earlier >= GAP for earlier, later in pairwise(days))


@given(st.integers(-40, 40))
def test_without_an_outage_every_step_goes_out_on_its_day(accepted):
    accepted_on = DUE + timedelta(days=accepted)
    expected = {}
    for step, days in STEPS.items():
        day = (DUE if step in COURTESIES else max(DUE, accepted_on)) + timedelta(days=days)
        if day > accepted_on:
            expected[step] = day
    assert sent_over([1] * 80, accepted_on) == expected


@given(runs)
def test_however_long_the_outages_every_notice_goes_out_in_the_end(runs):
    sent = sent_over([*runs, *[1] * 20], date(2026, 1, 1))
    assert tuple(step for step in sent if step in OVERDUE) == OVERDUE
