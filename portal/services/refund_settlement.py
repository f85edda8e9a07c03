"""The third step of refunding: record what the provider returned, exactly once, from the request or from the job."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from portal.adapters.payments import Gateway, Outcome, RefundRequest, call_provider
from portal.core.allocation import Return, Split
from portal.core.ledger import Entry
from portal.core.states import PaymentState
from portal.models import Payment, Plan, Refund

from . import events, idempotency, ledger
from .charges import CHARGES, charge_of
from .notifications import queue_email
from .plans import lock
from .settling import SETTLE_AFTER, settle_each
from .transaction import unit_of_work


@dataclass(frozen=True, slots=True)
class Answer:
    """The status of a refund: ``succeeded``, ``processing`` or ``declined``; amounts in minor units.

    ``split`` names what is cancelled and returned: JSON values, as made by ``split_facts``. ``created_at`` is in ISO.
    """

    status: str
    refund_id: UUID
    plan_id: UUID
    amount: int
    cancelled: int
    to_return: int
    returned: int
    currency: str
    split: dict[str, Any]
    reason: str = ""
    created_at: str = ""

    def stored(self) -> dict[str, Any]:
        return asdict(self) | {"refund_id": str(self.refund_id), "plan_id": str(self.plan_id)}

    @classmethod
    def restored(cls, stored: dict[str, Any]) -> Answer:
        return cls(**(stored | {"refund_id": UUID(stored["refund_id"]), "plan_id": UUID(stored["plan_id"])}))


def split_facts(split: Split) -> dict[str, Any]:
    """The split as JSON: [installment, minor units] and [payment, installment, minor units]."""
    return {
        "cancelled": [[str(installment), amount] for installment, amount in split.cancelled],
        "returned": [[str(r.payment_id), str(r.installment_id), r.amount] for r in split.returned],
    }


def answer_of(session: Session, row: Refund) -> Answer:
    """The status of a refund, from its row, postings and allocations."""
    cancelled = ledger.cancelled_by(session, row.merchant_id, row.id)
    returned = ledger.returns_of(session, row.merchant_id, row.id)
    split = split_facts(Split(tuple(cancelled), tuple(returned)))
    sums = (row.amount, row.cancelled, row.to_return, row.returned)
    more = (split, row.reason, row.created_at.isoformat())
    return Answer(row.state, row.id, row.plan_id, *sums, row.currency, *more)


def refund_requests(session: Session, merchant_id: UUID, refund_id: UUID) -> dict[UUID, RefundRequest]:
    """What the provider is to be asked, by payment; the reference follows from refund and payment, ever the same.

    What goes back by hand is not the provider's.
    """
    session.get_one(Refund, (merchant_id, refund_id))
    amounts: dict[UUID, int] = {}
    for part in ledger.returns_of(session, merchant_id, refund_id):
        if not part.by_hand:
            amounts[part.payment_id] = amounts.get(part.payment_id, 0) + part.amount
    paid = session.execute(CHARGES.where(Payment.merchant_id == merchant_id, Payment.id.in_(amounts)))
    charges = {row.id: charge_of(row) for row in paid}
    # In the order of the split, newest payment first, whatever the order of the rows.
    asked = {
        payment: RefundRequest(uuid5(refund_id, str(payment)), charges[payment], amount)
        for payment, amount in amounts.items()
    }
    session.rollback()
    return asked


def ask_each(gateway: Gateway, asked: dict[UUID, RefundRequest], *, again: bool) -> dict[UUID, Outcome]:
    """The outcomes by payment; ``again`` looks for an earlier refund first. Raises ``ProviderUnavailable``."""
    return {
        payment: (call_provider(gateway.get_refund, back) if again else None)
        or call_provider(gateway.refund, back)
        for payment, back in asked.items()
    }


def settle(
    session: Session,
    merchant_id: UUID,
    plan_id: UUID,
    refund_id: UUID,
    outcomes: dict[UUID, Outcome],
    now: datetime,
) -> Answer:
    """Record what was returned: postings, installments, the refund, event and the key's answer in one unit of work.

    A refund that was settled before stays as it is, and its answer is given again.
    """
    with unit_of_work(session):
        plan, today = lock(session, merchant_id, plan_id, now)
        contact = plan.shop_contact
        row = session.get_one(Refund, (merchant_id, refund_id), populate_existing=True)
        if row.state != PaymentState.PROCESSING:
            return answer_of(session, row)
        returns = ledger.returns_of(session, merchant_id, refund_id)
        for payment_id, outcome in outcomes.items():
            if outcome is Outcome.SUCCEEDED:
                row.returned += record_return(session, plan, row.id, payment_id, returns, now, today)
        complete = row.returned == row.to_return
        row.state = PaymentState.SUCCEEDED if complete else PaymentState.DECLINED
        row.settled_at = plan.updated_at = now
        session.flush()
        facts: dict[str, Any] = {
            "refund": str(row.id),
            "returned": row.returned,
            "to_return": row.to_return,
            "currency": row.currency,
        }
        kind = "refund_returned" if complete else "refund_declined"
        events.record(session, kind, merchant_id=merchant_id, plan_id=plan_id, at=now, **facts)
        if not complete:
            queue_email(session, plan, kind, contact, now, cause=row.id, **facts)
        answer = answer_of(session, row)
        idempotency.answer(session, merchant_id, answer.stored(), refund_id=refund_id)
        return answer


def record_return(
    session: Session,
    plan: Plan,
    refund_id: UUID,
    payment_id: UUID,
    returns: Iterable[Return],
    now: datetime,
    today: date,
) -> int:
    """Record what went back on one payment; returns how much, in minor units."""
    amounts = {part.installment_id: part.amount for part in returns if part.payment_id == payment_id}
    ledger.record(
        session, plan, Entry.CASH_RETURNED, amounts, ledger.Cause(payment_id, refund_id), now, today
    )
    return sum(amounts.values())


def settle_pending(
    session: Session, gateway: Gateway, now: datetime, after: timedelta = SETTLE_AFTER
) -> dict[str, int]:
    """Ask the provider about every refund still ``processing`` after a while, and record the answer."""
    waiting = session.execute(
        select(Refund.merchant_id, Refund.plan_id, Refund.id)
        .where(Refund.state == PaymentState.PROCESSING, Refund.created_at <= now - after)
        .order_by(Refund.id)
    ).all()

    def ask_and_settle(row: Row[*tuple[Any, ...]]) -> Answer:
        outcomes = ask_each(gateway, refund_requests(session, row.merchant_id, row.id), again=True)
        return settle(session, row.merchant_id, row.plan_id, row.id, outcomes, now)

    settled, still_waiting = settle_each(session, waiting, ask_and_settle)
    return {"refunds_settled": settled, "refunds_waiting": still_waiting}
