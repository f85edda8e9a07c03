"""Plans under the lock: finding, locking and cancelling them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, func, literal_column, select
from sqlalchemy.orm import Session, with_expression

from portal.core import states
from portal.core.calendar import business_date
from portal.core.errors import N_, Conflict, Forbidden, NotFound
from portal.core.ledger import Entry
from portal.core.roles import Actor, MemberRole
from portal.core.states import PlanState
from portal.models import Amendment, Installment, Member, Merchant, Plan, Refund, User

from . import idempotency, ledger, plan_endings
from .notifications import record_and_notify, schedule_facts


@dataclass(frozen=True, slots=True)
class Cancellation:
    """What a merchant asks to cancel: the plan, and the owed amount in minor units that was shown, if any was."""

    plan_id: UUID
    shown: int | None


def cancel(
    session: Session, merchant: Actor, plan_id: UUID, shown: int | None, now: datetime, key: str | None = None
) -> None:
    """Cancel all that is still owed on an active plan and return nothing. ``shown`` is what the merchant was shown;
    None, over the API, means whatever is owed.

    Raises ``Conflict`` when the plan is not active, money of it is being processed, or another amount is owed by now.
    The same key again changes nothing.
    """
    plan, today = lock_for_merchant(session, merchant, plan_id, now)
    request = Cancellation(plan_id, shown)
    if key is not None and idempotency.claim(session, plan.merchant_id, merchant.id, key, request, now):
        return
    event = states.transition(PlanState(plan.state), PlanState.CANCELLED)
    installments = installments_of(session, plan)
    refuse_while_processing(session, plan, installments)
    amounts = {i.id: i.owed for i in installments if i.owed}
    owed = sum(amounts.values())
    if shown is not None and shown != owed:
        message = N_("The amount owed has changed. Check it and confirm again.")
        raise Conflict(message, code="other_amount", figure=owed)
    cancelled = ledger.record(session, plan, Entry.DEBT_CANCELLED, amounts, ledger.Cause(), now, today)
    changed = {row.id: row for row in cancelled}
    plan_endings.end_with(session, plan, now)
    plan.state, plan.updated_at = PlanState.CANCELLED, now
    session.flush()
    record_and_notify(
        session,
        plan,
        event,
        "plan_cancelled",
        plan.customer_id,
        merchant.id,
        now,
        owed=owed,
        before=schedule_facts(installments),
        after=schedule_facts(changed.get(i.id, i) for i in installments),
    )


def refuse_while_processing(session: Session, plan: Plan, installments: Sequence[Installment]) -> None:
    """Raise ``Conflict`` while a payment or a refund of the plan is being processed."""
    refund = select(Refund.id).where(
        Refund.merchant_id == plan.merchant_id, Refund.plan_id == plan.id, Refund.state == "processing"
    )
    if any(i.processing for i in installments) or session.scalars(refund).first():
        raise Conflict(
            N_("A payment or refund is being processed. Try again when it is settled."), code="processing"
        )


def lock(session: Session, merchant_id: UUID, plan_id: UUID, now: datetime) -> tuple[Plan, date]:
    """The plan, locked until the commit and as it is now, and the date in its zone; every change starts here.

    The key is left free for foreign keys, so that writing an event about a plan never waits for its lock.
    """
    plan = session.scalars(_LOCKED, {"merchant": merchant_id, "plan": plan_id}).one()
    return plan, business_date(now, plan.timezone)


_SUSPENDED = select(Merchant.suspended_at).where(Merchant.id == Plan.merchant_id).scalar_subquery()
# Who gets the shop's emails about a plan: the member who sent the offer, else the owner.
_ACTIVE = (
    select(Member.user_id)
    .join(User, User.id == Member.user_id)
    .where(Member.merchant_id == Plan.merchant_id, User.deactivated_at.is_(None))
    .correlate(Plan)
    .limit(1)
)
_OWNER = select(Member.user_id).where(Member.merchant_id == Plan.merchant_id, Member.role == MemberRole.OWNER)
_CONTACT = func.coalesce(
    _ACTIVE.where(Member.user_id == Plan.created_by).scalar_subquery(),
    _ACTIVE.where(Member.role == MemberRole.OWNER).order_by(Member.created_at).scalar_subquery(),
    _OWNER.correlate(Plan).order_by(Member.created_at).limit(1).scalar_subquery(),
)
_WAITS = (
    select(Amendment.id)
    .where(
        Amendment.merchant_id == Plan.merchant_id,
        Amendment.plan_id == Plan.id,
        Amendment.state == literal_column("'proposed'"),
    )
    .correlate(Plan)
    .exists()
)
with_contact = with_expression(Plan.shop_contact, _CONTACT)
_LOCKED = (
    select(Plan)
    .options(
        with_expression(Plan.shop_suspended_at, _SUSPENDED),
        with_expression(Plan.amendment_waits, _WAITS),
        with_contact,
    )
    .where(Plan.merchant_id == bindparam("merchant"), Plan.id == bindparam("plan"))
    .with_for_update(key_share=True, of=Plan)
    .execution_options(populate_existing=True)
)


def installments_of(session: Session, plan: Plan) -> list[Installment]:
    return list(session.scalars(_INSTALLMENTS, {"merchant": plan.merchant_id, "plan": plan.id}))


_INSTALLMENTS = (
    select(Installment)
    .where(Installment.merchant_id == bindparam("merchant"), Installment.plan_id == bindparam("plan"))
    .order_by(Installment.number)
    .execution_options(populate_existing=True)
)


def lock_for_customer(session: Session, customer: Actor, plan_id: UUID, now: datetime) -> tuple[Plan, date]:
    """The customer's own plan, locked, and the date in its zone. Raises ``NotFound`` for another's, ``Forbidden`` for
    one of the shop that the person works for."""
    try:
        return _find_and_lock(session, Plan.customer_id == customer.id, plan_id, now)
    except NotFound:
        refuse_shop(session, customer, plan_id)
        raise


def refuse_shop(session: Session, person: Actor, plan_id: UUID) -> None:
    """Raise ``Forbidden`` for a plan of the shop that a person works for: nobody acts for its customer."""
    shop = person.member_of or person.works_for
    if shop and session.get(Plan, (shop, plan_id)):
        raise Forbidden(N_("Only the customer of a plan can do this."))


def lock_for_merchant(session: Session, merchant: Actor, plan_id: UUID, now: datetime) -> tuple[Plan, date]:
    """The merchant's own plan, locked, and the date in its zone. Raises ``NotFound`` for another's."""
    return _find_and_lock(session, Plan.merchant_id == merchant.merchant_id, plan_id, now)


def get_for_merchant(session: Session, merchant: Actor, plan_id: UUID) -> Plan:
    """The merchant's own plan as it is now, without a lock. Raises ``NotFound`` for another's."""
    plan = session.scalars(
        select(Plan).where(Plan.merchant_id == merchant.merchant_id, Plan.id == plan_id)
    ).one_or_none()
    if plan is None:
        raise NotFound()
    return plan


def _find_and_lock(session: Session, owned: Any, plan_id: UUID, now: datetime) -> tuple[Plan, date]:
    merchant_id = session.scalars(select(Plan.merchant_id).where(Plan.id == plan_id, owned)).one_or_none()
    if merchant_id is None:
        raise NotFound()
    return lock(session, merchant_id, plan_id, now)
