"""The statuses that a list is filtered by, as SQL: what they mean today, whether or not a job has run."""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, or_
from sqlalchemy.orm import aliased

from portal.models import Installment, Plan

# Today where the plan's merchant lives: a date, or an expression where there are several merchants.
Today = date | ColumnElement[date]

_OWED = Installment.paid + Installment.cancelled < Installment.amount
# Any installment of a plan, beside those that a list may be joined with.
_ANY = aliased(Installment)


def plan_status(status: str, today: Today) -> ColumnElement[bool]:
    """Plans that show ``status``: a state, or ``overdue``, which ``active`` leaves out."""
    if status in ("overdue", "active"):
        late = exists().where(
            _ANY.merchant_id == Plan.merchant_id,
            _ANY.plan_id == Plan.id,
            _ANY.paid + _ANY.cancelled < _ANY.amount,
            _due(today, _ANY),
        )
        return and_(Plan.state == "active", late if status == "overdue" else ~late)
    if status == "offered":
        return and_(Plan.state == "offered", Plan.last_day >= today)
    if status == "expired":
        return or_(Plan.state == "expired", (Plan.state == "offered") & (Plan.last_day < today))
    return Plan.state == status


def installment_status(status: str, today: Today) -> ColumnElement[bool]:
    """Installments that show ``status``: pending, late, paid or cancelled; joined with their plans."""
    if status == "late":
        return and_(Plan.state == "active", _OWED, _due(today))
    if status == "pending":
        return or_(plan_status("offered", today), and_(Plan.state == "active", _OWED, ~_due(today)))
    accepted = Plan.acceptance_id.is_not(None)
    if status == "paid":
        return and_(accepted, ~_OWED, Installment.paid > 0)
    ended = or_(Plan.state.in_(["declined", "revoked"]), plan_status("expired", today))
    return or_(ended, and_(accepted, ~_OWED, Installment.paid == 0))


def _due(today: Today, line: Any = Installment) -> Any:
    return or_(line.due_on < today, line.late_on.is_not(None))
