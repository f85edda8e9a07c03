"""People and shops: users, their sessions, links and merchants, and the sign-ins that were tried."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, String, UniqueConstraint, case, select
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base, new_id


class User(Base):
    """A person. Without ``password_hash`` it waits to be claimed by signing up with its address."""

    __tablename__ = "users"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    email: Mapped[str] = mapped_column(String(254), unique=True)
    # When a link that was sent to the address was last used to prove it.
    email_verified_at: Mapped[datetime | None]
    username: Mapped[str] = mapped_column(String(254))
    # As it is compared: folded by Python, since SQLite folds ASCII alone.
    username_key: Mapped[str] = mapped_column(String(254))
    name: Mapped[str] = mapped_column(String(120))
    password_hash: Mapped[str | None] = mapped_column(String(200))
    role: Mapped[str] = mapped_column(String(10))
    session_version: Mapped[int] = mapped_column(default=1)
    language: Mapped[str] = mapped_column(String(8), default="en")
    language_chosen_at: Mapped[datetime | None]
    test_card: Mapped[str] = mapped_column(String(24), default="succeeds")
    calendar_key: Mapped[uuid.UUID | None]
    early_reminders_stopped_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    deactivated_at: Mapped[datetime | None]
    # When the person closed the account for good: what named them is gone from the row.
    closed_at: Mapped[datetime | None]

    __table_args__ = (
        CheckConstraint("email = lower(email)", name="email_lower"),
        CheckConstraint(
            "closed_at IS NULL OR (password_hash IS NULL AND deactivated_at IS NOT NULL)", name="closed_at"
        ),
        CheckConstraint("role IN ('merchant', 'customer', 'admin')", name="role"),
        Index("uq_users_username_key", "username_key", unique=True),
        Index("ix_users_role", "role", "id"),
    )


class UserSession(Base):
    """A person signed in on a browser or in a program. Ending it deletes the row, which invalidates its tokens.

    ``id`` is random, since the cookie and the tokens hold it; ``browser`` is in words; ``merchant_id`` is the shop that
    the person acts for in it. At ``confirmed_at`` the person last proved who they are: by signing in, or when they were
    asked again.
    """

    __tablename__ = "sessions"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id"))
    browser: Mapped[str] = mapped_column(String(80))
    network: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    merchant_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("merchants.id"))
    confirmed_at: Mapped[datetime | None]

    __table_args__ = (
        CheckConstraint("ends_at > created_at", name="ends_at"),
        Index("ix_sessions_user_id", "user_id"),
        Index("ix_sessions_ends_at", "ends_at"),
    )


class UserToken(Base):
    """What a link sent to ``email`` may do for its user, once, until ``expires_at``.

    The link holds the random ``id`` under a signature of its purpose, so a reader of this table can make no link.
    """

    __tablename__ = "user_tokens"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id"))
    purpose: Mapped[str] = mapped_column(String(16))
    email: Mapped[str] = mapped_column(String(254))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]

    __table_args__ = (
        CheckConstraint("purpose IN ('verify_email', 'change_email', 'undo_email')", name="purpose"),
        CheckConstraint("email = lower(email)", name="email_lower"),
        CheckConstraint("expires_at > created_at", name="expires_at"),
        Index("ix_user_tokens_user_id", "user_id"),
        Index("ix_user_tokens_expires_at", "expires_at"),
    )


class Merchant(Base):
    """A shop, or the portal itself (id 0, no user), to which messages of no shop belong.

    Offers of a suspended shop cannot be accepted. ``offers_per_day`` bounds those to addresses that never accepted one;
    None is no bound. The currency can change until the first offer is sent, at ``currency_fixed_at``. Plans keep the
    zone of their terms; ``earlier_timezones`` are those in which the shop may have some. ``account_numbers`` are its
    own, by the names of the ledger's accounts. ``provider`` takes its customers' payments. ``move_days``: by how many
    a customer may move the next due date once without asking.
    ``user_id`` is who opened it, and the id of the shop that a person opened by signing up; ``members`` has who acts
    for it now.
    """

    __tablename__ = "merchants"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    user_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id"))
    name: Mapped[str] = mapped_column(String(120))
    support_email: Mapped[str] = mapped_column(String(254))
    currency: Mapped[str] = mapped_column(String(3))
    timezone: Mapped[str] = mapped_column(String(64))
    earlier_timezones: Mapped[list[str]] = mapped_column(JSON, default=list, server_default="[]")
    created_at: Mapped[datetime]
    currency_fixed_at: Mapped[datetime | None]
    suspended_at: Mapped[datetime | None]
    second_factor_required_at: Mapped[datetime | None]
    csv_separator: Mapped[str | None] = mapped_column(String(1))
    provider: Mapped[str] = mapped_column(String(16), default="simulator", server_default="simulator")
    account_numbers: Mapped[dict[str, str]] = mapped_column(JSON, default=dict, server_default="{}")
    offers_per_day: Mapped[int | None] = mapped_column(default=50, server_default="50")
    move_days: Mapped[int] = mapped_column(default=0, server_default="0")

    __table_args__ = (
        CheckConstraint("offers_per_day >= 0", name="offers_per_day"),
        CheckConstraint("move_days BETWEEN 0 AND 14", name="move_days"),
        CheckConstraint("csv_separator IN (',', ';')", name="csv_separator"),
        CheckConstraint("provider IN ('simulator', 'stripe_test', 'stripe')", name="provider"),
    )


class Member(Base):
    """A person who acts for a shop, in a role that decides what they may do there."""

    __tablename__ = "members"

    merchant_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("merchants.id"), primary_key=True)
    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id"), primary_key=True)
    role: Mapped[str] = mapped_column(String(10))
    created_at: Mapped[datetime]

    __table_args__ = (
        CheckConstraint("role IN ('owner', 'manager', 'seller', 'bookkeeper')", name="role"),
        Index("ix_members_user_id", "user_id"),
    )


class MemberInvitation(Base):
    """Somebody whom a shop has invited to act for it. The link of the email holds ``link_id``, which every sending
    replaces; at ``ended_at`` it was used or withdrawn.
    """

    __tablename__ = "member_invitations"

    merchant_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("merchants.id"), primary_key=True)
    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id"), primary_key=True)
    email: Mapped[str] = mapped_column(String(254))
    role: Mapped[str] = mapped_column(String(10))
    link_id: Mapped[uuid.UUID]
    invited_by: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id"))
    sent_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]

    __table_args__ = (
        CheckConstraint("email = lower(email)", name="email_lower"),
        CheckConstraint("role IN ('owner', 'manager', 'seller', 'bookkeeper')", name="role"),
        CheckConstraint("expires_at > sent_at", name="expires_at"),
        Index("ix_member_invitations_link_id", "link_id"),
        Index("ix_member_invitations_user_id", "user_id"),
    )


class Customer(Base):
    """A person as one shop knows it, from the first offer on; ``id`` is random and reveals nothing about the person.

    ``offers_stopped_at``: the shop can offer nothing more to them, as they asked.
    """

    __tablename__ = "customers"

    merchant_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("merchants.id"), primary_key=True)
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime]
    offers_stopped_at: Mapped[datetime | None]

    __table_args__ = (UniqueConstraint("merchant_id", "user_id"), Index("ix_customers_user_id", "user_id"))


class LoginAttempt(Base):
    """A wrong password: for which account (hashed) and from which network; limiting attempts counts these rows.

    ``browser`` (hashed) is set if the account's user has signed in with it before.
    """

    __tablename__ = "login_attempts"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    account: Mapped[str] = mapped_column(String(64))
    network: Mapped[str] = mapped_column(String(64))
    browser: Mapped[str | None] = mapped_column(String(64))
    at: Mapped[datetime]

    __table_args__ = (Index("ix_login_attempts_account_at", "account", "at"),)


# Which shop a user acts for who has chosen none: one that they own, else where they have been a member longest.
DEFAULT_SHOP = (
    select(Member.merchant_id)
    .where(Member.user_id == User.id)
    .order_by(case((Member.role == "owner", 0), else_=1), Member.created_at, Member.merchant_id)
    .limit(1)
    .correlate(User)
    .scalar_subquery()
)
