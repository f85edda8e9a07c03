"""The ledger: the one place that changes an installment's sums, writes postings and adds to the rollups."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Date,
    Row,
    ScalarSelect,
    String,
    Subquery,
    Uuid,
    bindparam,
    case,
    cast,
    func,
    select,
    union_all,
    update,
)
from sqlalchemy.orm import Session

from portal.core.allocation import Return
from portal.core.ledger import SUMS, Account, Balance, Entry, Metrics, apply, metrics_for
from portal.core.payments import Method
from portal.core.periods import month_of
from portal.core.states import PaymentState
from portal.models import Installment, Payment, Plan, new_id
from portal.models.base import UtcDateTime
from portal.models.ledger import Allocation, Posting, RefundAllocation
from portal.models.rollups import MetricDelta
from portal.statements import Changing, Reading

from .transaction import insert_rows

# What an entry does to the allocation of the payment that it concerns.
_OF_ALLOCATION = {
    Entry.CASH_RETURNED: "returned",
    Entry.PAYMENT_REVERSED: "reversed",
    Entry.RECOVERY_REVERSED: "reversed",
}


@dataclass(frozen=True, slots=True)
class Cause:
    """The payment or refund that an entry belongs to; entries of cash have one."""

    payment_id: UUID | None = None
    refund_id: UUID | None = None


def agree(session: Session, plan: Plan, now: datetime, today: date) -> None:
    """Post the debt of every installment of a plan that was accepted ``today``."""
    lines = _OF_PLAN.named(session, merchant=plan.merchant_id, plan=plan.id)
    _post(session, plan, Entry.DEBT_AGREED, [(line.id, line.amount) for line in lines], Cause(), now, today)
    add_deltas(session, plan, [(None, Balance.of(line)) for line in lines], today)


def take_over(session: Session, plan: Plan, lines: Mapping[UUID, int], now: datetime, today: date) -> None:
    """Post the debt of new installments, minor units by their ids, which others of the plan have moved away."""
    _post(session, plan, Entry.DEBT_MOVED_HERE, lines.items(), Cause(), now, today)
    known = balances(session, plan, lines)
    add_deltas(session, plan, [(None, known[line_id]) for line_id in lines], today)


def record(
    session: Session,
    plan: Plan,
    entry: Entry,
    allocations: Mapping[UUID, int],
    cause: Cause,
    now: datetime,
    today: date,
) -> Sequence[Row[Any]]:
    """Record an entry of minor units for each installment id of the locked ``plan``; returns these as they are now.

    Everything that follows from it is written: the installments' sums and days, the payment's allocations, one
    posting each, and what the rollups gain. The database refuses more than is owed, paid or written off.
    """
    if not allocations:
        return []
    known = balances(session, plan, allocations) if entry.raises_owed else {}
    values: dict[str, Any] = {"merchant": plan.merchant_id, "at": now, "today": today}
    for place, (installment_id, amount) in enumerate(allocations.items()):
        values |= {f"id{place}": installment_id, f"amount{place}": amount}
    rows = _change(entry, len(allocations)).named(session, **values)
    if len(rows) != len(allocations):
        raise LookupError("an entry names an installment that its merchant does not have")
    if entry in _OF_ALLOCATION:
        _take_from_allocation(entry, len(allocations))(session, **values, payment=cause.payment_id)
    _post(session, plan, entry, allocations.items(), cause, now, today)
    changes = []
    for row in rows:
        after = Balance.of(row)
        changes.append((known.get(row.id) or apply(after, entry, -allocations[row.id]), after))
    add_deltas(session, plan, changes, today)
    return rows


def allocate(session: Session, plan: Plan, payment_id: UUID, amounts: Mapping[UUID, int]) -> None:
    """Say which installments a payment is for, in minor units by their ids."""
    payment = {"merchant_id": plan.merchant_id, "payment_id": payment_id}
    rows = [payment | {"installment_id": line, "amount": amount} for line, amount in amounts.items()]
    insert_rows(session, Allocation, rows)


def allocate_returns(session: Session, plan: Plan, refund_id: UUID, returns: Iterable[Return]) -> None:
    """Say what a refund is to return along which payments' allocations."""
    refund = {"merchant_id": plan.merchant_id, "refund_id": refund_id}
    rows = [
        refund | {"payment_id": part.payment_id, "installment_id": part.installment_id, "amount": part.amount}
        for part in returns
    ]
    insert_rows(session, RefundAllocation, rows)


def allocated() -> ScalarSelect[str]:
    """The allocations of a ``payment`` of a ``merchant`` as a column of another statement; ``amounts`` reads it."""
    pair = cast(Allocation.installment_id, String) + ":" + cast(Allocation.amount, String)
    return (
        select(func.aggregate_strings(pair, ","))
        .where(Allocation.merchant_id == bindparam("merchant"), Allocation.payment_id == bindparam("payment"))
        .scalar_subquery()
    )


