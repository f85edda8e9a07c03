"""What a provider reports under its signature: kept once, then settled by asking the provider; nothing is believed."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy import Row, bindparam, select, update
from sqlalchemy.orm import Session

from portal.adapters.payments import (
    Gateway,
)
from portal.core.payments import Provider
from portal.core.states import PaymentState
from portal.models import Payment, ProviderEvent, ProviderKey

from . import late_payments, saved_cards
from .charges import CHARGES, charge_of
from .disputes import record_dispute
from .failed_refunds import record_failed_refund
from .payment_settlement import ask, settle
from .provider_reports import settle_report
from .settling import settle_each
from .transaction import insert_once, unit_of_work

DISPUTE_EVENTS = ("charge.dispute.created", "charge.dispute.closed")
REFUND_FAILED = "refund.failed"
PAGE_EVENTS = ("checkout.session.completed", "checkout.session.expired")
# Of payments from saved cards, which have no page.
TAKEN = "payment_intent.succeeded"


def secrets_of(session: Session, merchant_id: UUID) -> dict[Provider, str]:
    """The sealed secrets by which the shop's providers sign; none for a shop without a key."""
    rows = session.execute(
        select(ProviderKey.provider, ProviderKey.webhook_secret).where(
            ProviderKey.merchant_id == merchant_id, ProviderKey.webhook_secret.is_not(None)
        )
    )
    return {Provider(provider): secret for provider, secret in rows if secret}


def receive(session: Session, merchant_id: UUID, provider: Provider, message: Any, now: datetime) -> bool:
    """Keep a signed event in the caller's unit of work; whether it is new."""
    row = {
        "merchant_id": merchant_id,
        "provider": provider,
        "event_id": message.event_id,
        "kind": message.kind,
        "reference": message.reference,
        "payment_id": message.payment_id,
        "amount": message.amount,
        "currency": message.currency,
        "received_at": now,
    }
    return bool(insert_once(session, ProviderEvent, [row]))


def settle_events(session: Session, gateway: Gateway, now: datetime) -> dict[str, int]:
    """Settle what was reported and is not handled yet, oldest first; what the provider cannot confirm now waits."""
    waiting = session.execute(
        select(*ProviderEvent.__table__.c, ProviderEvent.event_id.label("id"))
        .where(ProviderEvent.handled_at.is_(None))
        .order_by(ProviderEvent.received_at)
    ).all()
    session.rollback()

    def handle(row: Row[*tuple[Any, ...]]) -> None:
        result = _handle(session, gateway, row, now)
        with unit_of_work(session):
            session.execute(_HANDLED, {**_key(row), "result": result, "at": now})

    handled, still_waiting = settle_each(session, waiting, handle)
    return {"events_handled": handled, "events_waiting": still_waiting}


def _handle(session: Session, gateway: Gateway, event: Row[*tuple[Any, ...]], now: datetime) -> str:
    """What was done about an event: ``done``, ``ignored``, or ``mismatch`` if it is of another amount."""
    if event.kind in DISPUTE_EVENTS:
        disputed = partial(record_dispute, session, reference=event.reference, now=now)
        return settle_report(session, event, gateway.get_dispute, disputed)
    if event.kind == REFUND_FAILED:
        came_back = partial(record_failed_refund, session, now=now)
        return settle_report(session, event, gateway.get_failed_refund, came_back)
    if event.kind not in (*PAGE_EVENTS, TAKEN):
        return "ignored"
    if event.payment_id is None:
        return saved_cards.settle_event(session, gateway, event, now)
    ours = CHARGES.where(Payment.merchant_id == event.merchant_id, Payment.id == event.payment_id)
    row = session.execute(ours.where(Payment.provider == event.provider)).one_or_none()
    session.rollback()
    if row is None or (event.kind == TAKEN) != bool(row.mandate_id):
        return "ignored"
    if (event.amount, event.currency) != (row.amount, row.currency):
        return "mismatch"
    if row.state == PaymentState.PROCESSING:
        outcome = ask(gateway, charge_of(row), expired=False)
        page = event.reference
        settle(session, row.merchant_id, row.plan_id, row.id, outcome, now, later=True, page=page)
    elif row.state in (PaymentState.ABANDONED, PaymentState.DECLINED):
        late_payments.give_back(session, gateway, row, event.reference, now)
    return "done"


def _key(row: Row[*tuple[Any, ...]]) -> dict[str, Any]:
    return {"merchant": row.merchant_id, "by": row.provider, "event": row.event_id}


_HANDLED = (
    update(ProviderEvent)
    .where(
        ProviderEvent.merchant_id == bindparam("merchant"),
        ProviderEvent.provider == bindparam("by"),
        ProviderEvent.event_id == bindparam("event"),
    )
    .values(handled_at=bindparam("at"), result=bindparam("result"))
    .execution_options(synchronize_session=False)
)
