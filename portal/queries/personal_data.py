"""Everything that the portal holds about one person, as tables of plain values; no secret, no hash, nobody else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, and_, func, select
from sqlalchemy.orm import Session

from portal.core.money import decimal_text
from portal.core.roles import Actor
from portal.models import (
    Acceptance,
    Attempt,
    Customer,
    Event,
    EventOrigin,
    Installment,
    Mandate,
    Member,
    Merchant,
    Message,
    Passkey,
    Payment,
    Plan,
    RecoveryCode,
    Refund,
    SecondFactor,
    User,
    UserSession,
)
from portal.models.ledger import Allocation

Row = dict[str, Any]
# Columns in minor units, written as decimal amounts of the row's currency.
AMOUNTS = frozenset(
    ("total", "amount", "paid", "reversed", "returned", "cancelled", "written_off", "recovered", "owed")
)


def read(session: Session, person: Actor) -> dict[str, list[Row]]:
    """The tables by their names, each a list of rows with the same columns."""
    return {name: list(_rows(session, query)) for name, query in _queries(person).items()}


def _rows(session: Session, query: Select[Any]) -> Iterator[Row]:
    for row in session.execute(query).mappings():
        currency = row.get("currency")
        yield {name: _plain(name, value, currency) for name, value in row.items()}


def _plain(name: str, value: Any, currency: str | None) -> Any:
    if name in AMOUNTS and currency and isinstance(value, int):
        return decimal_text(value, currency)
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else value


def _queries(person: Actor) -> dict[str, Any]:
    return _of_account(person.id) | _of_plans(person.id) | _of_what_happened(person.id)


def _of_account(user_id: UUID) -> dict[str, Any]:
    codes = select(func.count()).where(RecoveryCode.user_id == User.id).scalar_subquery()
    return {
        "account": select(
            User.id,
            User.email,
            User.username,
            User.name,
            User.role,
            User.language,
            User.test_card,
            User.email_verified_at,
            User.early_reminders_stopped_at,
            User.created_at,
            SecondFactor.active_at.label("authenticator_app_since"),
            codes.label("recovery_codes_left"),
        )
        .outerjoin(SecondFactor, SecondFactor.user_id == User.id)
        .where(User.id == user_id),
        "passkeys": select(Passkey.name, Passkey.created_at, Passkey.last_used_at).where(
            Passkey.user_id == user_id
        ),
        "sessions": select(
            UserSession.browser,
            UserSession.network,
            UserSession.created_at,
            UserSession.last_seen_at,
            UserSession.ends_at,
        )
        .where(UserSession.user_id == user_id)
        .order_by(UserSession.created_at),
        "shops": select(Merchant.name.label("shop"), Member.role, Member.created_at)
        .join(Merchant, Merchant.id == Member.merchant_id)
        .where(Member.user_id == user_id),
        "customer_of": select(
            Merchant.name.label("shop"), Customer.id, Customer.created_at, Customer.offers_stopped_at
        )
        .join(Merchant, Merchant.id == Customer.merchant_id)
        .where(Customer.user_id == user_id),
    }


_PLAN = (
    *(
        Plan.reference,
        Plan.shop_name,
        Plan.support_email,
        Plan.customer_email,
        Plan.description,
        Plan.currency,
    ),
    *(Plan.total, Plan.num_installments, Plan.frequency, Plan.state, Plan.last_day, Plan.accepted_on),
    *(Plan.created_at, Plan.terms),
)
_INSTALLMENT = (
    *(Plan.currency, Installment.number, Installment.due_on, Installment.amount, Installment.paid),
    *(Installment.reversed, Installment.returned, Installment.cancelled, Installment.written_off),
    *(Installment.recovered, Installment.owed, Installment.paid_at),
)
_PAYMENT = (
    *(Payment.currency, Payment.amount, Payment.method, Payment.state, Payment.received_on, Payment.note),
    *(Payment.number.label("receipt"), Payment.created_at, Payment.settled_at),
)
_REFUND = (
    *(Refund.currency, Refund.amount, Refund.returned, Refund.cancelled, Refund.reason, Refund.state),
    *(Refund.created_at, Refund.settled_at),
)
_ACCEPTANCE = (
    *(Acceptance.accepted_at, Acceptance.how, Acceptance.address_verified),
    *(Acceptance.address.label("network_address"), Acceptance.user_agent, Acceptance.terms),
)
_MANDATE = (
    *(Mandate.given_at, Mandate.text, Mandate.address.label("network_address"), Mandate.user_agent),
    *(Mandate.provider, Mandate.brand, Mandate.last_four, Mandate.saved_at, Mandate.revoked_at),
)
_ATTEMPT = Payment.currency, Installment.number, Attempt.made_on, Payment.amount, Payment.outcome
_PAID = Payment.currency, Payment.number.label("receipt"), Installment.number, Allocation.amount


def _of_plans(user_id: UUID) -> dict[str, Any]:
    """What was offered to the person, and what came of it."""

    def of_plan(table: Any, columns: tuple[Any, ...]) -> Any:
        key = and_(Plan.merchant_id == table.merchant_id, Plan.id == table.plan_id)
        joined = select(Plan.reference, *columns).join(Plan, key).where(Plan.customer_id == user_id)
        return joined.order_by(Plan.id)

    of_payment = and_(Allocation.merchant_id == Payment.merchant_id, Allocation.payment_id == Payment.id)
    of_line = and_(
        Installment.merchant_id == Allocation.merchant_id, Installment.id == Allocation.installment_id
    )
    charge = and_(Payment.merchant_id == Attempt.merchant_id, Payment.id == Attempt.payment_id)
    due = and_(Installment.merchant_id == Attempt.merchant_id, Installment.id == Attempt.installment_id)
    tried = of_plan(Attempt, _ATTEMPT).join(Payment, charge).join(Installment, due)
    paid = of_plan(Payment, _PAID).join(Allocation, of_payment).join(Installment, of_line)
    return {
        "plans": select(*_PLAN).where(Plan.customer_id == user_id).order_by(Plan.id),
        "installments": of_plan(Installment, _INSTALLMENT).order_by(Installment.number),
        "payments": of_plan(Payment, _PAYMENT).order_by(Payment.id),
        "payments_of_installments": paid.order_by(Payment.id, Installment.number),
        "refunds": of_plan(Refund, _REFUND).order_by(Refund.id),
        "acceptances": of_plan(Acceptance, _ACCEPTANCE),
        "automatic_payments": of_plan(Mandate, _MANDATE).order_by(Mandate.id),
        "automatic_payment_attempts": tried.order_by(Payment.id),
    }


def _of_what_happened(user_id: UUID) -> dict[str, Any]:
    """What the person did, without details, which can name other people; and the emails as they were sent."""
    return {
        "events": select(Event.kind, Event.at, Plan.reference, EventOrigin.network, EventOrigin.browser)
        .outerjoin(Plan, and_(Plan.merchant_id == Event.merchant_id, Plan.id == Event.plan_id))
        .outerjoin(
            EventOrigin, and_(EventOrigin.merchant_id == Event.merchant_id, EventOrigin.event_id == Event.id)
        )
        .where(Event.actor_id == user_id)
        .order_by(Event.id),
        "emails": select(
            Message.kind, Message.state, Message.created_at, Message.sent_at, Message.subject, Message.body
        )
        .where(Message.user_id == user_id)
        .order_by(Message.id),
    }
