"""What a plan owes is spread over new installments, as an amendment in force says; nothing is cancelled or forgiven."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.orm import Session

from portal.core.amendments import Move
from portal.core.ledger import Entry
from portal.models import AmendmentLine, Installment, Plan

from . import ledger, search_words
from .transaction import insert_rows


def spread(
    session: Session, plan: Plan, amendment_id: UUID, moves: Sequence[Move], now: datetime, today: date
) -> None:
    """Move what is owed on the locked ``plan`` to new installments, through the clearing account ``rescheduled``.

    The amendment's two halves are equal, so the account is zero afterwards; the self-check looks.
    """
    away = {move.installment_id: move.owed for move in moves if move.is_away}
    added = {move.installment_id: move.owed for move in moves if move.is_added}
    if sum(away.values()) != sum(added.values()):
        raise ValueError("what moves away is not what comes")
    ledger.record(session, plan, Entry.DEBT_MOVED_AWAY, away, ledger.Cause(), now, today)
    _add(session, plan, amendment_id, [move for move in moves if move.is_added])
    ledger.take_over(session, plan, added, now, today)
    search_words.rewrite_plan(session, plan)


def _add(session: Session, plan: Plan, amendment_id: UUID, added: Sequence[Move]) -> None:
    """The new installments, each due by the amendment; they refer to its lines, and these to them."""
    rows = [
        {
            "merchant_id": plan.merchant_id,
            "id": move.installment_id,
            "plan_id": plan.id,
            "number": move.number,
            "amount": move.owed,
            "due_on": move.new,
        }
        for move in added
    ]
    insert_rows(session, Installment, rows)
    key: dict[str, Any] = {"merchant_id": plan.merchant_id, "amendment_id": amendment_id}
    lines = [key | {"installment_id": move.installment_id, "due_on": move.new} for move in added]
    insert_rows(session, AmendmentLine, lines)
    session.execute(
        update(Installment)
        .where(
            Installment.merchant_id == plan.merchant_id,
            Installment.id.in_([move.installment_id for move in added]),
        )
        .values(amendment_id=amendment_id)
        .execution_options(synchronize_session=False)
    )
