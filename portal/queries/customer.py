"""What a customer sees: own plans, own offers, own receipts; another's does not exist."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.core.errors import NotFound
from portal.core.roles import Actor
from portal.models import Installment, Payment, Plan

from .read_models import PlanView, load_plans
from .timeline import PaymentView, payments, payments_query


def list_plans(session: Session, customer: Actor, now: datetime) -> list[PlanView]:
    """All plans and offers of the customer, newest first, with installments: two statements."""
    return load_plans(
        session, select(Plan).where(Plan.customer_id == customer.id).order_by(Plan.id.desc()), now
    )


def plan_of_installment(session: Session, customer: Actor, installment_id: UUID) -> UUID:
    """The id of the customer's plan that holds the installment. Raises ``NotFound`` for another's."""
    query = (
        select(Plan.id)
        .join(Installment, (Installment.merchant_id == Plan.merchant_id) & (Installment.plan_id == Plan.id))
        .where(Installment.id == installment_id, Plan.customer_id == customer.id)
    )
    plan_id = session.scalars(query).one_or_none()
    if plan_id is None:
        raise NotFound()
    return plan_id


def get_payment(session: Session, customer: Actor, payment_id: UUID) -> PaymentView:
    """Raises ``NotFound`` for another's."""
    found = payments(
        session, payments_query().where(Payment.id == payment_id, Payment.customer_id == customer.id)
    )
    if not found:
        raise NotFound()
    return found[0]
