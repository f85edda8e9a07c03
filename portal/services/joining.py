"""Joining a shop with the link of its invitation, with and without an account; the link proves the address."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.core.errors import N_, Conflict, NotFound
from portal.core.roles import PORTAL_ID, Role
from portal.models import MemberInvitation, User

from . import accounts, events, invitations, shops, team, verification


def find(session: Session, link_id: UUID | None, now: datetime) -> tuple[MemberInvitation, User]:
    """The invitation whose link still works, and its user. Raises ``NotFound`` for a cut link, ``Conflict`` for one
    that was used, withdrawn or replaced, or has expired.
    """
    if link_id is None:
        raise NotFound()
    row = session.execute(
        select(MemberInvitation, User)
        .join(User, User.id == MemberInvitation.user_id)
        .where(MemberInvitation.link_id == link_id, MemberInvitation.ended_at.is_(None))
        .execution_options(populate_existing=True)
    ).one_or_none()
    if row is None or row.User.email != row.MemberInvitation.email or row.User.deactivated_at:
        raise verification.spent()
    if now >= row.MemberInvitation.expires_at:
        raise Conflict(N_("This link has expired. Ask for a new one."), code="link_expired")
    return row.MemberInvitation, row.User


def has_to_claim(session: Session, user: User, *, verify: bool) -> bool:
    """Whether nobody has an account with the address yet, as far as the address was proved where that counts."""
    return not accounts.is_taken(session, user, verify)


def join(session: Session, link_id: UUID | None, user_id: UUID, now: datetime, *, verify: bool) -> UUID:
    """Make the signed-in person a member; returns the shop's id. Raises as ``find`` does, ``NotFound`` for another's
    link, and ``Conflict`` for an admin, a customer of the shop, and a suspended shop.
    """
    invitation, user = _lock(session, link_id, now)
    if user.id != user_id:
        raise NotFound()
    if user.role == Role.ADMIN:
        raise Conflict(N_("An admin's account cannot join a shop. Ask the shop to invite another address."))
    _end(session, invitation, user, now, verify=verify)
    return invitation.merchant_id


def claim(
    session: Session,
    link_id: UUID | None,
    name: str,
    password_hash: str,
    language: str,
    now: datetime,
    *,
    verify: bool,
) -> tuple[UUID, int, UUID]:
    """Open the account of who was invited, with a checked name and a password, and make them a member.

    Returns the person's id, the version with which a session is opened, and the shop's id. Raises as ``find`` does,
    and ``Conflict`` once the address has an account.
    """
    invitation, user = _lock(session, link_id, now)
    if not has_to_claim(session, user, verify=verify):
        raise verification.spent()
    invitations.take_over(session, user, name, password_hash, language)
    user.role = Role.MERCHANT
    events.record(session, "account_opened", merchant_id=PORTAL_ID, actor_id=user.id, at=now, role=user.role)
    _end(session, invitation, user, now, verify=verify)
    return user.id, user.session_version, invitation.merchant_id


def _lock(session: Session, link_id: UUID | None, now: datetime) -> tuple[MemberInvitation, User]:
    """The shop's row is locked first, as by all that changes a team; then the invitation is read again."""
    invitation, user = find(session, link_id, now)
    shops.lock(session, invitation.merchant_id)
    accounts.lock_user(session, user.id)
    return find(session, link_id, now)


def _end(session: Session, invitation: MemberInvitation, user: User, now: datetime, *, verify: bool) -> None:
    shop = shops.lock(session, invitation.merchant_id)
    if shop.suspended_at:
        raise Conflict(N_("This shop is suspended, so nobody can join it."), code="shop_suspended")
    team.add(session, shop, user.id, user.email, invitation.role, now)
    invitation.ended_at = now
    if verify and user.email_verified_at is None:
        verification.verify(session, user, now)
