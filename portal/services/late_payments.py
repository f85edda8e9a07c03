"""Money that came after its payment had ended here: it goes back to the card, and the ledger never sees it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, update
from sqlalchemy.orm import Session

from portal.adapters.payments import FailedRefund, Gateway, Outcome, RefundRequest, call_provider
from portal.core.states import PaymentState
from portal.models import Payment, Plan

from . import events
from .charges import charge_of, late_return
from .failed_refunds import record_and_notify
from .notifications import queue_email
from .plans import lock
from .transaction import unit_of_work


def give_back(
    session: Session, gateway: Gateway, row: Row[*tuple[Any, ...]], page: str | None, now: datetime
) -> None:
    """Return what the provider has taken of a row of ``CHARGES`` after all: the debt may be paid otherwise, or gone.

    ``page`` is the provider's name of it, if known. Customer and shop get an email, once. Raises
    ``ProviderUnavailable``.
    """
    charge = replace(charge_of(row), page=row.provider_reference or page)
    if call_provider(gateway.get, charge) is not Outcome.SUCCEEDED:
        return
    wanted = RefundRequest(late_return(row.id), charge, row.amount)
    outcome = call_provider(gateway.get_refund, wanted) or call_provider(gateway.refund, wanted)
    with unit_of_work(session):
        plan, _ = lock(session, row.merchant_id, row.plan_id, now)
        if not session.scalars(_RETURNED, {"merchant": row.merchant_id, "payment": row.id}).first():
            return
        if outcome is Outcome.SUCCEEDED:
            _notify(session, plan, row, now)
        else:
            failed = FailedRefund(row.id, wanted.reference, row.amount, row.currency)
            record_and_notify(session, plan, failed, now)


def _notify(session: Session, plan: Plan, row: Row[*tuple[Any, ...]], now: datetime) -> None:
    facts = {"payment": str(row.id), "amount": row.amount, "currency": row.currency}
    contact = plan.shop_contact
    about = {"merchant_id": row.merchant_id, "plan_id": row.plan_id, "at": now}
    events.record(session, "payment_returned", **about, **facts)
    queue_email(session, plan, "payment_returned", plan.customer_id, now, row.id, **facts)
    queue_email(session, plan, "payment_returned_shop", contact, now, row.id, **facts)


_RETURNED = (
    update(Payment)
    .where(
        Payment.merchant_id == bindparam("merchant"),
        Payment.id == bindparam("payment"),
        Payment.state.in_([PaymentState.ABANDONED, PaymentState.DECLINED]),
    )
    .values(state=PaymentState.RETURNED)
    .returning(Payment.id)
    .execution_options(synchronize_session=False)
)
