"""Writing off: the shop stops collecting what is owed on a plan; the loss is posted, and the customer gets an email."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from portal.core.errors import N_, Conflict
from portal.core.ledger import Entry
from portal.core.payments import REASON_LONGEST
from portal.core.roles import Actor
from portal.core.states import PlanState, transition
from portal.core.text import clean_line
from portal.models import Plan, new_id

from . import events, idempotency, ledger, plan_endings
from .notifications import queue_email
from .payment_settlement import lines_facts
from .plans import get_for_merchant, installments_of, lock_for_merchant, refuse_while_processing


@dataclass(frozen=True, slots=True)
class WriteOff:
    """What a merchant asks to write off: the plan, why, and the owed amount in minor units that was shown, if any."""

    plan_id: UUID
    reason: str = ""
    shown: int | None = None


def preview(session: Session, merchant: Actor, plan_id: UUID) -> dict[UUID, int]:
    """What ``write_off`` would write off now: minor units by installment. Raises ``Conflict``, ``NotFound``."""
    return _work_out(session, get_for_merchant(session, merchant, plan_id))


def write_off(
    session: Session, merchant: Actor, request: WriteOff, now: datetime, key: str | None = None
) -> None:
    """Write off all that is owed on an active plan; what was paid stays, and no more reminders are sent.

    Raises ``InvalidInput`` at ``reason``, ``Conflict`` when the plan is not active, money of it is being processed or
    another amount is owed than was shown; ``NotFound``. The same key again changes nothing.
    """
    plan, today = lock_for_merchant(session, merchant, request.plan_id, now)
    if key is not None and idempotency.claim(session, plan.merchant_id, merchant.id, key, request, now):
        return
    reason = clean_line(request.reason, "reason", longest=REASON_LONGEST, required=False)
    amounts = _work_out(session, plan)
    owed = sum(amounts.values())
    if request.shown is not None and request.shown != owed:
        message = N_("The amount owed has changed. Check it and confirm again.")
        raise Conflict(message, code="other_amount", figure=owed)
    event = transition(PlanState(plan.state), PlanState.WRITTEN_OFF)
    lines = ledger.record(session, plan, Entry.DEBT_WRITTEN_OFF, amounts, ledger.Cause(), now, today)
    plan_endings.end_with(session, plan, now)
    plan.state, plan.updated_at = PlanState.WRITTEN_OFF, now
    session.flush()
    facts: dict[str, Any] = {"owed": owed, "reason": reason}
    events.record(
        session,
        event,
        merchant_id=plan.merchant_id,
        at=now,
        actor_id=merchant.id,
        plan_id=plan.id,
        **facts,
    )
    # A cause of its own: a plan that is reopened by a reversal can be written off again.
    changed = lines_facts(lines, amounts)
    queue_email(session, plan, "plan_written_off", plan.customer_id, now, new_id(), **facts, changed=changed)


def _work_out(session: Session, plan: Plan) -> dict[UUID, int]:
    transition(PlanState(plan.state), PlanState.WRITTEN_OFF)
    installments = installments_of(session, plan)
    refuse_while_processing(session, plan, installments)
    return {i.id: i.owed for i in installments if i.owed}
