"""What a merchant sees of its own plans: lists by page, and one plan; another's does not exist."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from portal.core.calendar import business_date
from portal.core.errors import NotFound
from portal.core.roles import Actor
from portal.models import Payment, Plan, User

from .statuses import plan_status
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
        query = query.where(plan_status(status, business_date(now, merchant.timezone)))
    if search:
        part = "%" + search.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
        columns = (Plan.customer_email, Plan.reference, Plan.description)
        # Whether an address is registered, and under which name, is told by accepting and not before.
        name = Plan.acceptance_id.is_not(None) & User.name.ilike(part, escape="\\")
        query = query.where(or_(name, *(column.ilike(part, escape="\\") for column in columns)))
    if before:
        query = query.where(Plan.id < before)
    plans = load_plans(session, query, now)
    return PlanPage(plans[:PAGE], plans[PAGE - 1].id if len(plans) > PAGE else None)


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
