"""Offers as the links of their emails find them, before anybody has signed in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.core.states import PlanState
from portal.models import Plan, User

from .read_models import PlanView, load_plans


@dataclass(frozen=True, slots=True)
class Invitation:
    """An offer and whose address it was sent to; ``has_account`` if somebody has signed up with that address.

    ``verified`` if there is nothing to prove: it is verified, or the person's address is another by now.
    """

    plan: PlanView
    user_id: UUID
    email: str
    has_account: bool
    verified: bool
    deactivated: bool

    @property
    def open(self) -> bool:
        """Whether the link still shows the offer to somebody who has not signed in."""
        return self.plan.state is PlanState.OFFERED and not self.deactivated


def find_invitation(session: Session, plan_id: UUID, user_id: UUID, now: datetime) -> Invitation | None:
    """The offer that a link names, or None if it does not belong to that user."""
    plans = load_plans(session, select(Plan).where(Plan.id == plan_id, Plan.customer_id == user_id), now)
    if not plans:
        return None
    email, password, verified_at, deactivated_at = session.execute(
        select(User.email, User.password_hash, User.email_verified_at, User.deactivated_at).where(
            User.id == user_id
        )
    ).one()
    verified = bool(verified_at) or email != plans[0].customer_email
    return Invitation(plans[0], user_id, email, bool(password), verified, bool(deactivated_at))


def customer_of(session: Session, plan_id: UUID) -> UUID | None:
    """To whom the plan was offered, for the plain link that shops copy."""
    return session.scalars(select(Plan.customer_id).where(Plan.id == plan_id)).one_or_none()
