"""The customer of a private calendar link, and the installments due."""

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


def find_owner(session: Session, user_id: UUID, key: UUID) -> tuple[Actor, datetime | None] | None:
    """Whose calendar this is, and when they chose its language; None once it was replaced or they were deactivated."""
    row = session.execute(
        select(User.session_version, User.language_chosen_at).where(
            User.id == user_id, User.calendar_key == key
        )
    ).first()
    owner = find_actor(session, user_id, row.session_version) if row else None
    return (owner, row.language_chosen_at) if row and owner else None


def due_dates(session: Session, customer: Actor, now: datetime) -> list[tuple[PlanView, InstallmentView]]:
    """What the customer owes, each installment with its plan, in the order of due dates."""
    active = select(Plan).where(Plan.customer_id == customer.id, Plan.state == PlanState.ACTIVE)
    owed = [(plan, i) for plan in load_plans(session, active, now) for i in plan.installments if i.owed]
    return sorted(owed, key=lambda due: (due[1].due_on, due[1].id))
