"""Refund in three units of work (intent, provider call, settlement), at most what is refundable and as previewed."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from portal.adapters.payments import Gateway, ProviderUnavailable
from portal.core.allocation import OwedPart, PaidPart, Split, allocate_refund, refundable
from portal.core.errors import N_, Busy, Conflict, InvalidInput
from portal.core.ledger import Entry
from portal.core.money import decimal_text
from portal.core.payments import REASON_LONGEST, Method
from portal.core.roles import Actor
from portal.core.states import ACCEPTED, REFUSALS, PaymentState, PlanState, transition
from portal.core.text import clean_line
from portal.models import Installment, Plan, Refund, new_id

from . import disputes, events, idempotency, ledger, plan_endings
from .notifications import queue_email
from .plans import get_for_merchant, installments_of, lock_for_merchant, refuse_while_processing
from .refund_settlement import (
    Answer,
    answer_of,
    ask_each,
    record_return,
    refund_requests,
    settle,
    split_facts,
)
from .transaction import insert_rows, unit_of_work

# What is owed of a plan's installments, and what its payments can still return.
Parts = tuple[list[OwedPart], list[PaidPart]]


@dataclass(frozen=True, slots=True)
class Request:
    """What a merchant asks to refund: ``amount`` minor units, and the fingerprint of the preview that was shown.

    Without a fingerprint (over the API) the amount alone decides. ``handed_back`` says that the shop has returned by
    hand what it had recorded; the customer reads the ``reason``.
    """

    plan_id: UUID
    amount: int
    shown: str | None = None
    handed_back: bool | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Preview:
    """What a refund would do; ``state`` is the plan's afterwards, ``most`` what is refundable in minor units."""

    split: Split
    state: PlanState
    most: int
    fingerprint: str


def most_refundable(session: Session, merchant: Actor, plan_id: UUID) -> int:
    """What could be refunded at most, in minor units; 0 unless the plan was accepted. Raises ``NotFound``."""
    plan = get_for_merchant(session, merchant, plan_id)
    return refundable(*_parts(session, plan)) if PlanState(plan.state) in ACCEPTED else 0


def preview(session: Session, merchant: Actor, plan_id: UUID, amount: int) -> Preview:
    """Preview what ``refund`` would do now. Raises ``InvalidInput``, ``Conflict``, ``NotFound``."""
    return _work_out(session, get_for_merchant(session, merchant, plan_id), amount)


def refund(
    session: Session, gateway: Gateway, merchant: Actor, request: Request, key: str | None, now: datetime
) -> Answer:
    """Refund ``amount``: cancel what is owed from the end at once, and return the rest when the provider answers.

    What the shop had recorded is returned by hand, at once. Raises ``InvalidInput`` at ``amount``, ``reason`` and
    ``handed_back`` (if the shop has to hand something back and did not say that it did), ``Conflict`` (also when the
    preview that was shown no longer holds), ``NotFound``, ``KeyReused``.
    """
    with unit_of_work(session):
        answer, is_new = _intend(session, merchant, request, key, now)
    if not is_new or answer.status != PaymentState.PROCESSING:
        return answer
    asked = refund_requests(session, merchant.merchant_id, answer.refund_id)
    try:
        outcomes = ask_each(gateway, asked, again=False)
        return settle(session, merchant.merchant_id, answer.plan_id, answer.refund_id, outcomes, now)
    except (ProviderUnavailable, Busy):
        return answer  # The settling job goes on from here.


def _intend(
    session: Session, merchant: Actor, request: Request, key: str | None, now: datetime
) -> tuple[Answer, bool]:
    """The refund's status, and whether this request began it: its key may have been used before."""
    plan, today = lock_for_merchant(session, merchant, request.plan_id, now)
    refund_id = new_id()
    if key is not None:
        seen = idempotency.claim(
            session, plan.merchant_id, merchant.id, key, request, now, refund_id=refund_id
        )
        if seen:
            return _replay(session, plan, seen.answer, seen.refund_id), False
    reason = clean_line(request.reason or "", "reason", longest=REASON_LONGEST, required=False)
    worked_out = _work_out(session, plan, request.amount)
    if request.shown is not None and request.shown != worked_out.fingerprint:
        message = N_("Something changed since this preview. Check the new preview and confirm again.")
        raise Conflict(message, code="other_preview")
    if worked_out.split.handed_back and not request.handed_back:
        raise _not_handed_back(worked_out.split, plan.currency)
    split, cause = worked_out.split, ledger.Cause(refund_id=refund_id)
    answer = _write(session, plan, refund_id, request.amount, split, reason, now)
    installments = installments_of(session, plan)
    ledger.record(session, plan, Entry.DEBT_CANCELLED, dict(split.cancelled), cause, now, today)
    for payment_id in dict.fromkeys(part.payment_id for part in split.returned if part.by_hand):
        record_return(session, plan, refund_id, payment_id, split.returned, now, today)
    _notify(session, plan, answer, worked_out, installments, merchant, now)
    if answer.status != PaymentState.PROCESSING:
        idempotency.answer(session, plan.merchant_id, answer.stored(), refund_id=refund_id)
    return answer, True


_HAND_BACK = {
    Method.CASH: N_("Hand back %(amount)s in cash, then confirm."),
    Method.BANK_TRANSFER: N_("Hand back %(amount)s by bank transfer, then confirm."),
    Method.CHECK: N_("Hand back %(amount)s by cheque, then confirm."),
}
_HAND_BACK_OTHERWISE = N_("Hand back %(amount)s the way it came in, then confirm.")