def amounts(pairs: str) -> dict[UUID, int]:
    """Minor units by the ids of installments, from what ``allocated`` gave."""
    split = (pair.split(":") for pair in pairs.split(","))
    return {UUID(installment): int(amount) for installment, amount in split}


def lines_paid_by(session: Session, merchant_id: UUID, payment_id: UUID) -> Sequence[Row[Any]]:
    """The installments that a payment is for, as they are now."""
    return _PAID_BY.named(session, merchant=merchant_id, payment=payment_id)


def returnable(session: Session, plan: Plan) -> Sequence[Row[UUID, int | None, UUID, int, bool, str]]:
    """The returnable rest of each allocation of the plan's payments: payment, its number, installment, minor units,
    whether the shop recorded it, and the method. Recoveries cannot be returned."""
    return session.execute(_RETURNABLE, {"merchant": plan.merchant_id, "plan": plan.id}).all()


def left_of(session: Session, plan: Plan, payment_id: UUID) -> dict[UUID, int]:
    """What is neither reversed nor returned of a payment, recovery or not: minor units by installment."""
    values = {"merchant": plan.merchant_id, "plan": plan.id, "payment": payment_id}
    rows = session.execute(_LEFT.where(Payment.id == bindparam("payment")), values)
    return {row.installment_id: row.amount for row in rows if row.amount}


def returns_of(session: Session, merchant_id: UUID, refund_id: UUID) -> list[Return]:
    """What a refund returns, newest payment first, and within one the last installment first."""
    rows = session.execute(_RETURNS, {"merchant": merchant_id, "refund": refund_id})
    return [Return(*row) for row in rows]


def refunds_of(session: Session, merchant_id: UUID, payment_id: UUID) -> set[UUID]:
    """The refunds that are booked as returned on a payment."""
    returned = select(Posting.refund_id).where(
        Posting.merchant_id == merchant_id, Posting.payment_id == payment_id, Posting.refund_id.is_not(None)
    )
    return {refund_id for refund_id in session.scalars(returned) if refund_id}


def cancelled_by(session: Session, merchant_id: UUID, refund_id: UUID) -> list[tuple[UUID, int]]:
    """What a refund cancelled: installment and minor units, in the order of its postings."""
    rows = session.execute(_CANCELLED, {"merchant": merchant_id, "refund": refund_id})
    return [(row.installment_id, row.amount) for row in rows]


def balances(session: Session, plan: Plan, installments: Iterable[UUID]) -> dict[UUID, Balance]:
    """The named installments of the plan as they are, by their ids."""
    lines = _OF_PLAN.named(session, merchant=plan.merchant_id, plan=plan.id)
    return {line.id: Balance.of(line) for line in lines if line.id in set(installments)}


def _post(
    session: Session,
    plan: Plan,
    entry: Entry,
    amounts: Iterable[tuple[UUID, int]],
    cause: Cause,
    now: datetime,
    today: date,
) -> None:
    rows = [
        {
            "merchant_id": plan.merchant_id,
            "id": new_id(),
            "installment_id": installment_id,
            "debit": entry.debit,
            "credit": entry.credit,
            "amount": amount,
            "currency": plan.currency,
            "posted_at": now,
            "posted_on": today,
        }
        | asdict(cause)
        for installment_id, amount in amounts
    ]
    insert_rows(session, Posting, rows)


def add_deltas(
    session: Session,
    plan: Plan,
    changes: Iterable[tuple[Balance | None, Balance | None]],
    today: date,
) -> None:
    """Add by how much installments move the sums of the rollups: each as it was and as it is; None where it was not.

    Rows are only added, so payments at one merchant never wait for one another here.
    """
    if plan.accepted_on is None:
        raise ValueError("only an accepted plan counts")
    rows = []
    for before, after in changes:
        line, delta = after or before, Metrics()
        if line is None:
            continue
        if after:
            delta += metrics_for(after, plan.accepted_on)
        if before:
            delta -= metrics_for(before, plan.accepted_on)
        rows.append(
            {
                "merchant_id": plan.merchant_id,
                "id": new_id(),
                "posted_on": today,
                "due_on": line.due_on,
                "cohort_on": month_of(plan.accepted_on),
            }
            | asdict(delta)
        )
    insert_rows(session, MetricDelta, rows)


BALANCE = (
    Installment.id,
    Installment.plan_id,
    Installment.number,
    Installment.amount,
    Installment.due_on,
    *(getattr(Installment, name) for name in SUMS),
    Installment.paid_on,
)
_OF_PLAN = Reading(
    select(*BALANCE)
    .where(Installment.merchant_id == bindparam("merchant"), Installment.plan_id == bindparam("plan"))
    .order_by(Installment.number)
)
_OF_INSTALLMENT = (
    Allocation.merchant_id == Installment.merchant_id,
    Allocation.installment_id == Installment.id,
    Allocation.reversed < Allocation.amount,
    Payment.state == PaymentState.SUCCEEDED,
    ~Payment.recovery,
)
# A recorded payment counts on the day that the shop says, one of the provider on that of its answer.
_RECEIVED_ON = func.coalesce(Payment.received_on, Payment.settled_on)
# What the shop recorded goes back by hand.
_BY_HAND = (Payment.method != Method.PROVIDER).label("by_hand")
_SAME_PAYMENT = (Payment.merchant_id == Allocation.merchant_id) & (Payment.id == Allocation.payment_id)


