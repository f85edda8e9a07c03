"""Addresses are verified by a link that is sent to them, and by the password of who signed up."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4, uuid5

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from portal.core.errors import N_, Conflict, Forbidden, NotFound
from portal.core.links import BETWEEN, LAST, MOST_AN_HOUR, Purpose
from portal.core.roles import PORTAL_ID, Actor, Role
from portal.core.text import fold
from portal.models import Member, User, UserToken

from . import accounts, events, outbox
from .transaction import insert_rows

KEPT = timedelta(days=30)


def require_verified(person: Actor) -> None:
    """Raise ``Forbidden`` if this portal verifies addresses and the person's is not verified yet."""
    if person.must_verify:
        raise Forbidden(
            N_("Verify your email address first: open the link in the email that we have sent you."),
            code="email_unverified",
        )


def request_account(session: Session, new: accounts.NewAccount, password_hash: str, now: datetime) -> None:
    """Open the checked account and send a link that confirms it. Nothing says whether the address is known: to a user
    who has it already goes an email that says so.
    """
    user = accounts.find_or_invite(session, new.email, new.language, now)
    if user.deactivated_at:
        return
    if accounts.is_taken(session, user, verify=True):
        # The same hour has the same cause, of which the outbox takes one email only.
        cause = uuid5(user.id, f"{now:%Y-%m-%d %H}")
        outbox.queue(session, "account_exists", merchant_id=PORTAL_ID, cause=cause, user_id=user.id, at=now)
        return
    accounts.sign_up(session, new, password_hash, now, verify=True)
    send(session, user.id, user.email, now)


def send(session: Session, user_id: UUID, email: str, now: datetime) -> None:
    """Queue an email with a link that verifies the user's address, unless many were sent lately."""
    link_id = make_link(session, Purpose.VERIFY_EMAIL, user_id, email, now)
    if link_id:
        queue_link(session, "verify_email", link_id, user_id, now)


def send_again(session: Session, person: Actor, now: datetime) -> None:
    """Send the link again to a person whose address is not verified."""
    if not person.email_verified:
        send(session, person.id, person.email, now)


def make_link(session: Session, purpose: Purpose, user_id: UUID, email: str, now: datetime) -> UUID | None:
    """A new link's id, or None if too many were made for the user in the last hour, or one in the last minute."""
    recent = (
        select(UserToken.created_at)
        .where(
            UserToken.user_id == user_id,
            UserToken.purpose == purpose,
            UserToken.created_at > now - timedelta(hours=1),
        )
        .order_by(UserToken.created_at.desc())
    )
    made = session.scalars(recent).all()
    if len(made) >= MOST_AN_HOUR or (made and now - made[0] < BETWEEN):
        return None
    return add_link(session, purpose, user_id, email, now)


def add_link(session: Session, purpose: Purpose, user_id: UUID, email: str, now: datetime) -> UUID:
    """A new link's id, however many there are."""
    link_id = uuid4()
    link = {"id": link_id, "user_id": user_id, "purpose": purpose, "email": email}
    insert_rows(session, UserToken, [link | {"created_at": now, "expires_at": now + LAST[purpose]}])
    return link_id


def queue_link(
    session: Session,
    kind: str,
    link_id: UUID,
    user_id: UUID,
    now: datetime,
    facts: dict[str, str] | None = None,
) -> None:
    """Queue the email that holds the link; only its id is stored, and the link is signed when the email is written."""
    all_facts: dict[str, Any] = {"link": str(link_id)} | (facts or {})
    outbox.queue(session, kind, merchant_id=PORTAL_ID, cause=link_id, user_id=user_id, at=now, **all_facts)


def find_link(
    session: Session, purpose: Purpose, link_id: UUID | None, now: datetime, *, lock: bool = True
) -> UserToken:
    """A link that still works. Raises ``NotFound``, and ``Conflict`` once it is used, replaced or expired."""
    query = select(UserToken).where(UserToken.id == link_id, UserToken.purpose == purpose)
    link = session.scalars(query.with_for_update() if lock else query).one_or_none()
    if link is None:
        raise NotFound()
    if link.used_at:
        raise spent()
    if now >= link.expires_at:
        raise Conflict(N_("This link has expired. Ask for a new one."), code="link_expired")
    return link


def find_verification(
    session: Session, link_id: UUID | None, now: datetime, *, lock: bool = True
) -> tuple[UserToken, User]:
    """The link, and its user, who has not verified this address yet. Raises as ``find_link`` does."""
    link = find_link(session, Purpose.VERIFY_EMAIL, link_id, now, lock=lock)
    user = accounts.lock_user(session, link.user_id) if lock else session.get_one(User, link.user_id)
    waits = user.password_hash and user.email_verified_at is None and user.email == link.email
    if not waits or user.deactivated_at:
        raise spent()
    return link, user


def confirm(session: Session, link_id: UUID | None, user_id: UUID, now: datetime) -> None:
    """Verify the address of this user, who has given the password. Raises as ``find_link`` does."""
    link, user = find_verification(session, link_id, now)
    if user.id != user_id:
        raise NotFound()
    link.used_at = now
    verify(session, user, now)


def verify(session: Session, user: User, now: datetime) -> None:
    """Note that the locked user's address is theirs."""
    user.email_verified_at = now
    events.record(session, "email_verified", merchant_id=PORTAL_ID, actor_id=user.id, at=now)


def reject(session: Session, link_id: UUID | None, now: datetime) -> None:
    """Remove the account that somebody else opened with this address; it waits to be claimed as if it was invited.

    Raises ``Conflict`` for an account that has sold or bought, and otherwise as ``find_link`` does.
    """
    link, user = find_verification(session, link_id, now)
    if not accounts.is_unproved(session, user):
        raise Conflict(
            N_("This account is in use and cannot be removed. Set a new password to take it over.")
        )
    link.used_at = now
    user.password_hash = None
    user.username, user.username_key, user.name = user.email, fold(user.email), user.email
    user.role = Role.CUSTOMER
    accounts.end_unproved(session, user)
    session.execute(delete(Member).where(Member.user_id == user.id))
    events.record(session, "account_rejected", merchant_id=PORTAL_ID, at=now, user=str(user.id))


def forget_expired(session: Session, now: datetime) -> None:
    """Remove the links that expired a month ago; until then they can still be told from what was never a link."""
    session.execute(delete(UserToken).where(UserToken.expires_at <= now - KEPT))


def spent() -> Conflict:
    return Conflict(N_("This link has been used or replaced. Ask for a new one."), code="link_spent")
