"""Reversals: what a shop recorded did not come in, so it is owed again and the customer gets an email."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from portal.core.errors import N_, Conflict, NotFound
from portal.core.ledger import Entry
from portal.core.payments import REASON_LONGEST, Method
from portal.core.roles import Actor
from portal.core.states import PaymentState, PlanState, transition
from portal.core.text import clean_line
from portal.models import Payment, Plan, Reversal

from . import events, idempotency, ledger
from .notifications import queue_email
from .payment_settlement import lines_facts
from .plans import get_for_merchant, installments_of, lock_for_merchant, refuse_while_processing
from .transaction import insert_rows


@dataclass(frozen=True, slots=True)
class ReversalRequest:
    """Which payment a shop reverses and why; ``shown`` is the amount in minor units that its page showed, if any."""

    plan_id: UUID
    payment_id: UUID
    reason: str
    shown: int | None = None


@dataclass(frozen=True, slots=True)
class Preview:
    """What reversing a payment makes owed again, or of a ``recovery`` lost again, in minor units by installment;
    ``state`` is the plan's afterwards."""

    amounts: dict[UUID, int]
    state: PlanState
    recovery: bool

    @property
    def amount(self) -> int:
        return sum(self.amounts.values())


def reverse_once(
    session: Session,
    merchant: Actor,
    wanted: ReversalRequest,
    key: str | None,
    now: datetime,
    answer: Callable[[], dict[str, Any]],
) -> dict[str, Any]:
    """Reverse a payment once per key, in the caller's unit of work; ``answer`` makes the stored answer afterwards."""
    lock_for_merchant(session, merchant, wanted.plan_id, now)

    def act() -> dict[str, Any]:
        reverse(session, merchant, wanted, now)
        return answer()

    return idempotency.once(session, merchant.merchant_id, merchant.id, key, wanted, now, act)


def reverse(session: Session, merchant: Actor, wanted: ReversalRequest, now: datetime) -> None:
    """Reverse all that is left of a recorded payment: it is owed again, and an ended plan is active again. What a
    recovery brought is lost again, and nothing is owed.

    Raises ``InvalidInput`` at ``reason``; ``Conflict`` for a card payment, while money of the plan is being processed,
    for one of which nothing is left and when another amount is left than was shown; ``NotFound``.
    """
    plan, today = lock_for_merchant(session, merchant, wanted.plan_id, now)
    reason = clean_line(wanted.reason, "reason", longest=REASON_LONGEST)
    payment = _find(session, plan, wanted.payment_id)
    worked_out = _work_out(session, plan, payment)
    if wanted.shown is not None and wanted.shown != worked_out.amount:
        message = N_("Something changed since this preview. Check the new preview and confirm again.")
        raise Conflict(message, code="other_amount", figure=worked_out.amount)
    write(session, plan, payment, worked_out, reason, merchant.id, now, today)


def preview(session: Session, merchant: Actor, plan_id: UUID, payment_id: UUID) -> Preview:
    """Preview what ``reverse`` would do now. Raises ``Conflict``, ``NotFound``."""
    plan = get_for_merchant(session, merchant, plan_id)
    return _work_out(session, plan, _find(session, plan, payment_id))


def _find(session: Session, plan: Plan, payment_id: UUID) -> Payment:
    """Raises ``NotFound`` unless it is a payment of the plan that has succeeded."""
    payment = session.get(Payment, (plan.merchant_id, payment_id))
    if payment is None or payment.plan_id != plan.id or payment.state != PaymentState.SUCCEEDED:
        raise NotFound()
    return payment


def _work_out(session: Session, plan: Plan, payment: Payment) -> Preview:
    if payment.method == Method.PROVIDER:
        raise Conflict(N_("A card payment cannot be reversed here. Refund it instead."), code="not_recorded")
    refuse_while_processing(session, plan, installments_of(session, plan))
    left = ledger.left_of(session, plan, payment.id)
    if not left:
        raise Conflict(
            N_("Nothing of this payment is left: it was reversed or returned."), code="nothing_left"
        )
    state = PlanState(plan.state) if payment.recovery else PlanState.ACTIVE
    return Preview(left, state, payment.recovery)


def write(
    session: Session,
    plan: Plan,
    payment: Payment,
    worked_out: Preview,
    reason: str,
    reversed_by: UUID | None,
    now: datetime,
    today: date,
) -> None:
    """The reversal, the ledger, the plan's state, the events and the email; nobody reversed what a dispute lost."""
    reversal = {
        "merchant_id": plan.merchant_id,
        "payment_id": payment.id,
        "amount": worked_out.amount,
        "reason": reason,
        "reversed_by": reversed_by,
        "reversed_at": now,
        "reversed_on": today,
    }
    insert_rows(session, Reversal, [reversal])
    cause, amounts = ledger.Cause(payment.id), worked_out.amounts
    entry = Entry.RECOVERY_REVERSED if payment.recovery else Entry.PAYMENT_REVERSED
    lines = ledger.record(session, plan, entry, amounts, cause, now, today)
    facts: dict[str, Any] = {
        "payment": str(payment.id),
        "receipt": f"{plan.reference}-{payment.number}",
        "amount": worked_out.amount,
        "currency": plan.currency,
        "method": payment.method,
        "reason": reason,
        "recovery": payment.recovery,
    }
    about: dict[str, Any] = {"merchant_id": plan.merchant_id, "plan_id": plan.id, "at": now}
    events.record(session, "payment_reversed", actor_id=reversed_by, **about, **facts)
    if plan.state != worked_out.state:
        events.record(session, transition(PlanState(plan.state), worked_out.state), **about)
        plan.state = worked_out.state
    plan.updated_at = now
    session.flush()
    facts |= {
        "changed": lines_facts(lines, amounts),
        "received_on": str(payment.received_on or payment.settled_on),
    }
    queue_email(session, plan, "payment_reversed", plan.customer_id, now, payment.id, **facts)
