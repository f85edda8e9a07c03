"""The record of what the jobs did, for the admin; old rows go."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from sqlalchemy import delete, insert
from sqlalchemy.orm import Session

from portal.models import JobRun, new_id

KEPT = timedelta(days=30)


def record(
    session: Session, job: str, started_at: datetime, ended_at: datetime, counts: dict[str, int],
    error: str | None = None, business_date: date | None = None,
) -> None:  # fmt: skip
    """Add the run of a job that has ended; ``error`` when it failed. Runs older than thirty days are forgotten."""
    session.execute(
        insert(JobRun).values(
            id=new_id(), job=job, business_date=business_date, started_at=started_at, ended_at=ended_at,
            counts=counts, error=error,
        )
    )  # fmt: skip
    session.execute(delete(JobRun).where(JobRun.started_at < ended_at - KEPT))
