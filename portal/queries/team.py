"""Who acts for a shop, and who is invited to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.core.roles import Actor, MemberRole
from portal.models import Member, MemberInvitation, Merchant, User


@dataclass(frozen=True, slots=True)
class MemberView:
    user_id: UUID
    name: str
    email: str
    role: MemberRole
    since: datetime
    deactivated: bool


@dataclass(frozen=True, slots=True)
class InvitationView:
    """Somebody who was invited and has not joined; the link works until ``expires_at``."""

    user_id: UUID
    email: str
    role: MemberRole
    sent_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class JoinView:
    """What the page of an invitation's link shows."""

    shop: str
    inviter: str
    suspended: bool


@dataclass(frozen=True, slots=True)
class Membership:
    """A shop that a person acts for."""

    id: UUID
    name: str
    role: MemberRole


def list_members(session: Session, shop_id: UUID) -> list[MemberView]:
    """The shop's members, in the order in which they joined."""
    rows = session.execute(
        select(User.id, User.name, User.email, Member.role, Member.created_at, User.deactivated_at)
        .join(User, User.id == Member.user_id)
        .where(Member.merchant_id == shop_id)
        .order_by(Member.created_at, Member.user_id)
    )
    return [
        MemberView(user_id, name, email, MemberRole(role), since, ended is not None)
        for user_id, name, email, role, since, ended in rows
    ]


def list_invitations(session: Session, actor: Actor) -> list[InvitationView]:
    """Those that wait for an answer, expired ones too, the latest first."""
    rows = session.execute(
        select(
            MemberInvitation.user_id,
            MemberInvitation.email,
            MemberInvitation.role,
            MemberInvitation.sent_at,
            MemberInvitation.expires_at,
        )
        .where(MemberInvitation.merchant_id == actor.merchant_id, MemberInvitation.ended_at.is_(None))
        .order_by(MemberInvitation.sent_at.desc(), MemberInvitation.user_id)
    )
    return [InvitationView(row[0], row[1], MemberRole(row[2]), *row[3:]) for row in rows]


def get_invitation(session: Session, shop_id: UUID, inviter_id: UUID) -> JoinView:
    name, suspended_at = session.execute(
        select(Merchant.name, Merchant.suspended_at).where(Merchant.id == shop_id)
    ).one()
    inviter = session.scalars(select(User.name).where(User.id == inviter_id)).one()
    return JoinView(name, inviter, suspended_at is not None)


def shops_of(session: Session, user_id: UUID) -> list[Membership]:
    """The shops that a person acts for: those owned first, then the oldest membership."""
    rows = session.execute(
        select(Merchant.id, Merchant.name, Member.role)
        .join(Member, Member.merchant_id == Merchant.id)
        .where(Member.user_id == user_id)
        .order_by(Member.role != MemberRole.OWNER, Member.created_at, Merchant.id)
    )
    return [Membership(shop_id, name, MemberRole(role)) for shop_id, name, role in rows]
