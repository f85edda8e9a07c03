"""What would happen to a plan: done by the code that does it, in a unit of work that its caller rolls back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.adapters.payments import Outcome
from portal.core.calendar import business_date
from portal.core.payments import Method
from portal.core.reminders import STEPS
from portal.core.roles import Actor
from portal.models import Message, Plan

from . import payments, recording, reminders
from .payment_settlement import Answer, settle_within
from .payments import PaymentRequest, Scope
from .plans import installments_of, lock
from .recording import Recording


@dataclass(frozen=True, slots=True)
class Sent:
    """An email that would be sent: when, its kind (of a reminder its step), and whether to the customer."""

    day: date
    kind: str
    to_customer: bool


def emails(
    session: Session, merchant_id: UUID, plan_id: UUID, now: datetime, act: Callable[[], object]
) -> list[Sent]:
    """The emails that ``act`` sends, and the reminders that follow while nothing else happens, in order."""
    plan, today = lock(session, merchant_id, plan_id, now)
    of_plan = Message.merchant_id == merchant_id, Message.plan_id == plan_id
    known = set(session.scalars(select(Message.id).where(*of_plan)))
    act()
    _remind(session, plan, now, today)
    found = session.scalars(select(Message).where(*of_plan).order_by(Message.created_at, Message.id))
    return [_sent(one, plan) for one in found if one.id not in known]


def pay_as_customer(session: Session, customer: Actor, plan_id: UUID, amount: int, now: datetime) -> None:
    """Pay ``amount`` minor units as if the provider had taken them. Raises as ``payments.pay`` does."""
    request = PaymentRequest(plan_id, Scope.AMOUNT, None, part=amount)
    begun = payments.intend(session, customer, request, None, now, None)
    if not isinstance(begun, Answer):
        merchant_id, plan_id, charge = begun
        settle_within(session, merchant_id, plan_id, charge.reference, Outcome.SUCCEEDED, now)


def pay_as_shop(session: Session, merchant: Actor, plan_id: UUID, amount: int, now: datetime) -> None:
    """Record ``amount`` minor units as received now. Raises as ``recording.record`` does."""
    recording.record(session, merchant, Recording(plan_id, amount, Method.CASH, again=True), now)


def _remind(session: Session, plan: Plan, now: datetime, today: date) -> None:
    """Queue the reminders of the installment that is due next and of those that are late, each on its day."""
    owing = [line for line in installments_of(session, plan) if line.owed]
    ahead = [line for line in owing if line.due_on >= today][:1]
    dates = {line.due_on + timedelta(days=step) for line in ahead for step in STEPS.values()}
    near = {today + timedelta(days=days) for days in range(max(STEPS.values()) + 1)}
    about = [line.id for line in owing if line.due_on < today or line in ahead]
    for day in sorted(day for day in dates | near if day >= today):
        at = now + (day - today)
        reminders.queue(session, plan.merchant_id, day, at, about)


def _sent(message: Message, plan: Plan) -> Sent:
    is_reminder = message.kind == reminders.KIND
    kind = message.facts["lines"][0]["step"] if is_reminder else message.kind
    return Sent(business_date(message.created_at, plan.timezone), kind, message.user_id == plan.customer_id)
