"""The second factor: an app's codes (TOTP, RFC 6238) or passkeys, and recovery codes for both, each taken once."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from hmac import compare_digest
from uuid import UUID

import pyotp
from sqlalchemy import ColumnElement, delete, exists, func, or_, select, update
from sqlalchemy.orm import Session

from portal.adapters.sealing import seal, unseal
from portal.core.accounts import clean_email
from portal.core.errors import N_, InvalidInput
from portal.core.roles import PORTAL_ID, Actor, Origin
from portal.models import Passkey, RecoveryCode, SecondFactor, User

from . import events
from .attempts import Attempts, KnownBrowser
from .notifications import notify_person
from .transaction import insert_rows, unit_of_work

RECOVERY_CODES = 10
# 16 letters of base 32: 80 bits, which nobody finds by trying, even from the hash.
RECOVERY_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
# Phones' clocks differ: the steps of 30 seconds before and after count too.
STEPS_APART = 1
WRONG = N_("This code is wrong or was used before. Enter the current code of your app, or a recovery code.")


@dataclass(frozen=True, slots=True)
class Ways:
    """What signing in as a person can ask for beside the password; recovery codes stand in for both."""

    app: bool
    passkeys: bool


def in_force(user_id: UUID) -> ColumnElement[bool]:
    """Whether signing in as this user needs more than the password, as a condition of a query."""
    return or_(_app(user_id), _passkeys(user_id))


def is_active(session: Session, user_id: UUID) -> bool:
    """Whether signing in as this user needs more than the password."""
    return bool(session.scalar(select(in_force(user_id))))


def ways(session: Session, user_id: UUID) -> Ways:
    """What this user has set up."""
    return Ways(*map(bool, session.execute(select(_app(user_id), _passkeys(user_id))).one()))


def _app(user_id: UUID) -> ColumnElement[bool]:
    return exists().where(SecondFactor.user_id == user_id, SecondFactor.active_at.is_not(None))


def _passkeys(user_id: UUID) -> ColumnElement[bool]:
    return exists().where(Passkey.user_id == user_id)


def codes_left(session: Session, actor: Actor) -> int | None:
    """How many recovery codes the person has; None without a second factor."""
    if not is_active(session, actor.id):
        return None
    codes = select(func.count()).select_from(RecoveryCode).where(RecoveryCode.user_id == actor.id)
    return session.scalars(codes).one()


def begin(session: Session, secret_key: str, actor: Actor, now: datetime) -> None:
    """Make a new secret for the person's app, unless one is in force; it is not until a code was typed."""
    factor = session.get(SecondFactor, actor.id, with_for_update=True)
    if factor and factor.active_at:
        return
    sealed = seal(secret_key, pyotp.random_base32())
    if factor:
        factor.secret, factor.created_at = sealed, now
        return
    about = {"user_id": actor.id, "secret": sealed, "last_step": 0, "created_at": now, "active_at": None}
    insert_rows(session, SecondFactor, [about])


def find_secret(session: Session, secret_key: str, actor: Actor) -> str | None:
    """The secret that waits for its first code, in base 32, for the person to give to their app."""
    sealed = session.scalar(
        select(SecondFactor.secret).where(SecondFactor.user_id == actor.id, SecondFactor.active_at.is_(None))
    )
    return unseal(secret_key, sealed) if sealed else None


def activate(
    session: Session, secret_key: str, actor: Actor, code: str, origin: Origin, now: datetime
) -> list[str]:
    """Put the app in force with its first code; returns recovery codes, which are not kept, if there were none before.

    Raises ``InvalidInput`` at ``otp``.
    """
    lock(session, actor.id)
    factor = session.get(SecondFactor, actor.id, with_for_update=True)
    step = _step(secret_key, factor, code, now) if factor and factor.active_at is None else None
    if factor is None or step is None:
        raise InvalidInput.at("otp", N_("This is not the current code of your app. Check its clock."))
    factor.active_at, factor.last_step = now, step
    return added(session, actor, "on", origin, now)


def lock(session: Session, user_id: UUID) -> None:
    """Let no two changes of one person's second factor run at once."""
    session.execute(select(User.id).where(User.id == user_id).with_for_update(key_share=True))


def added(session: Session, actor: Actor, change: str, origin: Origin, now: datetime) -> list[str]:
    """What follows a new app or passkey: the event, the email, and recovery codes unless there are some."""
    _tell(session, actor, change, origin, now)
    return [] if codes_left(session, actor) else _new_codes(session, actor.id, now)


def removed(session: Session, actor: Actor, change: str, origin: Origin, now: datetime) -> None:
    """What follows the end of an app or passkey: the event, the email; with the last one the recovery codes end."""
    _tell(session, actor, change, origin, now)
    if not is_active(session, actor.id):
        remove(session, actor.id)


