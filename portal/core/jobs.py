"""The jobs and how often each must run; refuses to call one late before it has had time to end."""

from __future__ import annotations

from datetime import datetime, timedelta

EVERY = {
    "run_day": timedelta(hours=1),
    "settle_payments": timedelta(minutes=5),
    "deliver_messages": timedelta(minutes=1),
    "fold_tallies": timedelta(minutes=1),
}
# A run takes a while, and is told of when it has ended.
GRACE = timedelta(minutes=2)


def overdue_by(job: str, last_began: datetime, now: datetime) -> timedelta:
    """How long ago the job should have begun again; nothing while it may still be at it."""
    late = now - last_began - EVERY[job]
    return late if late > GRACE else timedelta()
