"""Refunds of either party by page, each with what it cancels and returns of which installments; keyset pagination."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.core.ledger import Account
from portal.core.roles import Actor
from portal.models import Installment, Payment, Plan, Refund
from portal.models.ledger import Posting, RefundAllocation

from .listing import owned_by


@dataclass(frozen=True, slots=True)
class ListedRefund:
    """A refund: amounts in minor units, ``split`` and ``created_at`` as the answer to the refund has them."""

    refund_id: UUID
    plan_id: UUID
    status: str
    amount: int
    cancelled: int
    to_return: int
    returned: int
    currency: str
    reason: str
    created_at: str
    split: dict[str, Any]


def refunds(session: Session, actor: Actor, *, before: UUID | None, limit: int) -> list[ListedRefund]:
    """At most ``limit`` refunds of own plans, newest first, those older than ``before``: three statements."""
    query = (
        select(Refund)
        .join(Plan, (Plan.merchant_id == Refund.merchant_id) & (Plan.id == Refund.plan_id))
        .where(owned_by(actor))
        .order_by(Refund.id.desc())
        .limit(limit)
    )
    found = session.scalars(query.where(Refund.id < before) if before else query).all()
    splits: dict[UUID, dict[str, Any]] = {row.id: {"cancelled": [], "returned": []} for row in found}
    if found:
        _fill(session, found, splits)
    return [
        ListedRefund(
            refund_id=row.id,
            plan_id=row.plan_id,
            status=row.state,
            amount=row.amount,
            cancelled=row.cancelled,
            to_return=row.to_return,
            returned=row.returned,
            currency=row.currency,
            reason=row.reason,
            created_at=row.created_at.isoformat(),
            split=splits[row.id],
        )
        for row in found
    ]


def _fill(session: Session, found: Any, splits: dict[UUID, dict[str, Any]]) -> None:
    """What was cancelled, in the order of its postings; and returned, newest payment first."""
    merchants = {row.merchant_id for row in found}
    # By their installments, for which postings have an index.
    of_plans = select(Installment.id).where(
        Installment.merchant_id.in_(merchants), Installment.plan_id.in_({row.plan_id for row in found})
    )
    cancelled: Any = select(Posting.refund_id, Posting.installment_id, Posting.amount).where(
        Posting.merchant_id.in_(merchants),
        Posting.installment_id.in_(of_plans),
        Posting.refund_id.in_(splits),
        Posting.debit == Account.REFUNDS,
        Posting.credit == Account.RECEIVABLE,
    )
    for refund_id, installment_id, amount in session.execute(cancelled.order_by(Posting.id)):
        splits[refund_id]["cancelled"].append([str(installment_id), amount])
    allocation = RefundAllocation
    returned = (
        select(allocation.refund_id, allocation.payment_id, allocation.installment_id, allocation.amount)
        .join(
            Payment,
            (Payment.merchant_id == allocation.merchant_id) & (Payment.id == allocation.payment_id),
        )
        .join(
            Installment,
            (Installment.merchant_id == allocation.merchant_id)
            & (Installment.id == allocation.installment_id),
        )
        .where(allocation.merchant_id.in_(merchants), allocation.refund_id.in_(splits))
        .order_by(Payment.number.desc(), Installment.number.desc())
    )
    for refund_id, payment_id, installment_id, amount in session.execute(returned):
        splits[refund_id]["returned"].append([str(payment_id), str(installment_id), amount])
