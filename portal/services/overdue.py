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

    A payment that holds a row's lock is waited for, and what it paid is not stamped.
    """
    overdue = (
        select(Installment.id)
        .join(Plan, (Plan.merchant_id == Installment.merchant_id) & (Plan.id == Installment.plan_id))
        .where(
            Installment.merchant_id == merchant_id,
            Installment.due_on < today,
            Installment.late_on.is_(None),
            Installment.paid + Installment.cancelled < Installment.amount,
            Plan.state == "active",
        )
        .order_by(Installment.due_on, Installment.id)
        .limit(batch)
    )
    stamped = session.execute(
        update(Installment)
        .where(
            Installment.merchant_id == merchant_id,
            Installment.id.in_(overdue),
            Installment.paid + Installment.cancelled < Installment.amount,
        )
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
