"""The log of job runs, for the admin; old rows are deleted, and consecutive runs without work share one row."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import delete, insert, select, update
from sqlalchemy.orm import Session

from portal.models import JobRun, new_id

KEPT = timedelta(days=30)


def record(
    session: Session,
    job: str,
    business_date: date,
    started_at: datetime,
    ended_at: datetime,
    counts: dict[str, int],
    error: str | None = None,
) -> None:
    """Record a finished run of a job, with its ``error`` if it failed.

    A run that found nothing to do takes the row of the one before it, of the same day, if that found nothing either:
    one row shows that the job is alive, instead of one row a minute.
    """
    run: dict[str, Any] = {
        "business_date": business_date,
        "started_at": started_at,
        "ended_at": ended_at,
        "counts": counts,
        "error": error,
    }
    last = session.execute(
        select(JobRun.id, JobRun.counts, JobRun.error)
        .where(JobRun.job == job, JobRun.business_date == business_date)
        .order_by(JobRun.started_at.desc(), JobRun.id.desc())
        .limit(1)
    ).one_or_none()
    if last and _idle(counts, error) and _idle(last.counts, last.error):
        session.execute(update(JobRun).where(JobRun.id == last.id).values(**run))
    else:
        session.execute(insert(JobRun).values(id=new_id(), job=job, **run))


def forget_old(session: Session, now: datetime) -> None:
    """Remove the rows of runs that began more than thirty days ago."""
    session.execute(delete(JobRun).where(JobRun.started_at < now - KEPT))


def _idle(counts: dict[str, int], error: str | None) -> bool:
    return error is None and not any(counts.values())
