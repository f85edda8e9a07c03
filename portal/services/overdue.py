"""Marking what is overdue: stamped once with the merchant's day, in batches; decides from the rows alone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import Row, String, cast, literal, select, tuple_, update
from sqlalchemy.orm import Session

from portal.models import Installment, Plan

from . import events

BATCH = 1000
Place = tuple[date, UUID]
ORDER = (Installment.due_on, Installment.id)


def mark(
    session: Session,
    merchant_id: UUID,
    today: date,
    now: datetime,
    after: Place | None = None,
    batch: int = BATCH,
) -> tuple[int, Place | None]:
    """Stamp one page of installments due before ``today`` and still owed, by due date from ``after`` on.

    Returns how many were stamped, and where to go on; None at the end. A row that a payment or another worker holds is
    passed over; the next run sees what became of it.
    """
    found = _found(session, merchant_id, today, after, batch)
    if not found:
        return 0, None
    these = (Installment.merchant_id == merchant_id, Installment.id.in_([row.id for row in found]))
    facts = {"number": Installment.number, "due_on": cast(Installment.due_on, String),
             "day": literal(today.isoformat())}  # fmt: skip
    events.record_each(
        session, "installment_late", select(Installment).where(*these), ORDER, Installment.plan_id, facts,
        merchant_id=merchant_id, at=now,
    )  # fmt: skip
    stamp = update(Installment).where(*these).values(late_on=today)
    session.execute(stamp.execution_options(synchronize_session=False))
    due_on, last_id = found[-1]
    return len(found), (due_on, last_id) if len(found) == batch else None


def _found(
    session: Session, merchant_id: UUID, today: date, after: Place | None, batch: int
) -> Sequence[Row[date, UUID]]:
    """The next page, locked; what somebody else holds is left out."""
    query = (
        select(*ORDER)
        .join(Plan, (Plan.merchant_id == Installment.merchant_id) & (Plan.id == Installment.plan_id))
        .where(
            Installment.merchant_id == merchant_id,
            Installment.due_on < today,
            Installment.late_on.is_(None),
            Installment.paid + Installment.cancelled < Installment.amount,
            Plan.state == "active",
        )
        .order_by(*ORDER)
        .limit(batch)
        .with_for_update(of=Installment, skip_locked=True, key_share=True)
    )
    return session.execute(query.where(tuple_(*ORDER) > after) if after else query).all()
