"""Plans under the lock: finding, locking, posting and cancelling them; refuses what their state does not allow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session, with_expression
from sqlalchemy.orm.attributes import flag_modified

from portal.core import states
from portal.core.calendar import business_date
from portal.core.errors import N_, Conflict, Forbidden, NotFound
from portal.core.roles import Actor, Role
from portal.core.states import PlanState
from portal.core.tallies import Standing
from portal.models import Installment, Merchant, Plan, Posting, Refund, new_id

from . import events, idempotency, outbox, tallies
from .transaction import insert_rows


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
    amounts = {i.id: i.amount - i.paid - i.cancelled for i in installments if i.amount > i.paid + i.cancelled}
    owed = sum(amounts.values())
    if shown is not None and shown != owed:
        message = N_("The amount owed has changed. Check it and confirm again.")
        raise Conflict(message, code="other_amount", figure=owed)
    before = schedule_facts(installments)
    cancel_parts(session, plan, installments, amounts, now, today)
    plan.state, plan.updated_at = PlanState.CANCELLED, now
    session.flush()
    after = schedule_facts(installments)
    tell(
        session,
        plan,
        event,
        "plan_cancelled",
        plan.customer_id,
        merchant.id,
        now,
        owed=owed,
        before=before,
        after=after,
    )


def refuse_while_processing(session: Session, plan: Plan, installments: Sequence[Installment]) -> None:
    """Raise ``Conflict`` while a payment or a refund of the plan has no answer from the provider yet."""
    refund = select(Refund.id).where(
        Refund.merchant_id == plan.merchant_id, Refund.plan_id == plan.id, Refund.state == "processing"
    )
    if any(i.payment_id for i in installments) or session.scalars(refund).first():
        raise Conflict(
            N_("A payment or refund is being processed. Try again when it is settled."), code="processing"
        )


def cancel_parts(
    session: Session,
    plan: Plan,
    installments: Sequence[Installment],
    amounts: Mapping[UUID, int],
    now: datetime,
    today: date,
    **cause: Any,
) -> None:
    """Cancel minor units of what installments owe, by their ids, and post it; the rows are those under the lock."""
    changes = []
    for i in installments:
        if i.id in amounts:
            before = Standing.of(i)
            i.cancelled += amounts[i.id]
            if i.amount == i.paid + i.cancelled:
                i.late_on = None
                # Written even if it was none when read: marking takes no plan's lock and may stamp it meanwhile.
                flag_modified(i, "late_on")
            changes.append((before, Standing.of(i)))
    session.flush()
    post(session, plan, "refunds", "receivable", list(amounts.items()), now, today, **cause)
    tallies.record(session, plan, changes, today)


def schedule_facts(installments: Sequence[Installment]) -> list[dict[str, Any]]:
    """The schedule as a letter shows it: what each installment is worth now, in minor units, and when it is due."""
    return [
        {"number": i.number, "due_on": i.due_on.isoformat(), "amount": i.amount - i.cancelled, "paid": i.paid}
        for i in installments
    ]


def lock(session: Session, merchant_id: UUID, plan_id: UUID, now: datetime) -> tuple[Plan, date]:
    """The plan, locked until the commit and as it is now, and the date in its zone; every change starts here.

    The key is left free for foreign keys, so that writing an event about a plan never waits for its lock.
    """
    plan = session.scalars(_LOCKED, {"merchant": merchant_id, "plan": plan_id}).one()
    return plan, business_date(now, plan.timezone)


_SUSPENDED = select(Merchant.suspended_at).where(Merchant.id == Plan.merchant_id).scalar_subquery()
_LOCKED = (
    select(Plan)
    .options(with_expression(Plan.shop_suspended_at, _SUSPENDED))
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


def post(
    session: Session,
    plan: Plan,
    debit: str,
    credit: str,
    amounts: list[tuple[UUID, int]],
    now: datetime,
    today: date,
    **cause: Any,
) -> None:
    """Add one posting per (installment id, minor units); ``cause`` names the payment or refund that moved cash."""
    rows = [
        {
            "merchant_id": plan.merchant_id,
            "id": new_id(),
            "installment_id": installment_id,
            "debit": debit,
            "credit": credit,
            "amount": amount,
            "currency": plan.currency,
            "posted_at": now,
            "posted_on": today,
        }
        | cause
        for installment_id, amount in amounts
    ]
    insert_rows(session, Posting, rows)


def lock_for_customer(session: Session, customer: Actor, plan_id: UUID, now: datetime) -> tuple[Plan, date]:
    """The customer's own plan, locked, and the date in its zone. Raises ``NotFound`` for another's."""
    if customer.role is not Role.CUSTOMER:
        raise Forbidden(N_("Only the customer of a plan can do this."))
    return _find_and_lock(session, Plan.customer_id == customer.id, plan_id, now)


def lock_for_merchant(session: Session, merchant: Actor, plan_id: UUID, now: datetime) -> tuple[Plan, date]:
    """The merchant's own plan, locked, and the date in its zone. Raises ``NotFound`` for another's."""
    if merchant.role is not Role.MERCHANT:
        raise Forbidden(N_("Only the shop of a plan can do this."))
    return _find_and_lock(session, Plan.merchant_id == merchant.id, plan_id, now)


def _find_and_lock(session: Session, owned: Any, plan_id: UUID, now: datetime) -> tuple[Plan, date]:
    merchant_id = session.scalars(select(Plan.merchant_id).where(Plan.id == plan_id, owned)).one_or_none()
    if merchant_id is None:
        raise NotFound()
    return lock(session, merchant_id, plan_id, now)


def tell(
    session: Session,
    plan: Plan,
    event: str,
    letter: str,
    to: UUID,
    actor_id: UUID | None,
    now: datetime,
    **facts: Any,
) -> None:
    """Record what happened to the plan and write to the person who should know; both in the same transaction."""
    events.record(
        session, event, merchant_id=plan.merchant_id, at=now, actor_id=actor_id, plan_id=plan.id, **facts
    )
    write_to(session, plan, letter, to, now, **facts)


def write_to(
    session: Session,
    plan: Plan,
    letter: str,
    to: UUID,
    now: datetime,
    cause: UUID | None = None,
    **facts: Any,
) -> None:
    """Queue one letter about the plan, once per kind and cause, which is the plan itself unless another is named."""
    outbox.queue(
        session,
        letter,
        merchant_id=plan.merchant_id,
        cause=cause or plan.id,
        user_id=to,
        at=now,
        plan_id=plan.id,
        **(plan_facts(plan) | facts),
    )


def plan_facts(plan: Plan) -> dict[str, Any]:
    """What every letter about a plan can name; ``total`` in minor units."""
    return {
        "reference": plan.reference,
        "description": plan.description,
        "total": plan.total,
        "currency": plan.currency,
        "num_installments": plan.num_installments,
        "customer_email": plan.customer_email,
        "last_day": plan.last_day.isoformat(),
        "start_date": plan.start_date.isoformat(),
    }
