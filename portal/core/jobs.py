"""The jobs and how often each must run."""

from __future__ import annotations

from datetime import datetime, timedelta

EVERY = {
    "run_day": timedelta(hours=1),
    "settle_payments": timedelta(minutes=5),
    "take_payments": timedelta(minutes=15),
    "deliver_messages": timedelta(minutes=1),
    "send_imports": timedelta(minutes=1),
    "roll_up": timedelta(minutes=1),
}
# Recorded as a run, when the command is run.
SELF_CHECK = "self_check"
# A run is recorded when it has ended.
GRACE = timedelta(minutes=2)


def overdue_by(job: str, last_began: datetime, now: datetime) -> timedelta:
    """How long the job is overdue; zero within the grace period."""
    late = now - last_began - EVERY[job]
    return late if late > GRACE else timedelta()
