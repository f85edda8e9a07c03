"""The merchant's numbers, each with its one definition; every face shows these and computes none of its own."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal

from sqlalchemy import case, func, or_, select
from sqlalchemy.orm import Session

from portal.core.calendar import business_date
from portal.core.errors import N_
from portal.core.roles import Actor
from portal.models import Installment, Plan, Posting

DEFINITIONS = {
    "total_revenue": N_("Cash received less cash returned, all time."),
    "outstanding": N_("What is owed on active plans today."),
    "overdue": N_("The part of what is owed that is late."),
    "success_rate": N_("Installments paid, out of those paid or late, of accepted plans."),
}


@dataclass(frozen=True, slots=True)
class Numbers:
    """Amounts in minor units of ``currency``; the rate in percent with two decimals, None without any."""

    currency: str
    total_revenue: int
    outstanding: int
    overdue: int
    overdue_installments: int
    active_plans: int
    success_rate: Decimal | None


def numbers(session: Session, merchant: Actor, now: datetime) -> Numbers:
    """The dashboard's numbers of this merchant: two statements."""
    moved = case(
        (Posting.debit == "cash", Posting.amount), (Posting.credit == "cash", -Posting.amount), else_=0
    )
    cash = select(func.coalesce(func.sum(moved), 0)).where(Posting.merchant_id == merchant.id)
    revenue = int(session.scalars(cash).one())
    owed = Installment.amount - Installment.paid - Installment.cancelled
    active = Plan.state == "active"
    is_late = (
        active
        & (owed > 0)
        & or_(Installment.due_on < business_date(now, merchant.timezone), Installment.late_on.is_not(None))
    )
    row = session.execute(
        select(
            func.coalesce(func.sum(case((active, owed), else_=0)), 0),
            func.coalesce(func.sum(case((is_late, owed), else_=0)), 0),
            func.count(case((is_late, 1))),
            func.count(case(((owed == 0) & (Installment.paid > 0), 1))),
            func.count(Plan.id.distinct()).filter(active),
        )
        .join(Plan, (Plan.merchant_id == Installment.merchant_id) & (Plan.id == Installment.plan_id))
        .where(Installment.merchant_id == merchant.id, Plan.acceptance_id.is_not(None))
    ).one()
    outstanding, overdue, late, paid, active_plans = (int(value) for value in row)
    return Numbers(
        merchant.currency, revenue, outstanding, overdue, late, active_plans, _percent(paid, paid + late)
    )


def _percent(part: int, whole: int) -> Decimal | None:
    if not whole:
        return None
    return (Decimal(100 * part) / whole).quantize(Decimal("0.01"), ROUND_HALF_UP)
