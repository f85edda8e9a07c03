"""Shops and who acts for them."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session, aliased

from portal.core.roles import MemberRole
from portal.models import Member, Merchant, User


def open_shop(
    session: Session,
    owner_id: UUID,
    name: str,
    support_email: str,
    currency: str,
    timezone: str,
    now: datetime,
) -> None:
    """Open the shop of a person who signs up as a merchant: its id is the person's, and the person owns it.

    One that an earlier sign-up left has offered nothing, so everything about it is new.
    """
    shop = session.get(Merchant, owner_id)
    if shop:
        shop.name, shop.support_email, shop.currency, shop.timezone = name, support_email, currency, timezone
    else:
        about = {"name": name, "support_email": support_email, "currency": currency, "timezone": timezone}
        session.add(Merchant(id=owner_id, user_id=owner_id, created_at=now, **about))
    session.flush()
    session.add(Member(merchant_id=owner_id, user_id=owner_id, role=MemberRole.OWNER, created_at=now))


def shops_left_without_owner(session: Session, user_id: UUID) -> list[UUID]:
    """The shops that this person owns and nobody else who can sign in."""
    other = aliased(Member)
    others = (
        select(other.user_id)
        .join(User, User.id == other.user_id)
        .where(
            other.merchant_id == Member.merchant_id,
            other.role == MemberRole.OWNER,
            other.user_id != user_id,
            User.deactivated_at.is_(None),
        )
        .exists()
    )
    owned = Member.user_id == user_id, Member.role == MemberRole.OWNER, ~others
    return list(session.scalars(select(Member.merchant_id).where(*owned).order_by(Member.merchant_id)))
