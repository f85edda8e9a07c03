"""Sign in with a password, with limits per network that are checked before hashing and lock no account."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, delete, or_, select
from sqlalchemy.orm import Session

from portal.adapters.passwords import Passwords
from portal.core import accounts as rules
from portal.core.errors import N_, TooMany
from portal.core.roles import PORTAL_ID, Origin
from portal.models import LoginAttempt, User, new_id

from . import events, sessions
from .transaction import unit_of_work

WINDOW = timedelta(minutes=5)
MOST_WRONG = 10
# After that many wrong passwords from anywhere, strangers to the account get one attempt in this time.
SLOWED = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class KnownBrowser:
    """A browser's random id, and the users who have signed in with it."""

    name: str
    users: frozenset[UUID]


@dataclass(frozen=True, slots=True)
class Authenticated:
    """Whose password it was, and the version of their credentials at that time."""

    user_id: UUID
    version: int


def sign_in(
    session: Session,
    passwords: Passwords,
    identifier: str,
    password: str,
    origin: Origin,
    now: datetime,
    *,
    lasts: timedelta,
    browser: KnownBrowser | None = None,
) -> UUID | None:
    """The id of a new session, or None if name and password do not fit. Raises ``TooMany`` as ``authenticate`` does."""
    found = authenticate(session, passwords, identifier, password, origin, now, browser=browser)
    if found is None:
        return None
    known = browser is not None and found.user_id in browser.users
    with unit_of_work(session):
        return sessions.open_session(
            session, found.user_id, found.version, origin, now, lasts, known_device=known
        )


def authenticate(
    session: Session,
    passwords: Passwords,
    identifier: str,
    password: str,
    origin: Origin,
    now: datetime,
    *,
    browser: KnownBrowser | None = None,
) -> Authenticated | None:
    """The user with this email or username and password, or None.

    Raises ``TooMany`` after ten wrong passwords in five minutes, before any hashing: for a ``browser`` that the user
    has signed in with, its own; for others those of their network, and then those of everybody. Runs its own unit of
    work, since no hash is computed inside a transaction.
    """
    typed = rules.sign_in_key(identifier)
    found = session.execute(
        select(User.id, User.password_hash, User.session_version, User.deactivated_at).where(
            or_(User.email == typed, User.username_key == typed)
        )
    ).first()
    # One account has one count, whether its address or its username is typed.
    account = rules.attempts_key(str(found.id) if found else typed)
    known = rules.attempts_key(browser.name) if browser and found and found.id in browser.users else None
    if known:
        _refuse_guessing(session, account, LoginAttempt.browser == known, now)
    else:
        _refuse_strangers(session, account, origin.network, now)
    session.rollback()
    fits = passwords.matches(found.password_hash if found else None, password)
    if found and fits and found.deactivated_at is None:
        return Authenticated(found.id, found.session_version)
    with unit_of_work(session):
        session.add(LoginAttempt(id=new_id(), account=account, network=origin.network, browser=known, at=now))
        if found:
            # Who typed it is not proven to be the user, so no actor is recorded.
            user = str(found.id)
            events.record(session, "wrong_password", merchant_id=PORTAL_ID, at=now, origin=origin, user=user)
    return None


def forget_attempts(session: Session, now: datetime) -> int:
    """Remove wrong passwords older than a day; returns how many."""
    old = delete(LoginAttempt).where(LoginAttempt.at < now - timedelta(days=1)).returning(LoginAttempt.id)
    return len(session.scalars(old).all())


def _refuse_strangers(session: Session, account: str, network: str, now: datetime) -> None:
    """Limit strangers to an account by network and slow them down together, without locking the account."""
    stranger = LoginAttempt.browser.is_(None)
    _refuse_guessing(session, account, (LoginAttempt.network == network) & stranger, now)
    wrong = _wrong(session, account, stranger, now)
    if len(wrong) == MOST_WRONG:
        _refuse_until(wrong[0] + SLOWED, now)


def _refuse_guessing(session: Session, account: str, who: ColumnElement[bool], now: datetime) -> None:
    wrong = _wrong(session, account, who, now)
    if len(wrong) == MOST_WRONG:
        _refuse_until(wrong[-1] + WINDOW, now)


def _wrong(session: Session, account: str, who: ColumnElement[bool], now: datetime) -> list[datetime]:
    """When the last wrong passwords for the account came, ten at most, the latest first."""
    attempts = select(LoginAttempt.at).where(
        LoginAttempt.account == account, LoginAttempt.at > now - WINDOW, who
    )
    return list(session.scalars(attempts.order_by(LoginAttempt.at.desc()).limit(MOST_WRONG)))


def _refuse_until(opens_at: datetime, now: datetime) -> None:
    if now < opens_at:
        wait = int((opens_at - now).total_seconds()) + 1
        raise TooMany(N_("Too many wrong passwords. Wait a few minutes and try again."), wait)
