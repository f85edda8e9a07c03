"""The third step of paying: record the provider's answer exactly once, from the request or from the settling job."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, String, bindparam, func, select, update
from sqlalchemy.orm import Session, aliased

from portal.adapters.payments import Charge, Gateway, GoTo, Outcome, ProviderUnavailable, call_provider
from portal.core.ledger import Balance, Entry
from portal.core.schedule import Kind
from portal.core.states import PaymentState, PlanState, transition
from portal.models import Installment, Payment, Plan
from portal.statements import Changing

from . import autopay_notices, events, idempotency, ledger, plan_endings
from .charges import CHARGES, charge_of
from .notifications import queue_email
from .plans import lock
from .settling import SETTLE_AFTER, settle_each
from .transaction import unit_of_work


@dataclass(frozen=True, slots=True)
class Answer:
    """The status of a payment: ``paid``, ``declined``, ``abandoned``, ``processing`` or ``continue``, on the provider's
    page at ``url``; ``amount`` in minor units.

    ``installment`` is the one it paid, if just one, as it left it: JSON values, amounts in minor units.
    """

    status: str
    payment_id: UUID
    plan_id: UUID
    amount: int
    currency: str
    outcome: str | None = None
    installment: dict[str, Any] | None = field(default=None, hash=False)
    url: str | None = None

    def stored(self) -> dict[str, object]:
        return asdict(self) | {"payment_id": str(self.payment_id), "plan_id": str(self.plan_id)}

    @classmethod
    def restored(cls, stored: dict[str, Any]) -> Answer:
        ids = {"payment_id": UUID(stored["payment_id"]), "plan_id": UUID(stored["plan_id"])}
        return cls(**(stored | ids))


def settle(
    session: Session,
    merchant_id: UUID,
    plan_id: UUID,
    payment_id: UUID,
    outcome: Outcome,
    now: datetime,
    *,
    later: bool = False,
    code: str | None = None,
    page: str | None = None,
) -> Answer:
    """Record the provider's answer in one unit of work: postings, installments, plan, event, message, the key's answer.

    A payment that was settled before stays as it is, and its answer is given again. ``later``: the customer has left.
    ``code`` is the provider's own of a failure, and ``page`` its name of the payment if that is known only now.
    """
    with unit_of_work(session):
        return settle_within(
            session, merchant_id, plan_id, payment_id, outcome, now, later=later, code=code, page=page
        )


def settle_within(
    session: Session,
    merchant_id: UUID,
    plan_id: UUID,
    payment_id: UUID,
    outcome: Outcome,
    now: datetime,
    *,
    later: bool = False,
    code: str | None = None,
    page: str | None = None,
) -> Answer:
    """The same in the caller's unit of work."""
    plan, today = lock(session, merchant_id, plan_id, now)
    ids = {"merchant": merchant_id, "payment": payment_id, "plan": plan_id}
    answered = {"answered": outcome, "at": now, "today": today, "code": code, "page": page}
    settled = _STATEMENTS.get(outcome, _DECLINE)(session, **ids, **answered)
    if not settled:
        return _given(session, session.get_one(Payment, (merchant_id, payment_id)))
    ((amount, number, owed, allocated),) = settled
    if outcome is Outcome.SUCCEEDED:
        answer = Answer("paid", payment_id, plan_id, amount, plan.currency, outcome)
        amounts = ledger.amounts(allocated)
        answer = _complete(session, plan, answer, number, amounts, now, today, last=owed == amount)
    else:
        status = "abandoned" if outcome is Outcome.ABANDONED else "declined"
        answer = Answer(status, payment_id, plan_id, amount, plan.currency, outcome)
        _decline(session, plan, answer, now, later=later)
    idempotency.answer(session, merchant_id, answer.stored(), payment_id=payment_id)
    return answer


def settle_pending(
    session: Session, gateway: Gateway, now: datetime, after: timedelta = SETTLE_AFTER
) -> dict[str, int]:
    """Ask the provider about every payment still ``processing`` after a while, and record the answer.

    A charge that the provider never heard of, because a crash came before the call, is made now.
    """
    waiting = session.execute(
        CHARGES.where(Payment.state == PaymentState.PROCESSING, Payment.created_at <= now - after).order_by(
            Payment.id
        )
    ).all()
    session.rollback()

    def ask_and_settle(row: Row[*tuple[Any, ...]]) -> Answer:
        outcome = ask(gateway, charge_of(row), expired=row.expires_at is not None and row.expires_at <= now)
        return settle(session, row.merchant_id, row.plan_id, row.id, outcome, now, later=True)

    settled, still_waiting = settle_each(session, waiting, ask_and_settle)
    return {"settled": settled, "waiting": still_waiting}


