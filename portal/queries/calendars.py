"""Who reads a private calendar address, and what is due by then; refuses addresses that were replaced."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.core.roles import Actor
from portal.core.states import PlanState
from portal.models import Plan, User

from .accounts import find_actor
from .read_models import InstallmentView, PlanView, load_plans


def find_key(session: Session, customer: Actor) -> UUID | None:
    """The key of the customer's own calendar, if there is one."""
    return session.scalars(select(User.calendar_key).where(User.id == customer.id)).one()


def find_owner(session: Session, user_id: UUID, key: UUID) -> Actor | None:
    """Whose calendar this is, or None once the key was replaced or the user deactivated."""
    version = session.scalars(
        select(User.session_version).where(User.id == user_id, User.calendar_key == key)
    ).first()
    return find_actor(session, user_id, version) if version else None


def due_dates(session: Session, customer: Actor, now: datetime) -> list[tuple[PlanView, InstallmentView]]:
    """What the customer owes, each installment with its plan, in the order of due dates."""
    active = select(Plan).where(Plan.customer_id == customer.id, Plan.state == PlanState.ACTIVE)
    owed = [(plan, i) for plan in load_plans(session, active, now) for i in plan.installments if i.owed]
    return sorted(owed, key=lambda due: (due[1].due_on, due[1].id))
