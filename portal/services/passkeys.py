"""Passkeys: added, renamed, removed, and used to sign in or to confirm who one is."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from portal.adapters import passkeys as authenticators
from portal.core.errors import N_, InvalidInput, NotFound
from portal.core.passkeys import CHALLENGES_LAST, MOST, NAME_LONGEST, Answer, Site
from portal.core.roles import Actor, Origin
from portal.core.text import clean_line
from portal.models import Passkey, UsedChallenge, User, new_id

from . import second_factor
from .transaction import insert_once, unit_of_work

REFUSED = N_("This passkey was not accepted. Nothing was changed. Try again.")
NOT_ADDED = N_("The new passkey could not be checked. Nothing was stored. Try again.")


@dataclass(frozen=True, slots=True)
class Used:
    """The passkey that was used, whose it is, and the version of their credentials at that time."""

    passkey_id: UUID
    user_id: UUID
    version: int


def add(
    session: Session, site: Site, actor: Actor, name: str, answer: Answer, origin: Origin, now: datetime
) -> list[str]:
    """Keep the passkey that the person's device has made; returns recovery codes if there were none before.

    Runs its own units of work. Raises ``InvalidInput``.
    """
    name = clean_line(name or origin.browser or "Passkey", "name", longest=NAME_LONGEST)
    _spend(session, answer, now)
    made = authenticators.read_new(site, answer)
    if made is None:
        raise _refusal(NOT_ADDED)
    with unit_of_work(session):
        second_factor.lock(session, actor.id)
        if _count(session, actor.id) >= MOST:
            raise InvalidInput.at("name", N_("You have %(most)s passkeys. Remove one first."), most=MOST)
        row = {
            "id": new_id(),
            "user_id": actor.id,
            "credential_id": made.credential_id,
            "public_key": made.public_key,
            "sign_count": made.sign_count,
            "name": name,
            "created_at": now,
            "last_used_at": None,
        }
        if not insert_once(session, Passkey, [row]):
            raise _refusal(N_("This passkey is known already. Use it, or add another."))
        return second_factor.added(session, actor, "passkey_added", origin, now)


def rename(session: Session, actor: Actor, passkey_id: UUID, name: str) -> None:
    """Give one's own passkey another name. Raises ``InvalidInput`` and ``NotFound``."""
    name = clean_line(name, "name", longest=NAME_LONGEST)
    own = update(Passkey).where(Passkey.id == passkey_id, Passkey.user_id == actor.id)
    if session.scalars(own.values(name=name).returning(Passkey.id)).first() is None:
        raise NotFound()


def remove(session: Session, actor: Actor, passkey_id: UUID, origin: Origin, now: datetime) -> None:
    """Forget one's own passkey; the recovery codes go with the last second factor. Raises ``NotFound``."""
    second_factor.lock(session, actor.id)
    own = delete(Passkey).where(Passkey.id == passkey_id, Passkey.user_id == actor.id)
    if session.scalars(own.returning(Passkey.id)).first() is None:
        raise NotFound()
    second_factor.removed(session, actor, "passkey_removed", origin, now)


def check(
    session: Session, site: Site, answer: Answer, now: datetime, *, user_id: UUID | None = None
) -> Used:
    """Whose passkey has signed the challenge: this user's, or anybody's where None is named.

    Uses up the challenge in a unit of work of its own, whatever the answer is worth, and counts the signature in
    another. Raises ``InvalidInput`` at ``credential``.
    """
    _spend(session, answer, now)
    ids = authenticators.find_ids(answer)
    found = (
        ids
        and session.execute(
            select(Passkey.id, Passkey.user_id, Passkey.public_key, Passkey.sign_count, User.session_version)
            .join(User, User.id == Passkey.user_id)
            .where(Passkey.credential_id == ids[0], User.deactivated_at.is_(None))
        ).first()
    )
    session.rollback()
    if not ids or not found or found.user_id != (user_id or found.user_id):
        raise _refusal()
    if ids[1] is not None and ids[1] != found.user_id.bytes:
        raise _refusal()
    count = authenticators.check(site, answer, found.public_key, found.sign_count)
    if count is None:
        raise _refusal()
    with unit_of_work(session):
        # Another answer may have been counted meanwhile.
        unchanged = Passkey.id == found.id, Passkey.sign_count == found.sign_count
        used = update(Passkey).where(*unchanged).values(sign_count=count, last_used_at=now)
        if session.scalars(used.returning(Passkey.id)).first() is None:
            raise _refusal()
    return Used(found.id, found.user_id, found.session_version)


def forget_challenges(session: Session, now: datetime) -> None:
    """Remove the answered challenges that have expired since."""
    over = UsedChallenge.used_at < now - 2 * CHALLENGES_LAST
    session.execute(delete(UsedChallenge).where(over))


def _spend(session: Session, answer: Answer, now: datetime) -> None:
    """Use up the challenge. Raises ``InvalidInput`` if it was used before."""
    row = {"challenge_hash": hashlib.sha256(answer.challenge).hexdigest(), "used_at": now}
    with unit_of_work(session):
        new = insert_once(session, UsedChallenge, [row])
    if not new:
        raise _refusal()


def _count(session: Session, user_id: UUID) -> int:
    return session.scalars(select(func.count()).where(Passkey.user_id == user_id)).one()


def _refusal(message: str = REFUSED) -> InvalidInput:
    return InvalidInput.at("credential", message)
