"""Queueing reminders: the newest step that today calls for, once per installment and kind; refuses piles."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select, tuple_
from sqlalchemy.orm import Session

from portal.core.reminders import ORDER, STEPS, reminder_due
from portal.models import Installment, Message, Plan

from . import outbox
from .overdue import ORDER as BY_DUE_DATE
from .overdue import Place

BATCH = 200


def queue(
    session: Session, merchant_id: UUID, today: date, now: datetime, after: Place | None
) -> tuple[int, Place | None]:
    """Queue the reminders of one page of owed installments, by due date from ``after`` on."""
    owed = _owed(session, merchant_id, today, after)
    sent = _sent(session, merchant_id, [row.id for row in owed])
    rows = []
    for row in owed:
        step = reminder_due(row.due_on, row.accepted_on, today, sent.get(row.id, ()))
        if step:
            rows.append(_message(merchant_id, row, step, now))
    written = outbox.queue_many(session, rows)
    return written, (owed[-1].due_on, owed[-1].id) if len(owed) == BATCH else None


def _owed(session: Session, merchant_id: UUID, today: date, after: Place | None) -> list[Any]:
    """Owed installments of active plans whose first step has come and whose last was not yet sent."""
    last_sent = select(Message.id).where(
        Message.merchant_id == merchant_id, Message.cause == Installment.id, Message.kind == ORDER[-1]
    )
    query = (
        select(
            Installment.id,
            Installment.number,
            Installment.due_on,
            Installment.plan_id,
            (Installment.amount - Installment.paid - Installment.cancelled).label("owed"),
            Plan.accepted_on,
            Plan.customer_id,
            Plan.currency,
            Plan.reference,
            Plan.description,
        )
        .join(Plan, (Plan.merchant_id == Installment.merchant_id) & (Plan.id == Installment.plan_id))
        .where(
            Installment.merchant_id == merchant_id,
            Installment.due_on <= today - timedelta(days=STEPS["due_soon"]),
            Installment.paid + Installment.cancelled < Installment.amount,
            Installment.payment_id.is_(None),
            Plan.state == "active",
            ~last_sent.exists(),
        )
        .order_by(*BY_DUE_DATE)
        .limit(BATCH)
    )
    if after:
        query = query.where(tuple_(*BY_DUE_DATE) > after)
    return list(session.execute(query).all())


def _sent(session: Session, merchant_id: UUID, installments: list[UUID]) -> dict[UUID, list[str]]:
    told: dict[UUID, list[str]] = {}
    if installments:
        query = select(Message.cause, Message.kind).where(
            Message.merchant_id == merchant_id, Message.cause.in_(installments)
        )
        for cause, kind in session.execute(query):
            told.setdefault(cause, []).append(kind)
    return told


def _message(merchant_id: UUID, row: Any, step: str, now: datetime) -> dict[str, Any]:
    facts = {
        "number": row.number,
        "amount": row.owed,
        "currency": row.currency,
        "due_on": row.due_on.isoformat(),
        "reference": row.reference,
        "description": row.description,
    }
    return {
        "merchant_id": merchant_id,
        "cause": row.id,
        "kind": step,
        "user_id": row.customer_id,
        "plan_id": row.plan_id,
        "facts": facts,
        "created_at": now,
        "send_after": now,
    }
