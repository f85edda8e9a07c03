"""Sign in with a password and, where it is set up, a second factor; or with a passkey alone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from portal.adapters.passwords import Passwords
from portal.core import accounts as rules
from portal.core.roles import PORTAL_ID, Origin
from portal.models import User

from . import events, second_factor, sessions
from .attempts import Attempts, KnownBrowser
from .transaction import unit_of_work


@dataclass(frozen=True, slots=True)
class Authenticated:
    """Whose password it was, and the version of their credentials at that time."""

    user_id: UUID
    version: int


class SecondFactorNeeded(Exception):
    """The password fits, and a code is needed too."""

    def __init__(self, found: Authenticated, *, has_app: bool) -> None:
        super().__init__("a second factor is needed")
        self.found, self.has_app = found, has_app


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
    shop_id: UUID | None = None,
    by_program: bool = False,
) -> UUID | None:
    """The id of a new session, or None if name and password do not fit. It acts for the shop ``shop_id``, or for the
    person's first. A program (``by_program``) has no cookie by which a browser is known.

    Raises ``TooMany`` as ``authenticate`` does, ``SecondFactorNeeded``, and ``InvalidInput`` at ``merchant``.
    """
    args = session, passwords, identifier, password, origin, now
    found = authenticate(*args, browser=browser, by_program=by_program)
    if found is None:
        return None
    ways = second_factor.ways(session, found.user_id)
    if ways.app or ways.passkeys:
        raise SecondFactorNeeded(found, has_app=ways.app)
    return open_for(session, found, origin, now, lasts=lasts, browser=browser, shop_id=shop_id)


def open_for(
    session: Session,
    found: Authenticated,
    origin: Origin,
    now: datetime,
    *,
    lasts: timedelta,
    browser: KnownBrowser | None = None,
    shop_id: UUID | None = None,
    with_code: bool = False,
) -> UUID | None:
    """The id of a new session for who proved who they are (``with_code``: by two factors); None if that is not enough,
    or if their credentials were changed since.
    """
    with unit_of_work(session):
        return _open(session, found, origin, now, lasts, browser, shop_id, with_code=with_code)


def sign_in_with_code(
    session: Session,
    secret_key: str,
    found: Authenticated,
    code: str,
    origin: Origin,
    now: datetime,
    *,
    lasts: timedelta,
    browser: KnownBrowser | None = None,
    shop_id: UUID | None = None,
) -> UUID | None:
    """The id of a new session for whose password was right before; None if it was changed since.

    Raises ``InvalidInput`` at ``otp`` for a wrong code, and ``TooMany`` after ten in five minutes.
    """
    with second_factor.checked(session, secret_key, found.user_id, code, origin, now, browser=browser):
        return _open(session, found, origin, now, lasts, browser, shop_id, with_code=True)


def authenticate(
    session: Session,
    passwords: Passwords,
    identifier: str,
    password: str,
    origin: Origin,
    now: datetime,
    *,
    browser: KnownBrowser | None = None,
    by_program: bool = False,
) -> Authenticated | None:
    """The user with this email or username and password, or None.

    Raises ``TooMany`` after ten wrong passwords in five minutes, before any hashing. Runs its own unit of work, since
    no hash is computed inside a transaction.
    """
    typed = rules.sign_in_key(identifier)
    found = session.execute(
        select(User.id, User.password_hash, User.session_version, User.deactivated_at).where(
            or_(User.email == typed, User.username_key == typed)
        )
    ).first()
    # One account has one count, whether its address or its username is typed.
    account, user_id = (str(found.id), found.id) if found else (typed, None)
    known_network = by_program and sessions.has_signed_in_from(session, user_id, origin.network)
    attempts = Attempts.on(account, user_id, origin, browser, known_network=known_network)
    attempts.refuse_guessing(session, now)
    session.rollback()
    fits = passwords.matches(found.password_hash if found else None, password)
    if found and fits and found.deactivated_at is None:
        return Authenticated(found.id, found.session_version)
    with unit_of_work(session):
        attempts.add(session, now)
        if found:
            # Who typed it is not proven to be the user, so no actor is recorded.
            user = str(found.id)
            events.record(session, "wrong_password", merchant_id=PORTAL_ID, at=now, origin=origin, user=user)
    return None


def _open(
    session: Session,
    found: Authenticated,
    origin: Origin,
    now: datetime,
    lasts: timedelta,
    browser: KnownBrowser | None,
    shop_id: UUID | None,
    *,
    with_code: bool = False,
) -> UUID | None:
    known = browser is not None and found.user_id in browser.users
    return sessions.open_session(
        session,
        found.user_id,
        found.version,
        origin,
        now,
        lasts,
        known_device=known,
        with_code=with_code,
        shop_id=shop_id,
    )
