"""The amendment of a plan that waits for an answer: found, and ended by what happens to the plan."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.core import amendments
from portal.core.amendments import AmendmentState
from portal.models import Amendment, Plan

from . import events

OPEN = Amendment.state == AmendmentState.PROPOSED


def shown_state(amendment: Amendment, today: date) -> AmendmentState:
    """The state as it counts today."""
    return amendments.shown_state(AmendmentState(amendment.state), amendment.last_day, today)


def find(session: Session, plan: Plan) -> Amendment | None:
    """The one that waits for an answer, or waited for it until its last day."""
    of_plan = Amendment.merchant_id == plan.merchant_id, Amendment.plan_id == plan.id
    return session.scalars(select(Amendment).where(*of_plan, OPEN)).one_or_none()


def withdraw(session: Session, plan: Plan, now: datetime) -> None:
    """Withdraw what waits for an answer on the locked plan, which was paid, cancelled or written off meanwhile."""
    # Read with the lock, and unknown once the plan was written.
    if plan.amendment_waits is False:
        return
    amendment = find(session, plan)
    if amendment:
        end(session, plan, amendment, AmendmentState.WITHDRAWN, now)


def end(session: Session, plan: Plan, amendment: Amendment, state: AmendmentState, now: datetime) -> None:
    """End it without an answer, and record that."""
    amendment.state, amendment.ended_at = state, now
    session.flush()
    events.record(
        session,
        f"amendment_{state}",
        merchant_id=plan.merchant_id,
        plan_id=plan.id,
        at=now,
        **event_facts(amendment),
    )


def event_facts(amendment: Amendment) -> dict[str, Any]:
    """What an event says of an amendment: its number, which side proposed it, how many dates it moves, and over how
    many new installments it spreads what is owed."""
    facts = {
        "amendment": amendment.number,
        "by_customer": amendment.by_customer,
        "moves": len(amendment.lines),
    }
    spread = sum(line["old"] is None for line in amendment.lines)
    return facts | ({"spread": spread} if spread else {})


def email_facts(amendment: Amendment) -> dict[str, Any]:
    """What an email says of an amendment; amounts in minor units, days in ISO."""
    return {
        "amendment": amendment.number,
        "reason": amendment.reason,
        "moves": amendment.lines,
        "by_customer": amendment.by_customer,
        "accepted": amendment.accepted_at is not None,
        "answer_by": amendment.last_day.isoformat(),
    }
