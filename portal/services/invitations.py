"""What the links in an offer's email do: prove the address, send the email again."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID, uuid5

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from portal.core import accounts as rules
from portal.core.calendar import business_date
from portal.core.errors import collecting
from portal.core.passwords import check_password
from portal.core.roles import PORTAL_ID, Role
from portal.core.states import PlanState, shown_state
from portal.core.text import clean_name, fold
from portal.models import Member, Plan, User

from . import accounts, events, plans, search_words, verification
from .notifications import queue_email


def check_claim(name: str, email: str, password: str) -> str:
    """The name as it is stored. Raises one ``InvalidInput`` that names every field at fault."""
    with collecting() as faults:
        with faults.caught():
            name = clean_name(name, rules.NAME_LONGEST)
        with faults.caught():
            check_password(password, password, name=name, email=email, username=email)
    return name


def claim(
    session: Session,
    plan_id: UUID,
    user_id: UUID,
    name: str,
    password_hash: str,
    language: str,
    now: datetime,
) -> int:
    """Give the account of the address that the offer's email was sent to a checked name and a password; returns the
    version with which a session is opened.

    It ends whatever somebody had with the address who never proved it. Raises ``Conflict`` once the offer is closed or
    the address is verified.
    """
    user = _prove(session, plan_id, user_id, now)
    take_over(session, user, name, password_hash, language)
    verification.verify(session, user, now)
    events.record(session, "account_opened", merchant_id=PORTAL_ID, actor_id=user.id, at=now, role=user.role)
    return user.session_version


def take_over(session: Session, user: User, name: str, password_hash: str, language: str) -> None:
    """Give a locked account to whoever reads its mail, without what somebody had who never proved the address."""
    accounts.end_unproved(session, user)
    if accounts.is_unproved(session, user):
        user.role = Role.CUSTOMER
        session.execute(delete(Member).where(Member.user_id == user.id))
    user.name, user.password_hash = name, password_hash
    user.username, user.username_key = user.email, fold(user.email)
    user.language = language
    session.flush()
    search_words.rename_customer(session, user.id)


def prove(session: Session, plan_id: UUID, user_id: UUID, now: datetime) -> None:
    """Verify the address of who opened the offer's link and gave the account's password. Raises as ``claim`` does."""
    verification.verify(session, _prove(session, plan_id, user_id, now), now)


def _prove(session: Session, plan_id: UUID, user_id: UUID, now: datetime) -> User:
    """The locked user whose address the offer's link proves: the one that the offer was sent to."""
    user = accounts.lock_user(session, user_id)
    plan = session.scalars(select(Plan).where(Plan.id == plan_id, Plan.customer_id == user_id)).one()
    state = shown_state(PlanState(plan.state), plan.last_day, business_date(now, plan.timezone))
    changed = user.email != plan.customer_email
    if state is not PlanState.OFFERED or changed or user.email_verified_at or user.deactivated_at:
        raise verification.spent()
    return user


def send_again(session: Session, plan_id: UUID, now: datetime) -> None:
    """Send an open offer's email again, once an hour at most; it does nothing for any other plan."""
    merchant_id = session.scalars(select(Plan.merchant_id).where(Plan.id == plan_id)).one_or_none()
    if merchant_id is None:
        return
    plan, today = plans.lock(session, merchant_id, plan_id, now)
    if shown_state(PlanState(plan.state), plan.last_day, today) is PlanState.OFFERED:
        # The same hour has the same cause, of which the outbox takes one email only.
        cause = uuid5(plan.id, f"{now:%Y-%m-%d %H}")
        queue_email(session, plan, "offer_sent", plan.customer_id, now, cause)
