"""The statuses that a list is filtered by, as SQL: what they mean today, whether or not a job has run."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, case, exists, literal, or_
from sqlalchemy.orm import aliased

from portal.core.calendar import business_date
from portal.core.states import PlanState
from portal.models import Installment, Plan

# The date in the zone of a plan: a date, or an expression where it is not the same for all plans.
Today = date | ColumnElement[date]


def today_of_plans(zones: Iterable[str], now: datetime) -> Today:
    """The date at ``now`` of plans that are in one of these time zones, of which there is at least one."""
    days = {zone: business_date(now, zone) for zone in zones}
    first, *others = sorted(set(days.values()))
    if not others:
        return first
    day_type = Installment.due_on.type
    return case(*((Plan.timezone == zone, literal(day, day_type)) for zone, day in days.items()))


_OWED = Installment.owed > 0
# Any installment of a plan, beside those that a list may be joined with.
_ANY = aliased(Installment)


def plan_status(status: str, today: Today) -> ColumnElement[bool]:
    """Plans that show ``status``: a state, or ``overdue``, which ``active`` leaves out.

    ``due`` are those of which something is due within a week and nothing late, ``done`` those that ended.
    """
    if status == "due":
        return and_(plan_status("active", today), _owes(_ANY.due_on <= _in_a_week(today)))
    if status == "done":
        ended = tuple(state for state in PlanState if state not in (PlanState.OFFERED, PlanState.ACTIVE))
        return or_(Plan.state.in_(ended), plan_status("expired", today))
    if status in ("overdue", "active"):
        late = _owes(_due(today, _ANY))
        return and_(Plan.state == "active", late if status == "overdue" else ~late)
    if status == "offered":
        return and_(Plan.state == "offered", Plan.last_day >= today)
    if status == "expired":
        return or_(Plan.state == "expired", (Plan.state == "offered") & (Plan.last_day < today))
    return Plan.state == status


def _owes(condition: Any) -> ColumnElement[bool]:
    """Plans with an owed installment of which this is true."""
    own = and_(_ANY.merchant_id == Plan.merchant_id, _ANY.plan_id == Plan.id)
    return exists().where(own, _ANY.owed > 0, condition)


def _in_a_week(today: Today) -> Today:
    """Six days on. Where it is not the same date for all plans, it is that date itself: no engine adds days alike."""
    return today + timedelta(days=6) if isinstance(today, date) else today


def installment_status(status: str, today: Today) -> ColumnElement[bool]:
    """Installments that show ``status``, one of ``InstallmentStatus``; joined with their plans."""
    if status == "late":
        return and_(Plan.state == "active", _OWED, _due(today))
    if status == "pending":
        return or_(plan_status("offered", today), and_(Plan.state == "active", _OWED, ~_due(today)))
    accepted = Plan.acceptance_id.is_not(None)
    closed = and_(accepted, Installment.owed == 0, Installment.written_off == 0)
    if status == "moved":
        return and_(closed, Installment.moved > 0)
    settled = and_(closed, Installment.moved == 0)
    if status == "paid":
        return and_(settled, Installment.settled > 0)
    if status == "written_off":
        return and_(accepted, Installment.owed == 0, Installment.written_off > 0)
    ended = or_(Plan.state == "declined", Plan.state == "revoked", plan_status("expired", today))
    return or_(ended, and_(settled, Installment.settled == 0))


def _due(today: Today, line: Any = Installment) -> Any:
    return or_(line.due_on < today, line.late_on.is_not(None))
