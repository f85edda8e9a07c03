"""Payments that wait on a provider's page: what the customer can go on with, and both parties can stop."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from portal.core.states import PaymentState
from portal.models import Payment

from .read_models import PlanView


@dataclass(frozen=True, slots=True)
class OpenPayment:
    """``amount`` in minor units; its page closes at ``expires_at``."""

    id: UUID
    amount: int
    expires_at: datetime


# Built once: building a statement takes longer than running it.
_OPEN = (
    select(Payment.plan_id, Payment.id, Payment.amount, Payment.expires_at)
    .where(
        Payment.merchant_id.in_(bindparam("merchants", expanding=True)),
        Payment.plan_id.in_(bindparam("plans", expanding=True)),
        Payment.state == PaymentState.PROCESSING,
        Payment.expires_at.is_not(None),
    )
    .order_by(Payment.id)
)


def open_payments(session: Session, plans: Iterable[PlanView]) -> dict[UUID, list[OpenPayment]]:
    """Those of plans that the caller may read, by plan; asks only if one of them has a payment in process."""
    waiting = [plan for plan in plans if plan.processing]
    if not waiting:
        return {}
    params = {"merchants": list({p.merchant_id for p in waiting}), "plans": [p.id for p in waiting]}
    found: dict[UUID, list[OpenPayment]] = {}
    for plan_id, *row in session.execute(_OPEN, params):
        found.setdefault(plan_id, []).append(OpenPayment(*row))
    return found
