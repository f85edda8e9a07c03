"""Refunding: intent, call, settle, each a unit of work; refuses more than is refundable, and what was not shown."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from portal.adapters.gateway import Gateway, NoAnswer
from portal.core.errors import N_, Busy, Conflict, NotFound
from portal.core.refund_split import Part, Split, refundable, split_refund
from portal.core.roles import Actor
from portal.core.states import ACCEPTED, REFUSALS, PaymentState, PlanState, transition
from portal.models import Installment, Payment, Plan, Posting, Refund, new_id

from . import events, idempotency
from .plans import (
    cancel_parts,
    installments_of,
    lock_for_merchant,
    refuse_while_processing,
    write_to,
)
from .refund_settlement import Answer, ask_each, give_backs, settle
from .transaction import unit_of_work


@dataclass(frozen=True, slots=True)
class Request:
    """What a merchant asks to refund: ``amount`` minor units, and the fingerprint of the preview that was shown.

    Without a fingerprint (over the API) the amount alone decides.
    """

    plan_id: UUID
    amount: int
    shown: str | None = None


@dataclass(frozen=True, slots=True)
class Preview:
    """What a refund would do; ``state`` is the plan's afterwards, ``most`` what is refundable in minor units."""

    split: Split
    state: PlanState
    most: int
    fingerprint: str


def most_refundable(session: Session, merchant: Actor, plan_id: UUID) -> int:
    """What could be refunded at most, in minor units; 0 unless the plan was accepted. Raises ``NotFound``."""
    plan = _find(session, merchant, plan_id)
    return refundable(_parts(session, plan)) if PlanState(plan.state) in ACCEPTED else 0


def preview(session: Session, merchant: Actor, plan_id: UUID, amount: int) -> Preview:
    """What ``refund`` would do now, by its own code. Raises ``InvalidInput``, ``Conflict``, ``NotFound``."""
    return _work_out(session, _find(session, merchant, plan_id), amount)


def refund(
    session: Session, gateway: Gateway, merchant: Actor, request: Request, key: str | None, now: datetime
) -> Answer:
    """Give up ``amount``: cancel what is owed from the end at once, and return the rest when the provider answers.

    Raises ``InvalidInput`` at ``amount``, ``Conflict`` (also when the preview that was shown no longer holds),
    ``NotFound``, ``KeyReused``.
    """
    with unit_of_work(session):
        begun = _intend(session, merchant, request, key, now)
    if isinstance(begun, Answer):
        return begun
    asked = give_backs(session, merchant.id, begun.id)
    try:
        outcomes = ask_each(gateway, asked, again=False)
        return settle(session, merchant.id, begun.plan_id, begun.id, outcomes, now)
    except (NoAnswer, Busy):
        return Answer.of(begun)  # The settling job goes on from here.


def _intend(
    session: Session, merchant: Actor, request: Request, key: str | None, now: datetime
) -> Answer | Refund:
    plan, today = lock_for_merchant(session, merchant, request.plan_id, now)
    refund_id = new_id()
    if key is not None:
        seen = idempotency.claim(
            session, plan.merchant_id, merchant.id, key, request, now, refund_id=refund_id
        )
        if seen:
            return _replay(session, plan, seen.answer, seen.refund_id)
    worked_out = _work_out(session, plan, request.amount)
    if request.shown is not None and request.shown != worked_out.fingerprint:
        message = N_("Something changed since this preview. Check the new preview and confirm again.")
        raise Conflict(message, code="other_preview")
    installments = installments_of(session, plan)
    row = _write(session, plan, refund_id, request.amount, worked_out.split, now)
    cancel_parts(
        session, plan, installments, dict(worked_out.split.cancelled), now, today, refund_id=refund_id
    )
    _tell(session, plan, row, worked_out, installments, merchant, now)
    if row.state != PaymentState.PROCESSING:
        answer = Answer.of(row)
        idempotency.answer(session, plan.merchant_id, answer.stored(), refund_id=refund_id)
        return answer
    return row


def _replay(session: Session, plan: Plan, stored: dict[str, Any] | None, refund_id: UUID | None) -> Answer:
    if stored is not None:
        return Answer.restored(stored)
    return Answer.of(session.get_one(Refund, (plan.merchant_id, refund_id)))


def _work_out(session: Session, plan: Plan, amount: int) -> Preview:
    state = PlanState(plan.state)
    if state not in ACCEPTED:
        raise Conflict(REFUSALS[state], code=f"plan_{state}")
    parts = _parts(session, plan)
    split = split_refund(parts, amount, plan.currency)
    after = _state_after(state, parts, split)
    return Preview(split, after, refundable(parts), _fingerprint(state, after, parts, split))


