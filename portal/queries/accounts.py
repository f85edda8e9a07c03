"""The signed-in user and the account page; ended sessions and deactivated users are not found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Select, bindparam, func, select
from sqlalchemy.orm import Session, aliased

from portal.core.roles import Actor, MemberRole, Role
from portal.models import Member, Merchant, User
from portal.models.users import DEFAULT_SHOP


@dataclass(frozen=True, slots=True)
class Shop:
    """What a merchant's customers see of it."""

    name: str
    support_email: str
    currency: str
    currency_fixed: bool
    timezone: str
    csv_separator: str
    second_factor_required: bool
    move_days: int


_any = aliased(Member)
_SHOP_COUNT = select(func.count()).where(_any.user_id == User.id).correlate(User).scalar_subquery()


def select_actor(people: Any, shop: Any, *more: Any) -> Select[Any]:
    """Those ``people`` who can sign in, with what ``actor_of`` needs for ``shop``, and after that ``more`` columns."""
    return (
        select(
            User.id,
            User.role,
            User.name,
            User.email,
            User.username,
            User.language,
            User.session_version,
            func.coalesce(Merchant.currency, ""),
            func.coalesce(Merchant.timezone, "UTC").label("timezone"),
            func.coalesce(Merchant.csv_separator, ","),
            User.email_verified_at.is_not(None).label("email_verified"),
            Merchant.earlier_timezones,
            Member.merchant_id,
            Member.role,
            func.coalesce(Merchant.name, ""),
            _SHOP_COUNT,
            Merchant.second_factor_required_at.is_not(None),
            func.coalesce(Merchant.provider, "simulator"),
            *more,
        )
        .select_from(people)
        .outerjoin(Member, (Member.user_id == User.id) & (Member.merchant_id == shop))
        .outerjoin(Merchant, Merchant.id == Member.merchant_id)
        .where(User.deactivated_at.is_(None))
    )


def actor_of(row: Sequence[Any]) -> Actor:
    """The actor from the first columns of ``select_actor``."""
    (
        user_id,
        role,
        *rest,
        verified,
        earlier_timezones,
        merchant_id,
        member_role,
        shop_name,
        count,
        needs,
        provider,
    ) = row
    return Actor(
        user_id,
        Role(role),
        *rest,
        earlier_timezones=tuple(earlier_timezones or ()),
        email_verified=bool(verified),
        member_of=merchant_id,
        member_role=MemberRole(member_role) if member_role else None,
        shop_name=shop_name,
        shop_count=count,
        shop_needs_second_factor=bool(needs),
        shop_provider=provider,
    )


_ACTOR = select_actor(User, DEFAULT_SHOP).where(
    User.id == bindparam("id"), User.session_version == bindparam("version")
)


def find_actor(session: Session, user_id: UUID, session_version: int) -> Actor | None:
    """The user for whom a link was made, or None once the password changed or the user was deactivated."""
    row = session.execute(_ACTOR, {"id": user_id, "version": session_version}).one_or_none()
    return actor_of(row) if row else None


_MEMBER = select_actor(User, bindparam("shop")).where(User.id == bindparam("id"))


def find_member(session: Session, user_id: UUID, merchant_id: UUID) -> Actor | None:
    """The person acting for this shop; None for one who is no member of it or was deactivated."""
    row = session.execute(_MEMBER, {"id": user_id, "shop": merchant_id}).one_or_none()
    found = actor_of(row) if row else None
    return found if found and found.member_of else None


def session_version(session: Session, user_id: UUID) -> int:
    """The version that a link made now for this user carries."""
    return session.scalars(select(User.session_version).where(User.id == user_id)).one()


@dataclass(frozen=True, slots=True)
class Choices:
    """What a person chose on the account page: the test card that pays, and reminders before the due date."""

    test_card: str
    early_reminders: bool


def get_choices(session: Session, user_id: UUID) -> Choices:
    row = session.execute(
        select(User.test_card, User.early_reminders_stopped_at.is_(None)).where(User.id == user_id)
    ).one()
    return Choices(*row)


def get_shop(session: Session, merchant: Actor) -> Shop:
    columns = (
        Merchant.name,
        Merchant.support_email,
        Merchant.currency,
        Merchant.currency_fixed_at.is_not(None),
        Merchant.timezone,
        func.coalesce(Merchant.csv_separator, ","),
        Merchant.second_factor_required_at.is_not(None),
        Merchant.move_days,
    )
    row = session.execute(select(*columns).where(Merchant.id == merchant.merchant_id)).one()
    return Shop(*row)
