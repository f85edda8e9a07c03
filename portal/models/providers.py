"""A shop's account with a payment provider: its keys, the events that it received, and disputed payments."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    String,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base, new_id

UNHANDLED = text("handled_at IS NULL")
MISMATCHES = text("result = 'mismatch'")


class ProviderKey(Base):
    """A shop's key at a provider, encrypted; ``hint`` is its last characters. One that was removed leaves its row.

    ``webhook_secret``, encrypted too, signs what the provider sends; without one the portal asks. ``refused`` counts
    what came with no valid signature.
    """

    __tablename__ = "provider_keys"

    merchant_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("merchants.id"), primary_key=True)
    provider: Mapped[str] = mapped_column(String(16), primary_key=True)
    sealed_key: Mapped[str | None] = mapped_column(String(1000))
    hint: Mapped[str] = mapped_column(String(8))
    webhook_id: Mapped[str | None] = mapped_column(String(255))
    webhook_secret: Mapped[str | None] = mapped_column(String(1000))
    refused: Mapped[int] = mapped_column(server_default=text("0"))
    added_by: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id"))
    added_at: Mapped[datetime]
    removed_at: Mapped[datetime | None]

    __table_args__ = (
        CheckConstraint("provider IN ('stripe_test', 'stripe')", name="provider"),
        CheckConstraint("(sealed_key IS NULL) = (removed_at IS NOT NULL)", name="removed"),
        CheckConstraint("refused >= 0", name="refused"),
    )


class ProviderEvent(Base):
    """What a provider sent under a valid signature, once: what it concerns, in minor units, and how it was handled.

    No more is kept of it than these columns. ``reference`` is the provider's name of a page or a dispute. A
    ``mismatch`` names another amount or currency than the payment; nothing was booked.
    """

    __tablename__ = "provider_events"

    merchant_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("merchants.id"), primary_key=True)
    provider: Mapped[str] = mapped_column(String(16), primary_key=True)
    event_id: Mapped[str] = mapped_column(String(255), primary_key=True)
    kind: Mapped[str] = mapped_column(String(64))
    reference: Mapped[str] = mapped_column(String(255))
    payment_id: Mapped[uuid.UUID | None]
    amount: Mapped[int]
    currency: Mapped[str] = mapped_column(String(3))
    received_at: Mapped[datetime]
    handled_at: Mapped[datetime | None]
    result: Mapped[str | None] = mapped_column(String(16))

    __table_args__ = (
        CheckConstraint("provider IN ('stripe_test', 'stripe')", name="provider"),
        CheckConstraint("result IN ('done', 'ignored', 'mismatch')", name="result"),
        CheckConstraint("(handled_at IS NULL) = (result IS NULL)", name="handled_at"),
        Index(
            "ix_provider_events_unhandled",
            "merchant_id",
            "received_at",
            postgresql_where=UNHANDLED,
            sqlite_where=UNHANDLED,
        ),
        Index(
            "ix_provider_events_mismatches",
            "merchant_id",
            "received_at",
            postgresql_where=MISMATCHES,
            sqlite_where=MISMATCHES,
        ),
    )


class Dispute(Base):
    """A payment that the customer's bank wants back: ``amount`` minor units, open, won by the shop, or lost."""

    __tablename__ = "disputes"

    merchant_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    payment_id: Mapped[uuid.UUID]
    reference: Mapped[str] = mapped_column(String(255))
    amount: Mapped[int]
    currency: Mapped[str] = mapped_column(String(3))
    state: Mapped[str] = mapped_column(String(8))
    opened_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]

    __table_args__ = (
        ForeignKeyConstraint(["merchant_id", "payment_id"], ["payments.merchant_id", "payments.id"]),
        UniqueConstraint("merchant_id", "reference"),
        CheckConstraint("amount > 0", name="amount"),
        CheckConstraint("state IN ('open', 'won', 'lost')", name="state"),
        CheckConstraint("(state = 'open') = (closed_at IS NULL)", name="closed_at"),
        Index("ix_disputes_merchant_id_payment_id", "merchant_id", "payment_id"),
    )
