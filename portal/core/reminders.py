"""Which reminder an installment is due on a day: one at a time, in order, and nothing from before the agreement."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta

# Each step and its day. Before the due date days are counted from it, afterwards from the later of it and acceptance.
STEPS = {"due_soon": -3, "due_today": 0, "overdue_1": 1, "overdue_7": 7, "overdue_14": 14}
ORDER = tuple(STEPS)
# Reminders before the due date are optional; overdue notices are mandatory.
COURTESIES = tuple(step for step, days in STEPS.items() if days <= 0)
OVERDUE = tuple(step for step, days in STEPS.items() if days > 0)
# The first step's day, counted from the due date (negative: before it).
EARLIEST = min(STEPS.values())
# Between two overdue notices about the same installment.
GAP = timedelta(days=6)


def reminder_due(due_on: date, accepted_on: date, today: date, sent: Mapping[str, date]) -> str | None:
    """The step that ``today`` calls for, or None. ``sent`` are the days of those about this due date.

    On the day of accepting nothing is due but the agreement. The first overdue notice is the first step, however late
    it is; each later one follows ``GAP`` after the one before at the earliest.
    """
    if today <= accepted_on:
        return None
    late = (today - max(due_on, accepted_on)).days if today > due_on else 0
    return _overdue(late, today, sent) if late else _courtesy(due_on, accepted_on, today, sent)


def _courtesy(due_on: date, accepted_on: date, today: date, sent: Mapping[str, date]) -> str | None:
    """The latest step whose day has come, unless the customer accepted after it, or it or a later one was sent."""
    reached = [step for step in COURTESIES if due_on + timedelta(days=STEPS[step]) <= today]
    if not reached or due_on + timedelta(days=STEPS[reached[-1]]) <= accepted_on:
        return None
    return None if any(step in sent for step in ORDER[ORDER.index(reached[-1]) :]) else reached[-1]


def _overdue(late: int, today: date, sent: Mapping[str, date]) -> str | None:
    """The step after the latest that was sent, once its day has come."""
    notices = [step for step in OVERDUE if step in sent]
    if not notices:
        return OVERDUE[0] if late >= STEPS[OVERDUE[0]] else None
    following = OVERDUE[OVERDUE.index(notices[-1]) + 1 :]
    if not following or late < STEPS[following[0]] or today < sent[notices[-1]] + GAP:
        return None
    return following[0]