def _not_handed_back(split: Split, currency: str) -> InvalidInput:
    """What the shop has to do first, by the method with which the money came if it is one."""
    message = _HAND_BACK_OTHERWISE
    if len(split.handed_back_by) == 1:
        message = _HAND_BACK.get(Method(next(iter(split.handed_back_by))), message)
    return InvalidInput.at("handed_back", message, amount=decimal_text(split.handed_back, currency))


def _replay(session: Session, plan: Plan, stored: dict[str, Any] | None, refund_id: UUID | None) -> Answer:
    if stored is not None:
        return Answer.restored(stored)
    return answer_of(session, session.get_one(Refund, (plan.merchant_id, refund_id)))


def _work_out(session: Session, plan: Plan, amount: int) -> Preview:
    state = PlanState(plan.state)
    if state not in ACCEPTED:
        raise Conflict(REFUSALS[state], code=f"plan_{state}")
    parts = _parts(session, plan)
    split = allocate_refund(*parts, amount, plan.currency)
    disputes.refuse_disputed(session, plan.merchant_id, {part.payment_id for part in split.returned})
    after = _state_after(state, parts, split)
    return Preview(split, after, refundable(*parts), _fingerprint(state, after, parts, split))


def _fingerprint(state: PlanState, after: PlanState, parts: Parts, split: Split) -> str:
    """Hash all that a preview shows, and the amounts it changes, so that a preview is valid only once."""
    owed, paid = parts
    cancelled = {i for i, _ in split.cancelled}
    returned = {(r.payment_id, r.installment_id) for r in split.returned}
    stood = [part.amount for part in owed if part.installment_id in cancelled]
    stood += [part.amount for part in paid if (part.payment_id, part.installment_id) in returned]
    shown = json.dumps([state, after, stood, split_facts(split)], sort_keys=True)
    return hashlib.sha256(shown.encode()).hexdigest()


def _state_after(state: PlanState, parts: Parts, split: Split) -> PlanState:
    """An active plan of which nothing is owed any more is completed if money is kept, else cancelled."""
    owed, paid = parts
    if state is not PlanState.ACTIVE or sum(part.amount for part in owed) > split.cancelled_amount:
        return state
    kept = sum(part.amount for part in paid) - split.returned_amount
    return PlanState.COMPLETED if kept else PlanState.CANCELLED


def _parts(session: Session, plan: Plan) -> Parts:
    """Raises ``Conflict`` while money of the plan is being processed."""
    installments = installments_of(session, plan)
    refuse_while_processing(session, plan, installments)
    numbers = {i.id: i.number for i in installments}
    owed = [OwedPart(i.id, i.number, i.owed) for i in installments]
    paid = [
        PaidPart(
            row.payment_id,
            row.number,
            row.installment_id,
            numbers[row.installment_id],
            row.amount,
            row.by_hand,
            row.method,
        )
        for row in ledger.returnable(session, plan)
    ]
    return owed, sorted(paid, key=lambda part: (part.number, part.payment_number))


def _write(
    session: Session, plan: Plan, refund_id: UUID, amount: int, split: Split, reason: str, now: datetime
) -> Answer:
    """What goes back by hand is returned at once; what the provider returns waits for its answer."""
    done = split.returned_amount == split.handed_back
    state = PaymentState.SUCCEEDED if done else PaymentState.PROCESSING
    values = {
        "merchant_id": plan.merchant_id,
        "id": refund_id,
        "plan_id": plan.id,
        "amount": amount,
        "cancelled": split.cancelled_amount,
        "to_return": split.returned_amount,
        "returned": split.handed_back,
        "currency": plan.currency,
        "reason": reason,
        "created_at": now,
        "state": state,
        "settled_at": now if done else None,
    }
    insert_rows(session, Refund, [values])
    ledger.allocate_returns(session, plan, refund_id, split.returned)
    sums = (amount, split.cancelled_amount, split.returned_amount, split.handed_back)
    return Answer(
        state, refund_id, plan.id, *sums, plan.currency, split_facts(split), reason, now.isoformat()
    )


def _notify(
    session: Session,
    plan: Plan,
    answer: Answer,
    worked_out: Preview,
    installments: Sequence[Installment],
    merchant: Actor,
    now: datetime,
) -> None:
    """The plan's new state, the events, and the email with the installments that changed."""
    state = worked_out.state
    amounts = {"amount": answer.amount, "cancelled": answer.cancelled, "to_return": answer.to_return}
    facts: dict[str, Any] = {"refund": str(answer.refund_id), "currency": answer.currency} | amounts
    about: dict[str, Any] = {
        "merchant_id": plan.merchant_id,
        "plan_id": plan.id,
        "actor_id": merchant.id,
        "at": now,
    }
    events.record(session, "refund_made", **about, **facts)
    if state != plan.state:
        plan_endings.end_with(session, plan, now)
        events.record(session, transition(PlanState(plan.state), state), **about)
        plan.state = state
    plan.updated_at = now
    session.flush()
    if answer.to_return and answer.status == PaymentState.SUCCEEDED:
        returned = {name: facts[name] for name in ("refund", "to_return", "currency")}
        events.record(session, "refund_returned", **about, **returned, returned=answer.returned)
    facts["changes"] = _changes(installments, worked_out.split)
    facts |= {"handed_back": worked_out.split.handed_back, "reason": answer.reason}
    queue_email(session, plan, "refund_made", plan.customer_id, now, answer.refund_id, **facts)


def _changes(installments: Sequence[Installment], split: Split) -> list[dict[str, Any]]:
    """The installments that a refund changes: what is cancelled and what is returned, in minor units."""
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
