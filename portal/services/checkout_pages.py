"""Payments on a provider's page: the customer goes on with one, or either party stops it."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row
from sqlalchemy.orm import Session

from portal.adapters.payments import Gateway, ProviderUnavailable, call_provider
from portal.core.errors import N_, Busy, Conflict, NotFound
from portal.core.roles import Actor
from portal.core.states import PaymentState
from portal.models import Payment

from .charges import CHARGES, charge_of
from .payment_settlement import Answer, settle
from .payments import begin

NO_ANSWER = N_("The payment provider does not answer. Try again in a minute.")


def resume(session: Session, gateway: Gateway, customer: Actor, payment_id: UUID, now: datetime) -> Answer:
    """The page of the customer's payment again, or its outcome. Raises ``NotFound``, ``Conflict``."""
    row = _find(session, Payment.customer_id == customer.id, payment_id)
    if row.expires_at <= now:
        return _close(session, gateway, row, now)
    return begin(session, gateway, row.merchant_id, row.plan_id, charge_of(row), now)


def stop(session: Session, gateway: Gateway, person: Actor, payment_id: UUID, now: datetime) -> Answer:
    """Close the page for good; if it was paid meanwhile it counts. For the customer, or a member of the shop.

    Raises ``NotFound``, and ``Conflict`` if it has ended or the provider does not answer.
    """
    shop = person.member_of
    owned = Payment.merchant_id == shop if shop else Payment.customer_id == person.id
    return _close(session, gateway, _find(session, owned, payment_id), now)


def _close(session: Session, gateway: Gateway, row: Row[*tuple[Any, ...]], now: datetime) -> Answer:
    try:
        outcome = call_provider(gateway.expire, charge_of(row))
        return settle(session, row.merchant_id, row.plan_id, row.id, outcome, now)
    except (ProviderUnavailable, Busy):
        raise Conflict(NO_ANSWER, code="processing") from None


def _find(session: Session, owned: Any, payment_id: UUID) -> Row[*tuple[Any, ...]]:
    """The own payment that waits on a page. Raises ``NotFound``, and ``Conflict`` for one that has ended."""
    row = session.execute(CHARGES.where(owned, Payment.id == payment_id)).one_or_none()
    session.rollback()
    if row is None:
        raise NotFound()
    if row.state != PaymentState.PROCESSING or row.expires_at is None:
        raise Conflict(N_("This payment has ended already."), code="payment_ended")
    return row
