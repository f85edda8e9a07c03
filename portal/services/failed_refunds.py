"""Refunds that the customer's bank sent back after they had succeeded: customer and shop get an email."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import uuid5

from sqlalchemy import Row
from sqlalchemy.orm import Session

from portal.adapters.payments import FailedRefund, Gateway, ReportRequest, call_provider
from portal.models import Payment, ProviderKey

from . import events, ledger
from .charges import CHARGES, account_of
from .notifications import queue_email
from .plans import lock
from .transaction import unit_of_work


def settle_failed_refund(
    session: Session, gateway: Gateway, event: Row[*tuple[Any, ...]], now: datetime
) -> str:
    """Record and email a refund that came back, as the provider says when asked: ``done``, ``mismatch`` or ``ignored``.

    The ledger stays: the money is with the shop, which owes it to the customer as before. Raises
    ``ProviderUnavailable``.
    """
    key = session.get(ProviderKey, (event.merchant_id, event.provider))
    account = account_of(event.provider, key.sealed_key if key else None)
    session.rollback()
    if account is None:
        return "ignored"
    failed = call_provider(gateway.get_failed_refund, ReportRequest(event.reference, account))
    if failed is None:
        return "ignored"
    ours = CHARGES.where(Payment.merchant_id == event.merchant_id, Payment.id == failed.payment_id)
    payment = session.execute(ours.where(Payment.provider == event.provider)).one_or_none()
    session.rollback()
    if payment is None:
        return "ignored"
    if failed.currency != payment.currency:
        return "mismatch"
    with unit_of_work(session):
        return "done" if _record_and_notify(session, payment, failed, now) else "ignored"


def _record_and_notify(
    session: Session, payment: Row[*tuple[Any, ...]], failed: FailedRefund, now: datetime
) -> bool:
    """The event, and emails to both, once for each refund; False for one that was not booked as returned."""
    plan, _ = lock(session, payment.merchant_id, payment.plan_id, now)
    booked = ledger.refunds_of(session, payment.merchant_id, payment.id)
    if failed.reference not in {uuid5(refund_id, str(payment.id)) for refund_id in booked}:
        return False
    facts: dict[str, Any] = {"payment": str(payment.id), "amount": failed.amount, "currency": failed.currency}
    if queue_email(session, plan, "refund_failed_shop", plan.shop_contact, now, failed.reference, **facts):
        about: dict[str, Any] = {"merchant_id": plan.merchant_id, "plan_id": plan.id, "at": now}
        events.record(session, "refund_failed", **about, **facts)
        queue_email(session, plan, "refund_failed", plan.customer_id, now, failed.reference, **facts)
    return True
