"""The user of a session, and the lists of a user's sessions and sign-ins."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import and_, bindparam, join, or_, select
from sqlalchemy.orm import Session

from portal.core.accounts import attempts_key
from portal.core.roles import PORTAL_ID, Actor, Role
from portal.core.sessions import ADMIN_IDLE
from portal.models import Event, EventOrigin, LoginAttempt, User, UserSession
from portal.statements import Reading

from .accounts import actor_of, select_actor

MOST_SHOWN = 50
LAST_SIGN_INS = 10


@dataclass(frozen=True, slots=True)
class OpenSession:
    """A session that is in force, and who acts in it."""

    id: UUID
    actor: Actor
    last_seen_at: datetime
    confirmed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class SessionView:
    """One's own session as the account's page shows it."""

    id: UUID
    browser: str
    network: str
    created_at: datetime
    last_seen_at: datetime


@dataclass(frozen=True, slots=True)
class SignInView:
    """A sign-in of one's own; network and browser are kept for 90 days."""

    at: datetime
    browser: str | None
    network: str | None


# An admin's session also ends when it is idle.
_IN_FORCE = and_(
    UserSession.ends_at > bindparam("now"),
    or_(User.role != Role.ADMIN, UserSession.last_seen_at > bindparam("idle_since")),
)

_SESSION = Reading(
    select_actor(
        join(User, UserSession, UserSession.user_id == User.id),
        UserSession.merchant_id,
        UserSession.id,
        UserSession.last_seen_at,
        UserSession.confirmed_at,
    ).where(UserSession.id == bindparam("session_id"), _IN_FORCE)
)


def find_session(session: Session, session_id: UUID, now: datetime) -> OpenSession | None:
    """The session with its actor, in one statement; None once it ended or its user was deactivated."""
    rows = _SESSION(session, session_id=session_id, now=now, idle_since=now - ADMIN_IDLE)
    for *actor, id_, last_seen_at, confirmed_at in rows:
        return OpenSession(id_, actor_of(actor), last_seen_at, confirmed_at)
    return None


def list_sessions(session: Session, actor: Actor, now: datetime) -> list[SessionView]:
    """The person's sessions that are in force, the last used first."""
    rows = session.execute(
        select(
            UserSession.id,
            UserSession.browser,
            UserSession.network,
            UserSession.created_at,
            UserSession.last_seen_at,
        )
        .join(User, User.id == UserSession.user_id)
        .where(UserSession.user_id == actor.id, _IN_FORCE)
        .order_by(UserSession.last_seen_at.desc(), UserSession.id)
        .limit(MOST_SHOWN),
        {"now": now, "idle_since": now - ADMIN_IDLE},
    )
    return [SessionView(*row) for row in rows]


def last_sign_ins(session: Session, actor: Actor) -> list[SignInView]:
    """The person's last sign-ins, newest first."""
    rows = session.execute(
        select(Event.at, EventOrigin.browser, EventOrigin.network)
        .outerjoin(
            EventOrigin, and_(EventOrigin.merchant_id == Event.merchant_id, EventOrigin.event_id == Event.id)
        )
        .where(Event.merchant_id == PORTAL_ID, Event.actor_id == actor.id, Event.kind == "signed_in")
        .order_by(Event.id.desc())
        .limit(LAST_SIGN_INS)
    )
    return [SignInView(*row) for row in rows]


def wrong_passwords(session: Session, actor: Actor) -> list[tuple[datetime, str]]:
    """When wrong passwords were typed for the person's account and from which network; kept for a day, newest first."""
    attempts = (
        select(LoginAttempt.at, LoginAttempt.network)
        .where(LoginAttempt.account == attempts_key(str(actor.id)))
        .order_by(LoginAttempt.at.desc())
        .limit(LAST_SIGN_INS)
    )
    return [(at, network) for at, network in session.execute(attempts)]
