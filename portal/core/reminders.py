"""Which reminder an installment is due on a day; refuses piles, repeats and steps older than the agreement."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, timedelta

# Each step and its day, counted from the due date, oldest first.
STEPS = {"due_soon": -3, "due_today": 0, "overdue_1": 1, "overdue_7": 7, "overdue_14": 14}
ORDER = tuple(STEPS)
# A kindness ahead of time; whatever is late is a notice that the customer is owed.
COURTESIES = frozenset(step for step, days in STEPS.items() if days <= 0)


def reminder_due(due_on: date, accepted_on: date, today: date, sent: Collection[str]) -> str | None:
    """The newest step that ``today`` calls for, or None.

    Only the newest step whose day has come counts; it is not sent when it, or a later one, was sent before, when it
    is dated before the acceptance, or when it is a notice ahead of a due date that has passed.
    """
    reached = [step for step, days in STEPS.items() if due_on + timedelta(days=days) <= today]
    if not reached:
        return None
    step = reached[-1]
    if due_on + timedelta(days=STEPS[step]) < accepted_on:
        return None
    if any(ORDER.index(old) >= ORDER.index(step) for old in sent if old in STEPS):
        return None
    # A "due today" that nobody could send on the day would be untrue on the next, where overdue_1 takes its place.
    return step