def _fingerprint(state: PlanState, after: PlanState, parts: list[Part], split: Split) -> str:
    """Of all that a preview shows: what is taken, and what stood there before, so that none holds a second time."""
    taken = {i for i, _ in split.cancelled} | {r.installment_id for r in split.returned}
    stood = [[part.owed, part.returnable] for part in parts if part.installment_id in taken]
    shown = json.dumps([state, after, stood, split_facts(split)], sort_keys=True)
    return hashlib.sha256(shown.encode()).hexdigest()


def _state_after(state: PlanState, parts: list[Part], split: Split) -> PlanState:
    """An active plan of which nothing is owed any more is completed if money is kept, else cancelled."""
    if state is not PlanState.ACTIVE or sum(part.owed for part in parts) > split.cancelled_amount:
        return state
    kept = sum(part.returnable for part in parts) - split.returned_amount
    return PlanState.COMPLETED if kept else PlanState.CANCELLED


def _parts(session: Session, plan: Plan) -> list[Part]:
    """The plan's installments with the payment of each; refuses while money of the plan is on its way."""
    paid_by = {
        row.installment_id: (row.payment_id, row.number)
        for row in session.execute(
            select(Posting.installment_id, Posting.payment_id, Payment.number)
            .join(Payment, (Payment.merchant_id == Posting.merchant_id) & (Payment.id == Posting.payment_id))
            .where(
                Payment.merchant_id == plan.merchant_id, Payment.plan_id == plan.id, Posting.debit == "cash"
            )
        )
    }
    installments = installments_of(session, plan)
    refuse_while_processing(session, plan, installments)
    return [_part(i, *paid_by.get(i.id, (None, 0))) for i in installments]


def _part(i: Installment, payment_id: UUID | None, order: int) -> Part:
    return Part(i.id, i.number, i.amount - i.paid - i.cancelled, i.paid - i.returned, payment_id, order)


def split_facts(split: Split) -> dict[str, Any]:
    """The split as JSON: [installment, minor units] and [payment, installment, minor units]."""
    return {
        "cancelled": [[str(installment), amount] for installment, amount in split.cancelled],
        "returned": [[str(r.payment_id), str(r.installment_id), r.amount] for r in split.returned],
    }


def _write(session: Session, plan: Plan, refund_id: UUID, amount: int, split: Split, now: datetime) -> Refund:
    done = not split.returned
    values = {
        "merchant_id": plan.merchant_id,
        "id": refund_id,
        "plan_id": plan.id,
        "amount": amount,
        "cancelled": split.cancelled_amount,
        "to_return": split.returned_amount,
        "returned": 0,
        "split": split_facts(split),
        "currency": plan.currency,
        "created_at": now,
        "state": PaymentState.SUCCEEDED if done else PaymentState.PROCESSING,
        "settled_at": now if done else None,
    }
    session.execute(insert(Refund).values(**values))
    return Refund(**values)


def _tell(
    session: Session,
    plan: Plan,
    row: Refund,
    worked_out: Preview,
    installments: Sequence[Installment],
    merchant: Actor,
    now: datetime,
) -> None:
    """The plan's new state, the event, and the email with the installments that changed."""
    amounts = {"amount": row.amount, "cancelled": row.cancelled, "to_return": row.to_return}
    facts: dict[str, Any] = {"refund": str(row.id), "currency": row.currency} | amounts
    about: dict[str, Any] = {
        "merchant_id": plan.merchant_id,
        "plan_id": plan.id,
        "actor_id": merchant.id,
        "at": now,
    }
    events.record(session, "refund_made", **about, **facts)
    if worked_out.state != plan.state:
        events.record(session, transition(PlanState(plan.state), worked_out.state), **about)
        plan.state = worked_out.state
    plan.updated_at = now
    session.flush()
    changes = _changes(installments, worked_out.split)
    write_to(session, plan, "refund_made", plan.customer_id, now, cause=row.id, changes=changes, **facts)


def _changes(installments: Sequence[Installment], split: Split) -> list[dict[str, Any]]:
    """The installments that a refund changes: what is cancelled and what goes back, in minor units."""
    cancelled = dict(split.cancelled)
    returned = Counter[UUID]()
    for part in split.returned:
        returned[part.installment_id] += part.amount
    return [
        {
            "number": i.number,
            "due_on": i.due_on.isoformat(),
            "cancelled": cancelled.get(i.id, 0),
            "returned": returned[i.id],
        }
        for i in installments
        if i.id in cancelled or i.id in returned
    ]


def _find(session: Session, merchant: Actor, plan_id: UUID) -> Plan:
    plan = session.scalars(
        select(Plan).where(Plan.merchant_id == merchant.id, Plan.id == plan_id)
    ).one_or_none()
    if plan is None:
        raise NotFound()
    return plan