def ask(gateway: Gateway, charge: Charge, *, expired: bool) -> Outcome:
    """What became of a charge; the page of an ``expired`` one is closed. Raises ``ProviderUnavailable``."""
    if expired:
        return call_provider(gateway.expire, charge)
    outcome = call_provider(gateway.get, charge)
    if outcome is None:
        begun = call_provider(gateway.begin, charge)
        if isinstance(begun, GoTo):
            raise ProviderUnavailable("the customer is not here to pay on a page")
        outcome = begun.outcome
    return outcome


_EARLIER = aliased(Payment)
# Receipts of a plan are numbered from one.
RECEIPT_NUMBER = (
    select(func.count() + 1)
    .where(
        _EARLIER.merchant_id == bindparam("merchant"),
        _EARLIER.plan_id == bindparam("plan"),
        _EARLIER.state == PaymentState.SUCCEEDED,
    )
    .scalar_subquery()
)
# What the whole plan owes before this payment is booked; read by the same statement, under the lock.
_OWED = (
    select(func.sum(Installment.owed))
    .where(Installment.merchant_id == bindparam("merchant"), Installment.plan_id == bindparam("plan"))
    .scalar_subquery()
    .label("owed")
)
_SETTLE = (
    update(Payment)
    .where(
        Payment.merchant_id == bindparam("merchant"),
        Payment.id == bindparam("payment"),
        Payment.state == PaymentState.PROCESSING,
    )
    .values(
        outcome=bindparam("answered"),
        failure_code=bindparam("code"),
        provider_reference=func.coalesce(Payment.provider_reference, bindparam("page", type_=String)),
        settled_at=bindparam("at"),
        settled_on=bindparam("today"),
    )
    .returning(Payment.amount, Payment.number, _OWED, ledger.allocated())
)
_DECLINE = Changing(_SETTLE.values(state=PaymentState.DECLINED))
_STATEMENTS = {
    Outcome.SUCCEEDED: Changing(_SETTLE.values(state=PaymentState.SUCCEEDED, number=RECEIPT_NUMBER)),
    Outcome.ABANDONED: Changing(_SETTLE.values(state=PaymentState.ABANDONED)),
}


def _given(session: Session, payment: Payment) -> Answer:
    """The stored answer of a payment that another process has settled meanwhile."""
    status = {PaymentState.SUCCEEDED: "paid"}.get(PaymentState(payment.state), payment.state)
    answer = Answer(status, payment.id, payment.plan_id, payment.amount, payment.currency, payment.outcome)
    if payment.settled_at is None or payment.state != PaymentState.SUCCEEDED:
        return answer
    lines = ledger.lines_paid_by(session, payment.merchant_id, payment.id)
    if len(lines) != 1:
        return answer
    plan = session.get_one(Plan, (payment.merchant_id, payment.plan_id))
    return replace(answer, installment=_facts_of(lines[0], plan, payment.settled_at))


def _complete(
    session: Session,
    plan: Plan,
    answer: Answer,
    number: int | None,
    amounts: Mapping[UUID, int],
    now: datetime,
    today: date,
    *,
    last: bool,
) -> Answer:
    """Ledger, event, email and answer of a payment that paid these amounts; the ``last`` one completes the plan."""
    facts = {
        "payment": str(answer.payment_id),
        "amount": answer.amount,
        "currency": plan.currency,
        "receipt": f"{plan.reference}-{number}",
    }
    received = Received("payment_succeeded", "payment_received", plan.customer_id, facts)
    paid = book(session, plan, answer.payment_id, amounts, received, now, today, last=last)
    return replace(answer, installment=_facts_of(paid[0], plan, now)) if len(paid) == 1 else answer


@dataclass(frozen=True, slots=True)
class Received:
    """How a payment is announced: its event, its email, who did it, and the facts of both but for the installments."""

    event: str
    email: str
    actor_id: UUID
    facts: dict[str, Any]


