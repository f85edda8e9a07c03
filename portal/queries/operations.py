"""What the operator of the portal watches: queued emails, payments without an answer, jobs, the latest self-check."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from portal.core.jobs import SELF_CHECK
from portal.database import is_postgresql
from portal.models import JobRun, Message, Payment

from .admin import list_jobs


@dataclass(frozen=True, slots=True)
class Operations:
    """Ages in seconds; ``jobs`` says by how much each is overdue; ``broken`` is None before the first self-check."""

    emails_queued: int
    oldest_email: float
    emails_failed: int
    payments_processing: int
    oldest_payment: float
    jobs: dict[str, float]
    lock_waits: int
    broken: int | None
    checked: float


def operations(session: Session, now: datetime) -> Operations:
    queued, due = session.execute(
        select(func.count(), func.min(Message.send_after)).where(Message.state == "queued")
    ).one()
    failed = session.scalar(select(func.count()).where(Message.state == "failed"))
    processing, since = session.execute(
        select(func.count(), func.min(Payment.created_at)).where(Payment.state == "processing")
    ).one()
    check = session.execute(
        select(JobRun.counts, JobRun.ended_at)
        .where(JobRun.job == SELF_CHECK)
        .order_by(JobRun.started_at.desc())
        .limit(1)
    ).one_or_none()
    return Operations(
        queued,
        _age(due, now),
        failed or 0,
        processing,
        _age(since, now),
        {row.job: row.overdue_by.total_seconds() for row in list_jobs(session, now)},
        _lock_waits(session),
        check.counts["broken"] if check else None,
        _age(check.ended_at, now) if check else 0.0,
    )


def _age(moment: datetime | None, now: datetime) -> float:
    return max(0.0, (now - moment).total_seconds()) if moment else 0.0


def _lock_waits(session: Session) -> int:
    """How many of the portal's own connections wait for a lock at this moment."""
    if not is_postgresql(session):
        return 0
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    return session.scalar(text(waiting)) or 0
