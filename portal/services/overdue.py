"""Marking what is overdue: stamped once with the merchant's day, in batches; decides from the rows alone."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from portal.models import Installment, Plan

from . import events

BATCH = 1000


def mark(session: Session, merchant_id: UUID, today: date, now: datetime, batch: int = BATCH) -> int:
    """Stamp at most ``batch`` installments due before ``today`` and still owed; returns how many were stamped.

    A row that a payment or another worker holds is passed over; the next run sees what became of it.
    """
    late = (
        Installment.merchant_id == merchant_id,
        Installment.due_on < today,
        Installment.late_on.is_(None),
        Installment.paid + Installment.cancelled < Installment.amount,
    )
    found = session.scalars(
        select(Installment.id)
        .join(Plan, (Plan.merchant_id == Installment.merchant_id) & (Plan.id == Installment.plan_id))
        .where(*late, Plan.state == "active")
        .order_by(Installment.due_on, Installment.id)
        .limit(batch)
        .with_for_update(of=Installment, skip_locked=True, key_share=True)
    ).all()
    if not found:
        return 0
    stamped = session.execute(
        update(Installment)
        .where(*late, Installment.id.in_(found))
        .values(late_on=today)
        .returning(Installment.id, Installment.plan_id, Installment.number, Installment.due_on)
        .execution_options(synchronize_session=False)
    ).all()
    rows: list[dict[str, object]] = [
        {"merchant_id": merchant_id, "kind": "installment_late", "actor_id": None, "plan_id": row.plan_id, "at": now,
         "facts": {"number": row.number, "due_on": row.due_on.isoformat(), "day": today.isoformat()}}
        for row in stamped
    ]  # fmt: skip
    events.record_many(session, rows)
    return len(stamped)
