"""What proves a person beside the password: an authenticator app's secret, passkeys, and recovery codes."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base, new_id


class SecondFactor(Base):
    """The secret that a person's authenticator app shares with the portal, encrypted; in force since ``active_at``.

    ``last_step`` is the 30-second step of the last code that was taken: none of it or before is taken again.
    """

    __tablename__ = "second_factors"

    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id"), primary_key=True)
    secret: Mapped[str] = mapped_column(String(255))
    last_step: Mapped[int]
    created_at: Mapped[datetime]
    active_at: Mapped[datetime | None]


class RecoveryCode(Base):
    """A code that works once in place of the app's, as its SHA-256; using it deletes the row."""

    __tablename__ = "recovery_codes"

    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id"), primary_key=True)
    code_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    created_at: Mapped[datetime]


class Passkey(Base):
    """A key pair on a person's device, of which the portal knows the public half.

    ``sign_count`` is what the authenticator last said; many always say 0.
    """

    __tablename__ = "passkeys"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id"))
    credential_id: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    public_key: Mapped[bytes] = mapped_column(LargeBinary)
    sign_count: Mapped[int]
    name: Mapped[str] = mapped_column(String(60))
    created_at: Mapped[datetime]
    last_used_at: Mapped[datetime | None]

    __table_args__ = (
        CheckConstraint("sign_count >= 0", name="sign_count"),
        CheckConstraint("length(name) > 0", name="name"),
        Index("ix_passkeys_user_id", "user_id"),
    )


class UsedChallenge(Base):
    """A challenge that a browser has answered, as its SHA-256: it is not taken again."""

    __tablename__ = "used_challenges"

    challenge_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    used_at: Mapped[datetime]

    __table_args__ = (Index("ix_used_challenges_used_at", "used_at"),)