def book(
    session: Session,
    plan: Plan,
    payment_id: UUID,
    amounts: Mapping[UUID, int],
    received: Received,
    now: datetime,
    today: date,
    *,
    last: bool,
) -> Sequence[Row[Any]]:
    """Record a payment that has succeeded, with its event and email; returns the installments as they are now.

    ``amounts`` are minor units by installment; the ``last`` payment completes the plan.
    """
    cause = ledger.Cause(payment_id)
    paid = ledger.record(session, plan, Entry.PAYMENT_RECEIVED, amounts, cause, now, today)
    facts = received.facts | {"installments": sorted(row.number for row in paid)}
    common = {"merchant_id": plan.merchant_id, "plan_id": plan.id, "at": now}
    happened = [common | {"kind": received.event, "actor_id": received.actor_id, "facts": facts}]
    if last:
        plan_endings.end_with(session, plan, now)
        completed = transition(PlanState(plan.state), PlanState.COMPLETED)
        happened.append(common | {"kind": completed, "actor_id": None, "facts": {}})
        plan.state, plan.updated_at = PlanState.COMPLETED, now
        session.flush()
    events.record_many(session, happened)
    facts["changed"] = lines_facts(paid, amounts)
    queue_email(session, plan, received.email, plan.customer_id, now, payment_id, **facts)
    return paid


def book_recovery(
    session: Session,
    plan: Plan,
    payment_id: UUID,
    amounts: Mapping[UUID, int],
    received: Received,
    now: datetime,
    today: date,
) -> None:
    """Record money that came in on a written-off plan, with its event and email; nothing was owed, the plan stays."""
    ledger.record(session, plan, Entry.DEBT_RECOVERED, amounts, ledger.Cause(payment_id), now, today)
    about: dict[str, Any] = {"merchant_id": plan.merchant_id, "plan_id": plan.id, "at": now}
    events.record(session, received.event, actor_id=received.actor_id, **about, **received.facts)
    plan.updated_at = now
    session.flush()
    queue_email(session, plan, received.email, plan.customer_id, now, payment_id, **received.facts)


def lines_facts(lines: Iterable[Row[Any]], amounts: Mapping[UUID, int]) -> list[dict[str, Any]]:
    """What an email shows of installments: number and due day, the amount that changed them, and what is owed now."""
    ordered = sorted(lines, key=lambda line: line.number)
    return [
        {
            "number": line.number,
            "due_on": line.due_on.isoformat(),
            "amount": amounts[line.id],
            "owed": Balance.of(line).owed,
        }
        for line in ordered
    ]


# Answers that were kept before these sums lack them.
LATER_SUMS = ("reversed", "written_off", "paid_before")


def _facts_of(row: Row[Any], plan: Plan, now: datetime) -> dict[str, Any]:
    """A paid installment as JSON values: ids as text, amounts in minor units, the due day and the instant in ISO."""
    amounts = {
        name: getattr(row, name)
        for name in ("number", "amount", "paid", "cancelled", "returned", *LATER_SUMS)
    }
    texts = {"id": str(row.id), "plan_id": str(row.plan_id), "due_on": row.due_on.isoformat()}
    if plan.deposit is not None and row.number == 1:
        texts["kind"] = Kind.DEPOSIT
    return amounts | texts | {"owed": Balance.of(row).owed, "paid_at": now.isoformat()}


def _decline(session: Session, plan: Plan, answer: Answer, now: datetime, *, later: bool) -> None:
    """Record that nothing was taken; an email is sent where the customer is away, and of each automatic attempt."""
    facts: dict[str, Any] = {
        "payment": str(answer.payment_id),
        "amount": answer.amount,
        "currency": plan.currency,
        "outcome": answer.outcome,
    }
    events.record(
        session,
        f"payment_{answer.status}",
        merchant_id=plan.merchant_id,
        at=now,
        actor_id=plan.customer_id,
        plan_id=plan.id,
        **facts,
    )
    if autopay_notices.tell_failed(session, plan, answer.payment_id, facts, now):
        return
    if later and answer.status == "declined":
        queue_email(session, plan, "payment_declined", plan.customer_id, now, answer.payment_id, **facts)
