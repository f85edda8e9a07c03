"""Over any run of days, with outages and repeated runs: reminders never repeat, pile up or go back."""

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from portal.core.reminders import ORDER, STEPS, reminder_due

DUE = date(2026, 3, 31)
# For each day around the due date, how often the job ran: not at all, once, or by two workers.
runs = st.lists(st.integers(0, 2), min_size=60, max_size=60)


def sent_over(runs, accepted_on):
    """What went out: (day, step), deciding each time from what was sent before, as the outbox keeps it."""
    sent = []
    for offset, times in enumerate(runs):
        today = DUE + timedelta(days=offset - 20)
        if today < accepted_on:
            continue
        for _ in range(times):
            step = reminder_due(DUE, accepted_on, today, [kind for _, kind in sent])
            if step:
                sent.append((today, step))
    return sent


@given(runs, st.integers(-40, 40))
def test_reminders_never_repeat_go_back_pile_up_or_reach_behind_the_acceptance(runs, accepted):
    accepted_on = DUE + timedelta(days=accepted)
    sent = sent_over(runs, accepted_on)
    order = [ORDER.index(step) for _, step in sent]
    assert order == sorted(set(order))
    assert len({day for day, _ in sent}) == len(sent)
    for day, step in sent:
        dated = DUE + timedelta(days=STEPS[step])
        assert accepted_on <= dated <= day
        assert step not in ("due_soon", "due_today") or day <= DUE


@given(st.integers(-40, 40))
def test_without_an_outage_every_step_since_the_acceptance_goes_out_on_its_day(accepted):
    accepted_on = DUE + timedelta(days=accepted)
    dated = [(DUE + timedelta(days=days), step) for step, days in STEPS.items()]
    assert sent_over([1] * 60, accepted_on) == [(day, step) for day, step in dated if day >= accepted_on]


@given(runs)
def test_after_the_last_run_nobody_was_left_without_the_newest_step(runs):
    sent = sent_over([*runs, 1], date(2026, 1, 1))
    assert sent[-1][1] == ORDER[-1]
