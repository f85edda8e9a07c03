"""Recorded payments: what a shop received elsewhere, posted like any payment; the customer gets an email."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from portal.core.calendar import business_date
from portal.core.errors import N_, Conflict, InvalidInput, collecting
from portal.core.payments import (
    LOOKS_RECORDED_WITHIN,
    NOTE_LONGEST,
    Method,
    check_part,
    check_received_on,
    check_recovery,
    spread,
)
from portal.core.roles import Actor
from portal.core.states import REFUSALS, PaymentState, PlanState
from portal.core.text import clean_line
from portal.models import Installment, Payment, Plan, Reversal, new_id

from . import idempotency, ledger
from .payment_settlement import RECEIPT_NUMBER, Received, book, book_recovery
from .plans import get_for_merchant, installments_of, lock_for_merchant, refuse_while_processing
from .transaction import insert_rows


@dataclass(frozen=True, slots=True)
class Recording:
    """What a shop says that it received: ``amount`` minor units, how, on which day (today unless given), and a note.

    ``shown`` is what was owed when the form was shown, in minor units; None over the API. ``again`` says that it is
    another payment, although one like it was just recorded. A ``recovery`` is of what was written off, once nothing
    is owed; at most of what was lost.
    """

    plan_id: UUID
    amount: int
    method: Method
    received_on: date | None = None
    note: str = ""
    shown: int | None = None
    again: bool = False
    recovery: bool | None = None


@dataclass(frozen=True, slots=True)
class Preview:
    """What is ``owed`` of a plan before a payment, and what that pays of its installments by their ids; minor units."""

    owed: int
    amounts: dict[UUID, int]

    @property
    def left(self) -> int:
        return self.owed - sum(self.amounts.values())


@dataclass(slots=True)
class Loss:
    """What was written off of an installment and is not recovered, in minor units; as ``spread`` wants it."""

    id: UUID
    number: int
    due_on: date
    owed: int

    @classmethod
    def of(cls, line: Installment) -> Loss:
        return cls(line.id, line.number, line.due_on, line.written_off - line.recovered)


def record_once(
    session: Session,
    merchant: Actor,
    wanted: Recording,
    key: str | None,
    now: datetime,
    answer: Callable[[UUID], dict[str, Any]],
) -> dict[str, Any]:
    """Record a payment once per key, in the caller's unit of work; ``answer`` makes the stored answer from its id.

    Raises what ``record`` raises, and ``KeyReused``.
    """
    # The plan is locked before the key is claimed, in the order that paying uses, so that no two wait for one another.
    lock_for_merchant(session, merchant, wanted.plan_id, now)

    def act() -> dict[str, Any]:
        return answer(record(session, merchant, wanted, now))

    return idempotency.once(session, merchant.merchant_id, merchant.id, key, wanted, now, act)


def record(session: Session, merchant: Actor, wanted: Recording, now: datetime) -> UUID:
    """Record a payment in the caller's unit of work and return its id: the oldest due is paid first, then forwards.

    Intent and settlement are one: allocations, postings, receipt, plan state, event and email. Raises ``InvalidInput``
    at ``amount``, ``received_on`` or ``note``; ``Conflict`` for a plan that is not active, one with money that is being
    processed, another amount owed than was shown, and what looks recorded already; ``NotFound``.
    """
    plan, today = lock_for_merchant(session, merchant, wanted.plan_id, now)
    worked_out, note = _work_out(session, plan, wanted, today)
    if wanted.shown is not None and wanted.shown != worked_out.owed:
        message = N_("The amount owed has changed. Check the preview and confirm again.")
        raise Conflict(message, code="other_amount", figure=worked_out.owed)
    wanted = replace(wanted, received_on=wanted.received_on or today, note=note)
    _refuse_what_looks_recorded(session, plan, wanted, now)
    return _write(session, plan, merchant, wanted, worked_out, now, today)


def preview(session: Session, merchant: Actor, wanted: Recording, now: datetime) -> Preview:
    """Preview what ``record`` would do now. Raises ``InvalidInput``, ``Conflict``, ``NotFound``."""
    plan = get_for_merchant(session, merchant, wanted.plan_id)
    return _work_out(session, plan, wanted, business_date(now, plan.timezone))[0]


def _work_out(session: Session, plan: Plan, wanted: Recording, today: date) -> tuple[Preview, str]:
    """What recording does, and the note as it is stored. Names every field at fault in one ``InvalidInput``."""
    note = ""
    with collecting() as faults:
        with faults.caught():
            note = clean_line(wanted.note, "note", longest=NOTE_LONGEST, required=False)
        installments = installments_of(session, plan)
        try:
            accepted_on = _accepted_on(plan, installments, wanted)
        except Conflict:
            if faults.errors:
                raise InvalidInput(faults.errors) from None
            raise
        refuse_while_processing(session, plan, installments)
        lines = [Loss.of(i) for i in installments] if wanted.recovery else installments
        owed = sum(line.owed for line in lines)
        with faults.caught():
            check_part(wanted.amount, owed, plan.currency, recovery=bool(wanted.recovery))
        with faults.caught():
            check_received_on(wanted.received_on or today, accepted_on, today)
    return Preview(owed, spread(lines, wanted.amount)), note


def _accepted_on(plan: Plan, installments: Sequence[Installment], wanted: Recording) -> date:
    """The day from which the plan can have received money. Raises ``Conflict`` unless it can have received this."""
    if wanted.recovery:
        check_recovery(PlanState(plan.state), sum(i.written_off for i in installments))
    elif plan.state != PlanState.ACTIVE:
        raise Conflict(REFUSALS[PlanState(plan.state)], code=f"plan_{plan.state}")
    if plan.accepted_on is None:
        raise ValueError("money came in on a plan that nobody accepted")
    return plan.accepted_on


_REVERSED = exists().where(Reversal.merchant_id == Payment.merchant_id, Reversal.payment_id == Payment.id)


def _refuse_what_looks_recorded(session: Session, plan: Plan, wanted: Recording, now: datetime) -> None:
    """Two clerks may record one payment: the same amount of the same day within a few minutes has to be confirmed."""
    alike = select(Payment.number).where(
        Payment.merchant_id == plan.merchant_id,
        Payment.plan_id == plan.id,
        Payment.number.is_not(None),
        Payment.method != Method.PROVIDER,
        Payment.amount == wanted.amount,
        Payment.received_on == wanted.received_on,
        Payment.created_at > now - LOOKS_RECORDED_WITHIN,
        ~_REVERSED,
    )
    number = session.scalars(alike.order_by(Payment.number.desc())).first()
    if number and not wanted.again:
        raise Conflict(
            N_("This looks recorded already: receipt %(receipt)s. Confirm that it is another payment."),
            code="looks_recorded",
            receipt=f"{plan.reference}-{number}",
        )


def _write(
    session: Session,
    plan: Plan,
    merchant: Actor,
    wanted: Recording,
    worked_out: Preview,
    now: datetime,
    today: date,
) -> UUID:
    payment_id = new_id()
    number = session.scalar(select(RECEIPT_NUMBER), {"merchant": plan.merchant_id, "plan": plan.id})
    payment = {
        "merchant_id": plan.merchant_id,
        "id": payment_id,
        "plan_id": plan.id,
        "customer_id": plan.customer_id,
        "amount": wanted.amount,
        "currency": plan.currency,
        "method": wanted.method,
        "received_on": wanted.received_on,
        "note": wanted.note,
        "recorded_by": merchant.id,
        "recovery": bool(wanted.recovery),
        "state": PaymentState.SUCCEEDED,
        "number": number,
        "created_at": now,
        "settled_at": now,
        "settled_on": today,
    }
    insert_rows(session, Payment, [payment])
    ledger.allocate(session, plan, payment_id, worked_out.amounts)
    facts = {
        "payment": str(payment_id),
        "amount": wanted.amount,
        "currency": plan.currency,
        "receipt": f"{plan.reference}-{number}",
        "method": wanted.method,
        "received_on": str(wanted.received_on),
        "note": wanted.note,
    }
    kind = "debt_recovered" if wanted.recovery else "payment_recorded"
    received = Received(kind, kind, merchant.id, facts)
    if wanted.recovery:
        book_recovery(session, plan, payment_id, worked_out.amounts, received, now, today)
        return payment_id
    book(session, plan, payment_id, worked_out.amounts, received, now, today, last=not worked_out.left)
    return payment_id