def renew_codes(session: Session, actor: Actor, origin: Origin, now: datetime) -> list[str]:
    """Replace the recovery codes; none without a second factor in force."""
    if not is_active(session, actor.id):
        return []
    _tell(session, actor, "codes", origin, now)
    return _new_codes(session, actor.id, now)


def turn_off(session: Session, actor: Actor, origin: Origin, now: datetime) -> None:
    """End the app's codes. Safe to repeat."""
    lock(session, actor.id)
    gone = delete(SecondFactor).where(SecondFactor.user_id == actor.id).returning(SecondFactor.active_at)
    if session.scalars(gone).first() is not None:
        removed(session, actor, "off", origin, now)


def remove_by_operator(session: Session, email: str, now: datetime) -> None:
    """Turn it off for the person with this address. Raises ``InvalidInput`` if there is none to turn off."""
    user_id = session.scalar(select(User.id).where(User.email == clean_email(email)))
    if user_id is None or not remove(session, user_id):
        raise InvalidInput.at("email", N_("Nobody with this email address has two-factor sign-in."))
    user = str(user_id)
    events.record(session, "second_factor_removed", merchant_id=PORTAL_ID, at=now, user=user)
    notify_person(
        session, "second_factor_changed", user_id, now, change="removed", changed_at=now.isoformat()
    )


def remove(session: Session, user_id: UUID) -> bool:
    """Delete what there is of a second factor, passkeys too; whether one was in force."""
    was_active = is_active(session, user_id)
    for table in (RecoveryCode, Passkey, SecondFactor):
        session.execute(delete(table).where(table.user_id == user_id))
    return was_active


@contextmanager
def checked(
    session: Session,
    secret_key: str,
    user_id: UUID,
    code: str,
    origin: Origin,
    now: datetime,
    *,
    browser: KnownBrowser | None = None,
) -> Iterator[None]:
    """A unit of work that begins with taking the code, which is used up if the block succeeds.

    Raises ``InvalidInput`` at ``otp`` for a wrong or used code, which is counted; ``TooMany`` after ten in five
    minutes, counted apart from passwords, before the code is looked at.
    """
    attempts = Attempts.on(f"code {user_id}", user_id, origin, browser)
    attempts.refuse_guessing(session, now)
    with unit_of_work(session):
        taken = _take(session, secret_key, user_id, code, now)
        if taken:
            yield
    if taken:
        return
    with unit_of_work(session):
        attempts.add(session, now)
        user = str(user_id)
        events.record(session, "wrong_code", merchant_id=PORTAL_ID, at=now, origin=origin, user=user)
    raise InvalidInput.at("otp", WRONG)


def _take(session: Session, secret_key: str, user_id: UUID, code: str, now: datetime) -> bool:
    """Use up a code of the app or a recovery code."""
    typed = "".join(code.split()).replace("-", "").lower()
    factor = session.get(SecondFactor, user_id, with_for_update=True)
    step = _step(secret_key, factor, typed, now) if factor and factor.active_at else None
    if step is not None:
        used = update(SecondFactor).where(SecondFactor.user_id == user_id)
        session.execute(used.values(last_step=step))
        return True
    used_up = delete(RecoveryCode).where(
        RecoveryCode.user_id == user_id, RecoveryCode.code_hash == _hash(typed)
    )
    return session.scalars(used_up.returning(RecoveryCode.code_hash)).first() is not None


def _step(secret_key: str, factor: SecondFactor, code: str, now: datetime) -> int | None:
    """The step whose code this is, if it is near and later than the last that was taken."""
    secret = unseal(secret_key, factor.secret)
    if secret is None or not code.isascii():
        return None
    totp = pyotp.TOTP(secret)
    current = totp.timecode(now)
    near = range(max(factor.last_step + 1, current - STEPS_APART), current + STEPS_APART + 1)
    return next((step for step in near if compare_digest(totp.generate_otp(step), code)), None)


def _new_codes(session: Session, user_id: UUID, now: datetime) -> list[str]:
    codes = ["".join(secrets.choice(RECOVERY_ALPHABET) for _ in range(16)) for _ in range(RECOVERY_CODES)]
    session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user_id))
    rows = [{"user_id": user_id, "code_hash": _hash(code), "created_at": now} for code in codes]
    insert_rows(session, RecoveryCode, rows)
    return ["-".join(code[k : k + 4] for k in range(0, 16, 4)) for code in codes]


def _hash(code: str) -> str:
    return hashlib.sha256(code.encode()).hexdigest()


def _tell(session: Session, actor: Actor, change: str, origin: Origin, now: datetime) -> None:
    """The event and the email: the app is ``on`` or ``off``, new ``codes``, ``passkey_added``, ``passkey_removed``."""
    events.record(
        session,
        "second_factor_changed",
        merchant_id=PORTAL_ID,
        actor_id=actor.id,
        at=now,
        origin=origin,
        change=change,
    )
    notify_person(session, "second_factor_changed", actor.id, now, change=change, changed_at=now.isoformat())
