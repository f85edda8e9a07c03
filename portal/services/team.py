"""A shop's team: people are invited by a link sent to their address, join, change roles, and are removed."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from portal.core.accounts import clean_email
from portal.core.errors import N_, Conflict, InvalidInput, NotFound, TooMany, collecting
from portal.core.links import BETWEEN, LAST, Purpose
from portal.core.roles import Actor, MemberRole
from portal.core.states import PlanState
from portal.models import Member, MemberInvitation, Merchant, Plan, User

from . import accounts, events, outbox, sessions, shops, verification

# Invitations of one shop that wait for an answer.
MOST_WAITING = 20


def check_role(role: str) -> MemberRole:
    """Raises ``InvalidInput`` at ``role``."""
    if role not in list(MemberRole):
        raise InvalidInput.at("role", N_("Choose a role from the list."))
    return MemberRole(role)


def invite(session: Session, owner: Actor, email: str, role: str, now: datetime) -> None:
    """Send somebody a link with which they join the shop in this role; whoever has the address is answered alike.

    Raises ``InvalidInput``, ``Forbidden`` while the own address is not verified, ``Conflict`` and ``TooMany``.
    """
    verification.require_verified(owner)
    with collecting() as faults:
        with faults.caught():
            email = clean_email(email)
        with faults.caught():
            role = check_role(role)
    shop = _lock(session, owner)
    user = accounts.find_or_invite(session, email, owner.language, now)
    if session.get(Member, (shop.id, user.id)):
        raise InvalidInput.at("email", N_("This person is in your team already."))
    if is_customer(session, shop.id, user.id):
        raise InvalidInput.at(
            "email", N_("This is a customer of your shop. A member cannot be a customer of the same shop.")
        )
    invitation = session.get(MemberInvitation, (shop.id, user.id))
    if invitation is None:
        invitation = MemberInvitation(merchant_id=shop.id, user_id=user.id)
        session.add(invitation)
    elif now - invitation.sent_at < BETWEEN:
        raise TooMany(N_("Wait a minute and try again."), int(BETWEEN.total_seconds()))
    invitation.email, invitation.role = email, role
    _send(session, owner, shop, invitation, now)


def send_again(session: Session, owner: Actor, user_id: UUID, now: datetime) -> None:
    """Send a waiting invitation again, with a new link; the one before stops working.

    Raises ``NotFound``, ``Conflict`` and ``TooMany``.
    """
    shop = _lock(session, owner)
    invitation = _waiting(session, shop.id, user_id)
    if now - invitation.sent_at < BETWEEN:
        raise TooMany(N_("Wait a minute and try again."), int(BETWEEN.total_seconds()))
    _send(session, owner, shop, invitation, now)


def withdraw(session: Session, owner: Actor, user_id: UUID, now: datetime) -> None:
    """End a waiting invitation, and its link with it. Raises ``NotFound``."""
    shop = shops.lock(session, owner.merchant_id)
    invitation = _waiting(session, shop.id, user_id)
    invitation.ended_at = now
    facts: dict[str, Any] = {"email": invitation.email, "role": invitation.role, "joined": False}
    events.record(
        session, "member_removed", merchant_id=shop.id, actor_id=owner.id, at=now, user=str(user_id), **facts
    )


def change_role(session: Session, owner: Actor, user_id: UUID, role: str, now: datetime) -> None:
    """Give a member another role, which counts from their next request on. Safe to repeat.

    Raises ``InvalidInput``, ``NotFound``, and ``Conflict`` for the last owner.
    """
    shop, member = _lock_member(session, owner, user_id)
    role = check_role(role)
    if member.role == role:
        return
    if member.role == MemberRole.OWNER:
        _require_another_owner(session, shop.id, user_id)
    facts: dict[str, Any] = {
        "before": member.role,
        "after": role,
        "email": accounts.email_of(session, user_id),
    }
    member.role = role
    session.flush()
    _record_change(session, shop.id, user_id, owner.id, now, facts)
    _notify(session, "member_changed", shop.id, user_id, now, role=role)


def remove(session: Session, owner: Actor, user_id: UUID, now: datetime) -> None:
    """End a membership, and with it the person's sessions and tokens that act for the shop.

    Raises ``NotFound``, and ``Conflict`` for the last owner.
    """
    shop, member = _lock_member(session, owner, user_id)
    if member.role == MemberRole.OWNER:
        _require_another_owner(session, shop.id, user_id)
    facts: dict[str, Any] = {
        "email": accounts.email_of(session, user_id),
        "role": member.role,
        "joined": True,
    }
    session.delete(member)
    session.flush()
    sessions.end_for_shop(session, user_id, shop.id)
    events.record(
        session, "member_removed", merchant_id=shop.id, actor_id=owner.id, at=now, user=str(user_id), **facts
    )
    _notify(session, "member_removed", shop.id, user_id, now)


def add(session: Session, shop: Merchant, user_id: UUID, email: str, role: str, now: datetime) -> None:
    """Make somebody a member of a locked shop; who is one already gets the role. Raises ``Conflict`` for a customer."""
    if is_customer(session, shop.id, user_id):
        raise Conflict(
            N_("You are a customer of this shop, so you cannot join its team."), code="own_customer"
        )
    member = session.get(Member, (shop.id, user_id))
    if member is not None:
        raise Conflict(N_("You are in the team of this shop already."))
    session.add(Member(merchant_id=shop.id, user_id=user_id, role=role, created_at=now))
    session.flush()
    _record_change(session, shop.id, user_id, user_id, now, {"before": None, "after": role, "email": email})


def is_customer(session: Session, shop_id: UUID, user_id: UUID) -> bool:
    """Whether the person has accepted an offer of the shop, or has one to answer."""
    theirs = select(Plan.id).where(
        Plan.merchant_id == shop_id,
        Plan.customer_id == user_id,
        or_(Plan.state == PlanState.OFFERED, Plan.acceptance_id.is_not(None)),
    )
    return session.scalars(theirs.limit(1)).first() is not None


def _lock(session: Session, owner: Actor) -> Merchant:
    """The shop. Raises ``Conflict`` for a suspended one."""
    shop = shops.lock(session, owner.merchant_id)
    if shop.suspended_at:
        raise Conflict(
            N_("Your shop is suspended, so it cannot invite anybody. Contact support."), code="shop_suspended"
        )
    return shop


def _lock_member(session: Session, owner: Actor, user_id: UUID) -> tuple[Merchant, Member]:
    shop = shops.lock(session, owner.merchant_id)
    member = session.get(Member, (shop.id, user_id), populate_existing=True)
    if member is None:
        raise NotFound()
    return shop, member


def _require_another_owner(session: Session, shop_id: UUID, user_id: UUID) -> None:
    """Raise ``Conflict`` unless the shop has another owner, who can sign in."""
    others = select(Member.user_id).join(User, User.id == Member.user_id).where(User.deactivated_at.is_(None))
    owners = Member.merchant_id == shop_id, Member.role == MemberRole.OWNER, Member.user_id != user_id
    if session.scalars(others.where(*owners).limit(1)).first() is None:
        raise Conflict(N_("A shop needs an owner. Make somebody else an owner first."), code="last_owner")


def _waiting(session: Session, shop_id: UUID, user_id: UUID) -> MemberInvitation:
    invitation = session.get(MemberInvitation, (shop_id, user_id), populate_existing=True)
    if invitation is None or invitation.ended_at:
        raise NotFound()
    return invitation


def _send(
    session: Session, owner: Actor, shop: Merchant, invitation: MemberInvitation, now: datetime
) -> None:
    """Queue the email with a new link. Raises ``Conflict`` for too many that wait."""
    waiting = (
        MemberInvitation.merchant_id == shop.id,
        MemberInvitation.user_id != invitation.user_id,
        MemberInvitation.ended_at.is_(None),
    )
    with session.no_autoflush:
        others = session.scalars(select(func.count()).select_from(MemberInvitation).where(*waiting)).one()
    if others >= MOST_WAITING:
        raise Conflict(
            N_("%(count)s invitations wait for an answer. Withdraw one that is not needed any more."),
            count=MOST_WAITING,
        )
    invitation.link_id, invitation.invited_by = uuid4(), owner.id
    invitation.sent_at, invitation.expires_at = now, now + LAST[Purpose.JOIN_SHOP]
    invitation.ended_at = None
    session.flush()
    facts: dict[str, Any] = {"email": invitation.email, "role": invitation.role}
    user = str(invitation.user_id)
    events.record(
        session, "member_invited", merchant_id=shop.id, actor_id=owner.id, at=now, user=user, **facts
    )
    outbox.queue(
        session,
        "member_invited",
        merchant_id=shop.id,
        cause=invitation.link_id,
        user_id=invitation.user_id,
        at=now,
        link=str(invitation.link_id),
        inviter=owner.name,
        role=invitation.role,
    )


def _record_change(
    session: Session, shop_id: UUID, user_id: UUID, actor_id: UUID, now: datetime, facts: dict[str, Any]
) -> None:
    events.record(
        session, "member_changed", merchant_id=shop_id, actor_id=actor_id, at=now, user=str(user_id), **facts
    )


def _notify(session: Session, kind: str, shop_id: UUID, user_id: UUID, now: datetime, **facts: Any) -> None:
    outbox.queue(session, kind, merchant_id=shop_id, cause=uuid4(), user_id=user_id, at=now, **facts)
