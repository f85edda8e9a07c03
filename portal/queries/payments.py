"""Payments of either party by page, each with the installments that it went to; keyset pagination."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, Select, case, func, select
from sqlalchemy.orm import Session

from portal.core.errors import NotFound
from portal.core.roles import Actor
from portal.models import Installment, Payment, Plan
from portal.models.ledger import Allocation


class AllocationView(NamedTuple):
    """How much of a payment goes to an installment, and how much of that was reversed; minor units."""

    installment_id: UUID
    number: int
    amount: int
    reversed: int


@dataclass(frozen=True, slots=True)
class ListedPayment:
    """A payment; ``received_on`` and ``receipt`` are None until it has succeeded. ``amount`` is in minor units."""

    id: UUID
    plan_id: UUID
    receipt: str | None
    amount: int
    currency: str
    method: str
    recovery: bool
    state: str
    received_on: date | None
    created_at: datetime
    allocations: tuple[AllocationView, ...]

    @property
    def reversed(self) -> int:
        return sum(part.reversed for part in self.allocations)


@dataclass(frozen=True, slots=True)
class PaymentFilter:
    """What a list of payments is narrowed to; None narrows nothing. Both days of receipt belong to it."""

    plan_id: UUID | None = None
    method: str | None = None
    first: date | None = None
    last: date | None = None


# A recorded payment was received on the day that the shop says, one of the provider on that of its answer.
RECEIVED_ON = case(
    (Payment.state == "succeeded", func.coalesce(Payment.received_on, Payment.settled_on)),
)
_QUERY = select(
    Payment.merchant_id,
    Payment.id,
    Payment.plan_id,
    Plan.reference,
    Payment.number,
    Payment.amount,
    Payment.currency,
    Payment.method,
    Payment.recovery,
    Payment.state,
    RECEIVED_ON.label("received_on"),
    Payment.created_at,
).join(Plan, (Plan.merchant_id == Payment.merchant_id) & (Plan.id == Payment.plan_id))


def payments(
    session: Session, actor: Actor, wanted: PaymentFilter, *, before: UUID | None, limit: int
) -> list[ListedPayment]:
    """At most ``limit`` own payments, newest first, those older than the payment ``before``: two statements."""
    query = _QUERY.where(_owned_by(actor), *_chosen(wanted)).order_by(Payment.id.desc()).limit(limit)
    return _load(session, query.where(Payment.id < before) if before else query)


def get_payment(session: Session, actor: Actor, payment_id: UUID) -> ListedPayment:
    """Raises ``NotFound`` for another's."""
    found = _load(session, _QUERY.where(_owned_by(actor), Payment.id == payment_id))
    if not found:
        raise NotFound()
    return found[0]


def _owned_by(actor: Actor) -> ColumnElement[bool]:
    return Payment.merchant_id == actor.merchant_id if actor.member_of else Payment.customer_id == actor.id


def _chosen(wanted: PaymentFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.plan_id:
        conditions.append(Payment.plan_id == wanted.plan_id)
    if wanted.method:
        conditions.append(Payment.method == wanted.method)
    if wanted.first:
        conditions.append(wanted.first <= RECEIVED_ON)
    if wanted.last:
        conditions.append(wanted.last >= RECEIVED_ON)
    return conditions


def _load(session: Session, query: Select[Any]) -> list[ListedPayment]:
    rows = session.execute(query).all()
    parts: dict[UUID, list[AllocationView]] = {row.id: [] for row in rows}
    for payment_id, *part in (
        session.execute(_allocations([(row.merchant_id, row.id) for row in rows])) if rows else ()
    ):
        parts[payment_id].append(AllocationView(*part))
    return [
        ListedPayment(
            id=row.id,
            plan_id=row.plan_id,
            receipt=f"{row.reference}-{row.number}" if row.number else None,
            amount=row.amount,
            currency=row.currency,
            method=row.method,
            recovery=row.recovery,
            state=row.state,
            received_on=row.received_on,
            created_at=row.created_at,
            allocations=tuple(parts[row.id]),
        )
        for row in rows
    ]


def _allocations(keys: list[tuple[UUID, UUID]]) -> Select[Any]:
    merchants = {merchant for merchant, _ in keys}
    return (
        select(
            Allocation.payment_id,
            Allocation.installment_id,
            Installment.number,
            Allocation.amount,
            Allocation.reversed,
        )
        .join(
            Installment,
            (Installment.merchant_id == Allocation.merchant_id)
            & (Installment.id == Allocation.installment_id),
        )
        .where(
            Allocation.merchant_id.in_(merchants), Allocation.payment_id.in_([payment for _, payment in keys])
        )
        .order_by(Installment.number)
    )
