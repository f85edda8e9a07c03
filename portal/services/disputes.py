"""Disputed payments: while one is open nothing moves; a lost one is reversed, a won one stays."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy import Row, exists, select
from sqlalchemy.orm import Session

from portal.adapters.payments import DisputeFound
from portal.core.errors import N_, Conflict
from portal.core.payments import LOST_DISPUTE
from portal.core.states import PlanState
from portal.models import Dispute, Payment, Plan, new_id

from . import events, ledger
from .notifications import queue_email
from .plans import installments_of, lock, refuse_while_processing
from .reversals import Preview, write


def record_dispute(
    session: Session, payment: Row[*tuple[Any, ...]], found: DisputeFound, reference: str, now: datetime
) -> bool:
    """Record how a dispute stands, in the caller's unit of work; always True.

    Raises ``Conflict`` while money of the plan is being processed.
    """
    plan, today = lock(session, payment.merchant_id, payment.plan_id, now)
    contact = plan.shop_contact
    ours = (Dispute.merchant_id == payment.merchant_id, Dispute.reference == reference)
    dispute = session.scalars(select(Dispute).where(*ours)).one_or_none()
    if dispute is None:
        about = {
            "payment_id": payment.id,
            "reference": reference,
            "amount": found.amount,
            "currency": payment.currency,
        }
        dispute = Dispute(merchant_id=payment.merchant_id, id=new_id(), state="open", opened_at=now, **about)
        session.add(dispute)
        session.flush()
        _notify(session, plan, dispute, contact, now)
    if dispute.state != "open" or found.state == "open":
        return True
    if found.state == "lost":
        _reverse(session, plan, dispute, now, today)
    dispute.state, dispute.closed_at = found.state, now
    session.flush()
    _notify(session, plan, dispute, contact, now)
    return True


def _reverse(session: Session, plan: Plan, dispute: Dispute, now: datetime, today: date) -> None:
    """Reverse what was lost: at most what is left of the payment, of its last installment first."""
    refuse_while_processing(session, plan, installments_of(session, plan))
    rest, amounts = dispute.amount, dict[UUID, int]()
    for installment, left in reversed(ledger.left_of(session, plan, dispute.payment_id).items()):
        if taken := min(rest, left):
            amounts[installment] = taken
            rest -= taken
    if not amounts:
        return
    payment = session.get_one(Payment, (plan.merchant_id, dispute.payment_id))
    lost = Preview(amounts, PlanState.ACTIVE, recovery=False)
    write(session, plan, payment, lost, LOST_DISPUTE, None, now, today)


def _notify(session: Session, plan: Plan, dispute: Dispute, contact: UUID, now: datetime) -> None:
    """The event, and emails to both; of a lost one the customer has the email about the reversal."""
    facts: dict[str, Any] = {
        "payment": str(dispute.payment_id),
        "amount": dispute.amount,
        "currency": dispute.currency,
        "state": dispute.state,
    }
    about: dict[str, Any] = {"merchant_id": plan.merchant_id, "plan_id": plan.id, "at": now}
    events.record(session, "payment_disputed", **about, **facts)
    cause = uuid5(dispute.id, dispute.state)
    if dispute.state != "lost":
        queue_email(session, plan, "payment_disputed", plan.customer_id, now, cause, **facts)
    queue_email(session, plan, "payment_disputed_shop", contact, now, cause, **facts)


def refuse_disputed(session: Session, merchant_id: UUID, payments: set[UUID]) -> None:
    """Raise ``Conflict`` if one of these payments is disputed at the moment."""
    disputed = exists().where(
        Dispute.merchant_id == merchant_id, Dispute.payment_id.in_(payments), Dispute.state == "open"
    )
    if payments and session.scalar(select(disputed)):
        raise Conflict(
            N_("The customer's bank disputes this payment. It cannot be refunded until that is decided."),
            code="disputed",
        )
