"""Changing one's address: the new one is verified, the old one gets an email and can undo it for seven days."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from portal.core.accounts import clean_email
from portal.core.emails import SEND_TO
from portal.core.errors import N_, Conflict, InvalidInput, NotFound, TooMany
from portal.core.links import BETWEEN, Purpose
from portal.core.roles import PORTAL_ID, Actor
from portal.core.text import fold
from portal.models import User, UserToken

from . import accounts, closing, events, verification


def request_change(
    session: Session, person: Actor, email: str, session_id: UUID, now: datetime, *, verify: bool
) -> None:
    """Send a link to the new address, or change it at once where addresses are not verified (``verify``).

    The caller has checked the password. Raises ``Forbidden`` while the present address is not verified, or offers to it
    could be read at another; ``InvalidInput`` at ``email``, ``TooMany``, and without ``verify`` ``Conflict`` for an
    address that is known here.
    """
    verification.require_verified(person)
    email = clean_email(email)
    if email == person.email:
        raise InvalidInput.at("email", N_("This is your address already."))
    if not verify:
        user = accounts.lock_user(session, person.id)
        _change(session, user, email, None, now, actor_id=person.id, keep=session_id)
        return
    link_id = verification.make_link(session, Purpose.CHANGE_EMAIL, person.id, email, now)
    if link_id is None:
        raise TooMany(N_("Wait a minute and try again."), int(BETWEEN.total_seconds()))
    verification.queue_link(session, "change_email", link_id, person.id, now, {SEND_TO: email})


def confirm_change(
    session: Session, person: Actor, link_id: UUID | None, session_id: UUID, now: datetime
) -> None:
    """Change the address to the one whose link the person opened. Raises ``NotFound``, ``Conflict``."""
    link = find_change(session, person, link_id, now)
    link.used_at = now
    user = accounts.lock_user(session, person.id)
    _change(session, user, link.email, now, now, actor_id=person.id, keep=session_id)


def find_change(
    session: Session, person: Actor, link_id: UUID | None, now: datetime, *, lock: bool = True
) -> UserToken:
    """The person's own link. Raises ``NotFound`` for another's, ``Conflict`` for one that is spent."""
    link = verification.find_link(session, Purpose.CHANGE_EMAIL, link_id, now, lock=lock)
    if link.user_id != person.id:
        raise NotFound()
    return link


def change_by_operator(session: Session, old: str, new: str, now: datetime, *, verify: bool) -> None:
    """Change the address of somebody whose mailbox is lost; the new one has to be verified. Raises ``InvalidInput``."""
    old, new = clean_email(old), clean_email(new)
    user_id = session.scalars(
        select(User.id).where(User.email == old, User.password_hash.is_not(None))
    ).first()
    if user_id is None:
        raise InvalidInput.at("email", N_("Nobody can sign in with this email address."))
    try:
        _change(session, accounts.lock_user(session, user_id), new, None, now, actor_id=None)
    except Conflict as taken:
        raise InvalidInput.at("email", taken.message) from None
    if verify:
        verification.send(session, user_id, new, now)


def undo(session: Session, link_id: UUID | None, now: datetime) -> tuple[UUID, int]:
    """Take an account back to the address that its link was sent to, and end all access.

    Returns whose it is and the version for a link that sets a new password, as whoever changed the address knew the
    old one. Raises ``NotFound`` and ``Conflict``.
    """
    link = verification.find_link(session, Purpose.UNDO_EMAIL, link_id, now)
    user = accounts.lock_user(session, link.user_id)
    if user.deactivated_at:
        raise verification.spent()
    link.used_at = now
    # Whom the address went to later cannot take it back from here.
    later = UserToken.purpose == Purpose.UNDO_EMAIL, UserToken.created_at >= link.created_at
    session.execute(delete(UserToken).where(UserToken.user_id == user.id, UserToken.id != link.id, *later))
    before = user.email
    # The account of somebody who was invited to the address, or signed up with it, and proved nothing.
    closing.give_way(session, link.email, now)
    _set(session, user, link.email, now)
    accounts.end_access(session, user)
    _record(session, user, before, None, now)
    return user.id, user.session_version


def _change(
    session: Session,
    user: User,
    email: str,
    verified_at: datetime | None,
    now: datetime,
    *,
    actor_id: UUID | None,
    keep: UUID | None = None,
) -> None:
    """Set the address, end all other access, and send the old address a link that undoes it."""
    before = user.email
    _set(session, user, email, verified_at)
    accounts.end_access(session, user, keep)
    _record(session, user, before, actor_id, now)
    link_id = verification.add_link(session, Purpose.UNDO_EMAIL, user.id, before, now)
    facts = {SEND_TO: before, "new_email": email}
    verification.queue_link(session, "email_changed", link_id, user.id, now, facts)


def _set(session: Session, user: User, email: str, verified_at: datetime | None) -> None:
    """Raises ``Conflict`` for an address that somebody has here, or to which an offer was sent."""
    if user.username_key == fold(user.email):
        user.username, user.username_key = email, fold(email)
    user.email, user.email_verified_at = email, verified_at
    try:
        session.flush()
    except IntegrityError as error:
        message = N_(
            "There is an account with this address, or an offer was sent to it. Use another address."
        )
        raise Conflict(message, code="address_taken") from error


def _record(session: Session, user: User, before: str, actor_id: UUID | None, now: datetime) -> None:
    events.record(
        session,
        "email_changed",
        merchant_id=PORTAL_ID,
        actor_id=actor_id,
        at=now,
        user=str(user.id),
        before=before,
        after=user.email,
    )
