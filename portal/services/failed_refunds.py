"""Money that was to go back to a card and did not arrive there: customer and shop get an email."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import uuid5

from sqlalchemy import Row
from sqlalchemy.orm import Session

from portal.adapters.payments import FailedRefund
from portal.models import Plan

from . import events, ledger
from .charges import late_return
from .notifications import queue_email
from .plans import lock


def record_failed_refund(
    session: Session, payment: Row[*tuple[Any, ...]], failed: FailedRefund, now: datetime
) -> bool:
    """Record a refund that came back, in the caller's unit of work.

    The ledger stays: the money is with the shop, which owes it to the customer as before. False for a refund that was
    not booked as returned, nor is of money that came late.
    """
    plan, _ = lock(session, payment.merchant_id, payment.plan_id, now)
    booked = ledger.refunds_of(session, payment.merchant_id, payment.id)
    known = {uuid5(refund_id, str(payment.id)) for refund_id in booked} | {late_return(payment.id)}
    if failed.reference not in known:
        return False
    record_and_notify(session, plan, failed, now)
    return True


def record_and_notify(session: Session, plan: Plan, failed: FailedRefund, now: datetime) -> None:
    """The event, and emails to both, once for each refund, in the caller's unit of work."""
    about: dict[str, Any] = {"merchant_id": plan.merchant_id, "plan_id": plan.id, "at": now}
    facts: dict[str, Any] = {
        "payment": str(failed.payment_id),
        "amount": failed.amount,
        "currency": failed.currency,
    }
    if queue_email(session, plan, "refund_failed_shop", plan.shop_contact, now, failed.reference, **facts):
        events.record(session, "refund_failed", **about, **facts)
        queue_email(session, plan, "refund_failed", plan.customer_id, now, failed.reference, **facts)
