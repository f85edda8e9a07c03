"""Plans under the lock: finding, locking, posting and cancelling them; refuses what their state does not allow."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from portal.core import states
from portal.core.calendar import business_date
from portal.core.errors import N_, Conflict, Forbidden, NotFound
from portal.core.roles import Actor, Role
from portal.core.states import PlanState
from portal.models import Installment, Merchant, Plan, Posting, new_id

from . import events, messages


def cancel(session: Session, merchant: Actor, plan_id: UUID, shown: int, now: datetime) -> None:
    """Cancel all that is still owed on an active plan and return nothing. ``shown`` is what the merchant was shown.

    Raises ``Conflict`` when the plan is not active, a payment is processing, or another amount is owed by now.
    """
    plan, today = lock_for_merchant(session, merchant, plan_id, now)
    event = states.transition(PlanState(plan.state), PlanState.CANCELLED)
    owing = [i for i in installments_of(session, plan) if i.amount > i.paid + i.cancelled]
    if any(i.payment_id for i in owing):
        raise Conflict(N_("A payment is being processed. Try again when it is settled."), code="processing")
    amounts = [(i.id, i.amount - i.paid - i.cancelled) for i in owing]
    owed = sum(amount for _, amount in amounts)
    if shown != owed:
        message = N_("Another amount is owed by now. Check it and confirm again.")
        raise Conflict(message, code="other_amount", figure=owed)
    post(session, plan, "refunds", "receivable", amounts, now, today)
    session.execute(
        update(Installment)
        .where(Installment.merchant_id == plan.merchant_id, Installment.plan_id == plan.id)
        .values(cancelled=Installment.amount - Installment.paid, late_on=None)
        .execution_options(synchronize_session=False)
    )
    plan.state, plan.updated_at = PlanState.CANCELLED, now
    session.flush()
    tell(session, plan, event, "plan_cancelled", plan.customer_id, merchant.id, now, owed=owed)


def lock(session: Session, merchant_id: UUID, plan_id: UUID, now: datetime) -> tuple[Plan, date]:
    """The plan, locked until the commit and as it is now, and the merchant's date; every change starts here.

    The key is left free for foreign keys, so that writing an event about a plan never waits for its lock.
    """
    plan, timezone = session.execute(
        select(Plan, Merchant.timezone)
        .join(Merchant, Merchant.id == Plan.merchant_id)
        .where(Plan.merchant_id == merchant_id, Plan.id == plan_id)
        .with_for_update(key_share=True, of=Plan)
        .execution_options(populate_existing=True)
    ).one()
    return plan, business_date(now, timezone)


def installments_of(session: Session, plan: Plan) -> list[Installment]:
    return list(
        session.scalars(
            select(Installment)
            .where(Installment.merchant_id == plan.merchant_id, Installment.plan_id == plan.id)
            .order_by(Installment.number)
            .execution_options(populate_existing=True)
        )
    )


def post(
    session: Session, plan: Plan, debit: str, credit: str, amounts: list[tuple[UUID, int]], now: datetime, today: date,
    **cause: Any,
) -> None:  # fmt: skip
    """Add one posting per (installment id, minor units); ``cause`` names the payment or refund that moved cash."""
    rows = [
        {"merchant_id": plan.merchant_id, "id": new_id(), "installment_id": installment_id, "debit": debit,
         "credit": credit, "amount": amount, "currency": plan.currency, "posted_at": now, "posted_on": today} | cause
        for installment_id, amount in amounts
    ]  # fmt: skip
    session.execute(insert(Posting), rows)


def lock_for_customer(session: Session, customer: Actor, plan_id: UUID, now: datetime) -> tuple[Plan, date]:
    """The customer's own plan, locked, and the merchant's date. Raises ``NotFound`` for another's."""
    if customer.role is not Role.CUSTOMER:
        raise Forbidden(N_("Only the customer of a plan can do this."))
    return _find_and_lock(session, Plan.customer_id == customer.id, plan_id, now)


def lock_for_merchant(session: Session, merchant: Actor, plan_id: UUID, now: datetime) -> tuple[Plan, date]:
    """The merchant's own plan, locked, and the merchant's date. Raises ``NotFound`` for another's."""
    if merchant.role is not Role.MERCHANT:
        raise Forbidden(N_("Only the shop of a plan can do this."))
    return _find_and_lock(session, Plan.merchant_id == merchant.id, plan_id, now)


def _find_and_lock(session: Session, owned: Any, plan_id: UUID, now: datetime) -> tuple[Plan, date]:
    merchant_id = session.scalars(select(Plan.merchant_id).where(Plan.id == plan_id, owned)).one_or_none()
    if merchant_id is None:
        raise NotFound()
    return lock(session, merchant_id, plan_id, now)


def tell(
    session: Session, plan: Plan, event: str, letter: str, to: UUID, actor_id: UUID | None, now: datetime,
    **facts: object,
) -> None:  # fmt: skip
    """Record what happened to the plan and write to the person who should know; both in the same transaction."""
    events.record(
        session, event, merchant_id=plan.merchant_id, at=now, actor_id=actor_id, plan_id=plan.id, **facts
    )
    write_to(session, plan, letter, to, now, **facts)


def write_to(session: Session, plan: Plan, letter: str, to: UUID, now: datetime, **facts: Any) -> None:
    """Queue one letter about the plan, once per kind."""
    messages.queue(
        session, letter, merchant_id=plan.merchant_id, cause=plan.id, user_id=to, at=now, plan_id=plan.id,
        **plan_facts(plan), **facts,
    )  # fmt: skip


def plan_facts(plan: Plan) -> dict[str, Any]:
    """What every letter about a plan can name; ``total`` in minor units."""
    return {
        "reference": plan.reference, "description": plan.description, "total": plan.total, "currency": plan.currency,
        "num_installments": plan.num_installments, "customer_email": plan.customer_email,
        "last_day": plan.last_day.isoformat(), "start_date": plan.start_date.isoformat(),
    }  # fmt: skip
