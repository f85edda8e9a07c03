"""What a merchant sees of its own plans: lists by page, and one plan; another's does not exist."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, exists, or_, select
from sqlalchemy.orm import Session

from portal.core.calendar import business_date
from portal.core.errors import NotFound
from portal.core.roles import Actor
from portal.models import Installment, Payment, Plan, User

from .timeline import PaymentView, payments, payments_query
from .views import PlanView, load_plans

PAGE = 50


@dataclass(frozen=True, slots=True)
class PlanPage:
    """One page of plans, newest first; ``next_before`` is the id to go on from, None on the last page."""

    plans: list[PlanView]
    next_before: UUID | None


def list_plans(
    session: Session,
    merchant: Actor,
    now: datetime,
    *,
    status: str = "",
    search: str = "",
    before: UUID | None = None,
) -> PlanPage:
    """The merchant's plans with installments: two statements. ``status`` is a state or ``overdue``.

    ``search`` finds a part of the customer's name or address, or of the reference.
    """
    query = select(Plan).where(Plan.merchant_id == merchant.id).order_by(Plan.id.desc()).limit(PAGE + 1)
    if status:
        query = _with_status(query, merchant, status, now)
    if search:
        part = "%" + search.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
        columns = (Plan.customer_email, Plan.reference, User.name, Plan.description)
        query = query.where(or_(*(column.ilike(part, escape="\\") for column in columns)))
    if before:
        query = query.where(Plan.id < before)
    plans = load_plans(session, query, now)
    return PlanPage(plans[:PAGE], plans[PAGE - 1].id if len(plans) > PAGE else None)


def _with_status(query: Select[Any], merchant: Actor, status: str, now: datetime) -> Select[Any]:
    today = business_date(now, merchant.timezone)
    late = exists().where(
        Installment.merchant_id == Plan.merchant_id,
        Installment.plan_id == Plan.id,
        Installment.paid + Installment.cancelled < Installment.amount,
        or_(Installment.due_on < today, Installment.late_on.is_not(None)),
    )
    if status == "overdue":
        return query.where(Plan.state == "active", late)
    if status == "active":
        return query.where(Plan.state == "active", ~late)
    if status == "offered":
        return query.where(Plan.state == "offered", Plan.last_day >= today)
    if status == "expired":
        return query.where(or_(Plan.state == "expired", (Plan.state == "offered") & (Plan.last_day < today)))
    return query.where(Plan.state == status)


def get_plan(session: Session, merchant: Actor, plan_id: UUID, now: datetime) -> PlanView:
    """Raises ``NotFound`` for another's."""
    found = load_plans(session, select(Plan).where(Plan.merchant_id == merchant.id, Plan.id == plan_id), now)
    if not found:
        raise NotFound()
    return found[0]


def latest_payments(session: Session, merchant: Actor, limit: int = 8) -> list[PaymentView]:
    """The payments that succeeded last."""
    query = payments_query().where(Payment.merchant_id == merchant.id, Payment.state == "succeeded")
    return payments(session, query.limit(limit))
