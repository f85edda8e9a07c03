"""What happened to a plan: its payments, refunds, emails and events."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, desc, func, select, union_all
from sqlalchemy.orm import Session, aliased

from portal.core.ledger import Account
from portal.core.payments import Method
from portal.models import Event, Installment, Message, Payment, Plan, Refund, Reminder, Reversal, User
from portal.models.ledger import Allocation, Posting

from .read_models import IS_DEPOSIT


@dataclass(frozen=True, slots=True)
class PaymentView:
    """A payment with what it was for; ``amount`` in minor units, ``receipt`` once it succeeded (reference-1).

    ``received_on``, ``note`` and the name ``recorded_by`` are of those that the shop recorded; ``reversed`` is what of
    it did not come in, with the ``reason``, and ``returned`` what a refund gave back.
    """

    merchant_id: UUID
    id: UUID
    plan_id: UUID
    reference: str
    description: str
    merchant_name: str
    support_email: str
    timezone: str
    customer_name: str
    customer_email: str
    amount: int
    currency: str
    state: str
    outcome: str | None
    number: int | None
    created_at: datetime
    settled_at: datetime | None
    settled_on: date | None
    method: str
    recovery: bool
    received_on: date | None
    note: str
    recorded_by: str | None
    returned: int
    reversed: int
    reason: str | None
    reversed_at: datetime | None
    reversed_on: date | None

    @property
    def reversible(self) -> bool:
        """Whether the shop can say that some of it did not come in."""
        return self.is_recorded and self.number is not None and self.reversed + self.returned < self.amount

    @property
    def is_recorded(self) -> bool:
        return self.method != Method.PROVIDER

    @property
    def receipt(self) -> str | None:
        return f"{self.reference}-{self.number}" if self.number else None


@dataclass(frozen=True, slots=True)
class EventView:
    """Something that happened; ``actor`` is None when the portal itself did it. ``facts``: amounts in minor units.

    ``has_deposit``: it is of a plan whose first installment is the deposit.
    """

    id: UUID
    kind: str
    actor: str | None
    facts: dict[str, Any]
    at: datetime
    reference: str | None
    plan_id: UUID | None
    actor_id: UUID | None
    has_deposit: bool = False


@dataclass(frozen=True, slots=True)
class RefundView:
    """A refund: its amount, what was cancelled at once, to return, and returned so far; amounts in minor units."""

    id: UUID
    amount: int
    cancelled: int
    to_return: int
    returned: int
    state: str
    created_at: datetime
    settled_at: datetime | None


@dataclass(frozen=True, slots=True)
class EmailView:
    """A message about a plan: what it was about, and whether it was sent; without the address."""

    kind: str
    state: str
    created_at: datetime
    sent_at: datetime | None


@dataclass(frozen=True, slots=True)
class ReceiptLine:
    """One installment on a receipt; ``amount`` in minor units."""

    number: int
    due_on: date
    amount: int
    is_deposit: bool


_RECORDER = aliased(User)
_RETURNED = (
    select(func.coalesce(func.sum(Allocation.returned), 0))
    .where(Allocation.merchant_id == Payment.merchant_id, Allocation.payment_id == Payment.id)
    .correlate(Payment)
    .scalar_subquery()
)


def payments_query() -> Select[Any]:
    """Payments with their plan and parties, newest first; the caller says whose."""
    return (
        select(
            Payment.merchant_id,
            Payment.id,
            Payment.plan_id,
            Plan.reference,
            Plan.description,
            Plan.shop_name,
            Plan.support_email,
            Plan.timezone,
            User.name,
            Plan.customer_email,
            Payment.amount,
            Payment.currency,
            Payment.state,
            Payment.outcome,
            Payment.number,
            Payment.created_at,
            Payment.settled_at,
            Payment.settled_on,
            Payment.method,
            Payment.recovery,
            Payment.received_on,
            Payment.note,
            _RECORDER.name,
            _RETURNED,
            func.coalesce(Reversal.amount, 0),
            Reversal.reason,
            Reversal.reversed_at,
            Reversal.reversed_on,
        )
        .join(Plan, (Plan.merchant_id == Payment.merchant_id) & (Plan.id == Payment.plan_id))
        .join(User, User.id == Payment.customer_id)
        .outerjoin(_RECORDER, _RECORDER.id == Payment.recorded_by)
        .outerjoin(
            Reversal, (Reversal.merchant_id == Payment.merchant_id) & (Reversal.payment_id == Payment.id)
        )
        .order_by(Payment.id.desc())
    )


def payments(session: Session, query: Select[Any]) -> list[PaymentView]:
    return [PaymentView(*row) for row in session.execute(query)]


def payments_of_plan(session: Session, merchant_id: UUID, plan_id: UUID) -> list[PaymentView]:
    """All payments of a plan whose ownership the caller has checked, newest first."""
    return payments(
        session, payments_query().where(Payment.merchant_id == merchant_id, Payment.plan_id == plan_id)
    )


def refunds_of_plan(session: Session, merchant_id: UUID, plan_id: UUID) -> list[RefundView]:
    """All refunds of a plan whose ownership the caller has checked, newest first."""
    query = (
        select(
            Refund.id,
            Refund.amount,
            Refund.cancelled,
            Refund.to_return,
            Refund.returned,
            Refund.state,
            Refund.created_at,
            Refund.settled_at,
        )
        .where(Refund.merchant_id == merchant_id, Refund.plan_id == plan_id)
        .order_by(Refund.id.desc())
    )
    return [RefundView(*row) for row in session.execute(query)]


def emails_of_plan(session: Session, merchant_id: UUID, plan_id: UUID, customer_id: UUID) -> list[EmailView]:
    """What was written to the customer about a plan whose ownership the caller has checked, newest first.

    A reminder email can be about several plans: each shows the steps of its own installments.
    """
    of_plan = select(Message.id, Message.kind, Message.state, Message.created_at, Message.sent_at).where(
        Message.merchant_id == merchant_id,
        Message.plan_id == plan_id,
        Message.user_id == customer_id,
        Message.kind != "reminder",
    )
    steps = (
        select(Message.id, Reminder.kind, Message.state, Message.created_at, Message.sent_at)
        .join(Message, (Message.merchant_id == Reminder.merchant_id) & (Message.id == Reminder.message_id))
        .join(
            Installment,
            (Installment.merchant_id == Reminder.merchant_id) & (Installment.id == Reminder.installment_id),
        )
        .where(
            Installment.merchant_id == merchant_id, Installment.plan_id == plan_id, Message.kind == "reminder"
        )
    )
    rows = session.execute(union_all(of_plan, steps).order_by(desc("id")))
    return [EmailView("reminder" if row[1].startswith("asked-") else row[1], *row[2:]) for row in rows]


def receipt_lines(session: Session, payment: PaymentView) -> list[ReceiptLine]:
    """What a payment paid, from its postings. The caller has checked whose payment it is."""
    query = (
        select(
            Installment.number,
            Installment.due_on,
            Posting.amount,
            IS_DEPOSIT,
        )
        .select_from(Posting)
        .join(Installment)
        .join(Plan, (Plan.merchant_id == Installment.merchant_id) & (Plan.id == Installment.plan_id))
        .join(Payment, (Payment.merchant_id == Posting.merchant_id) & (Payment.id == Posting.payment_id))
        .where(Payment.merchant_id == payment.merchant_id, Payment.id == payment.id)
        .where(Posting.debit == Account.CASH)
        .order_by(Installment.number)
    )
    return [ReceiptLine(*row) for row in session.execute(query)]


def events_query() -> Select[Any]:
    """Events with who and what, oldest first; the caller says whose."""
    return (
        select(
            Event.id,
            Event.kind,
            User.name,
            Event.facts,
            Event.at,
            Plan.reference,
            Event.plan_id,
            Event.actor_id,
            Plan.deposit.is_not(None),
        )
        .outerjoin(User, User.id == Event.actor_id)
        .outerjoin(Plan, (Plan.merchant_id == Event.merchant_id) & (Plan.id == Event.plan_id))
    )


def events_of_plan(session: Session, merchant_id: UUID, plan_id: UUID) -> list[EventView]:
    """The timeline of a plan whose ownership the caller has checked."""
    query = (
        events_query().where(Event.merchant_id == merchant_id, Event.plan_id == plan_id).order_by(Event.id)
    )
    return [EventView(*row) for row in session.execute(query)]
