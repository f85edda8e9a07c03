"""Which amendments apply at once: better ones of the shop, and the one move that it allows its customers."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.core import amendments as rules
from portal.core.amendments import AmendmentState, Effect, Move
from portal.models import Amendment, Merchant, Plan

from .plans import installments_of


def applies_at_once(
    session: Session, plan: Plan, by_customer: bool, moves: tuple[Move, ...], today: date
) -> bool:
    if not by_customer:
        return rules.worse_from(moves) is None
    days = days_to_move(session, plan.merchant_id, plan.id)
    return days > 0 and rules.is_own_move(moves, installments_of(session, plan), today, days)


def days_to_move(session: Session, merchant_id: UUID, plan_id: UUID) -> int:
    """By how many days the customer can move the next date without asking: none where the shop does not allow it, or
    once that was done."""
    done = select(Amendment.id).where(
        Amendment.merchant_id == merchant_id,
        Amendment.plan_id == plan_id,
        Amendment.by_customer,
        Amendment.effect == Effect.BETTER,
        Amendment.state == AmendmentState.IN_FORCE,
        Amendment.ended_at == Amendment.proposed_at,
    )
    if session.scalars(done.limit(1)).first():
        return 0
    return session.scalars(select(Merchant.move_days).where(Merchant.id == merchant_id)).one()
