"""What proves a person beside the password: an authenticator app's secret, and recovery codes."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base


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