def _latest(column: Any) -> ScalarSelect[Any]:
    """The latest of the payments that paid the installment; they are settled before they are recorded."""
    latest = select(func.max(column)).select_from(Allocation).join(Payment, _SAME_PAYMENT)
    return latest.where(*_OF_INSTALLMENT).correlate(Installment).scalar_subquery()


def _entries(count: int) -> Subquery:
    """``count`` entries, each an installment's id and minor units, as rows that an UPDATE can take."""
    rows = (
        select(
            bindparam(f"id{place}", type_=Uuid).label("id"),
            bindparam(f"amount{place}", type_=BigInteger).label("amount"),
        )
        for place in range(count)
    )
    return union_all(*rows).subquery("entries")


@cache
def _change(entry: Entry, count: int) -> Changing:
    """The entry for ``count`` installments. ``late_on`` is written even if it was empty when read: marking takes no
    lock on the plan and may set it meanwhile."""
    if entry.sum_name is None:
        raise ValueError(f"{entry.name} is an installment's amount, which never changes")
    entries, line = _entries(count), Installment
    values: dict[str, Any] = {entry.sum_name: getattr(line, entry.sum_name) + entry.sign * entries.c.amount}
    if entry.lowers_owed or entry.raises_owed:
        owed = line.owed - entries.c.amount if entry.lowers_owed else line.owed + entries.c.amount
        settled = line.settled + {"paid": 1, "paid_before": 1, "reversed": -1}.get(entry.sum_name, 0) * (
            entries.c.amount
        )
        is_settled = (owed == 0) & (settled > 0)
        at, today = bindparam("at", type_=UtcDateTime), bindparam("today", type_=Date)
        values |= {
            "late_on": case((owed > 0, line.late_on)),
            "paid_on": case((is_settled, func.coalesce(_latest(_RECEIVED_ON), today))),
            "paid_at": case((is_settled, func.coalesce(_latest(Payment.settled_at), at))),
        }
    return Changing(
        update(line)
        .where(line.merchant_id == bindparam("merchant"), line.id == entries.c.id)
        .values(values)
        .returning(*BALANCE)
    )


@cache
def _take_from_allocation(entry: Entry, count: int) -> Changing:
    entries, column = _entries(count), _OF_ALLOCATION[entry]
    return Changing(
        update(Allocation)
        .where(
            Allocation.merchant_id == bindparam("merchant"),
            Allocation.payment_id == bindparam("payment"),
            Allocation.installment_id == entries.c.id,
        )
        .values({column: getattr(Allocation, column) + entries.c.amount})
    )


_PAID_BY = Reading(
    select(*BALANCE)
    .join(
        Allocation,
        (Allocation.merchant_id == Installment.merchant_id) & (Allocation.installment_id == Installment.id),
    )
    .where(Allocation.merchant_id == bindparam("merchant"), Allocation.payment_id == bindparam("payment"))
)
_LEFT = (
    select(
        Allocation.payment_id,
        Payment.number,
        Allocation.installment_id,
        (Allocation.amount - Allocation.reversed - Allocation.returned).label("amount"),
        _BY_HAND,
        Payment.method,
    )
    .join(Payment, _SAME_PAYMENT)
    .where(
        Payment.merchant_id == bindparam("merchant"),
        Payment.plan_id == bindparam("plan"),
        Payment.state == PaymentState.SUCCEEDED,
    )
)
_RETURNABLE = _LEFT.where(~Payment.recovery)
_RETURNS = (
    select(RefundAllocation.payment_id, RefundAllocation.installment_id, RefundAllocation.amount, _BY_HAND)
    .join(
        Payment,
        (Payment.merchant_id == RefundAllocation.merchant_id) & (Payment.id == RefundAllocation.payment_id),
    )
    .join(
        Installment,
        (Installment.merchant_id == RefundAllocation.merchant_id)
        & (Installment.id == RefundAllocation.installment_id),
    )
    .where(
        RefundAllocation.merchant_id == bindparam("merchant"),
        RefundAllocation.refund_id == bindparam("refund"),
    )
    .order_by(Payment.number.desc(), Installment.number.desc())
)
_CANCELLED = (
    select(Posting.installment_id, Posting.amount)
    .where(
        Posting.merchant_id == bindparam("merchant"),
        Posting.refund_id == bindparam("refund"),
        Posting.debit == Account.REFUNDS,
        Posting.credit == Account.RECEIVABLE,
    )
    .order_by(Posting.id)
)
