"""The audit trail: every event is added here and never changed."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import insert
from sqlalchemy.orm import Session

from portal.models import Event, new_id


def record(
    session: Session, kind: str, *, merchant_id: UUID, at: datetime, actor_id: UUID | None = None,
    plan_id: UUID | None = None, **facts: object,
) -> None:  # fmt: skip
    """Add one event. ``facts`` are JSON values (amounts in minor units); no actor means the portal itself."""
    session.execute(
        insert(Event).values(
            id=new_id(),
            kind=kind,
            merchant_id=merchant_id,
            actor_id=actor_id,
            plan_id=plan_id,
            facts=facts,
            at=at,
        )
    )


def record_many(session: Session, rows: list[dict[str, object]]) -> None:
    """Add many events at once; each row is given in full but for its id."""
    if rows:
        # With nulls written out the rows are alike, and go in one statement.
        session.execute(
            insert(Event), [row | {"id": new_id()} for row in rows], execution_options={"render_nulls": True}
        )
