"""The customer's consent to be charged without a click, and each attempt to do so."""

from __future__ import annotations

import uuid
from datetime import date, datetime

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from portal.core.autopay import MOST_ATTEMPTS

from .base import Base, new_id

IN_FORCE = text("revoked_at IS NULL")
UNSAVED = text("saved_at IS NULL AND revoked_at IS NULL")


class Mandate(Base):
    """A consent for one plan: to which ``text``, when, and from where. A plan has one at most that is not revoked.

    ``page`` is the provider's name of the page on which the card is saved. Once it is, the row has the card's brand and
    last four digits, and the provider's names of the customer and of the saved method.
    """

    __tablename__ = "mandates"

    merchant_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    plan_id: Mapped[uuid.UUID]
    customer_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id"))
    text: Mapped[str] = mapped_column(Text)
    text_hash: Mapped[str] = mapped_column(String(64))
    given_at: Mapped[datetime]
    address: Mapped[str] = mapped_column(String(64))
    user_agent: Mapped[str] = mapped_column(String(400))
    provider: Mapped[str] = mapped_column(String(16))
    page: Mapped[str | None] = mapped_column(String(255))
    provider_customer: Mapped[str | None] = mapped_column(String(255))
    provider_reference: Mapped[str | None] = mapped_column(String(255))
    brand: Mapped[str | None] = mapped_column(String(24))
    last_four: Mapped[str | None] = mapped_column(String(4))
    saved_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]

    __table_args__ = (
        ForeignKeyConstraint(["merchant_id", "plan_id"], ["plans.merchant_id", "plans.id"]),
        CheckConstraint("text <> ''", name="text"),
        CheckConstraint("customer_id <> merchant_id", name="not_by_the_merchant"),
        CheckConstraint("provider IN ('simulator', 'stripe_test', 'stripe')", name="provider"),
        CheckConstraint("(saved_at IS NULL) = (brand IS NULL)", name="brand"),
        CheckConstraint("(saved_at IS NULL) = (last_four IS NULL)", name="last_four"),
        CheckConstraint(
            "(saved_at IS NULL OR provider = 'simulator') = (provider_reference IS NULL)",
            name="provider_reference",
        ),
        CheckConstraint(
            "(provider_reference IS NULL) = (provider_customer IS NULL)", name="provider_customer"
        ),
        Index(
            "uq_mandates_in_force",
            "merchant_id",
            "plan_id",
            unique=True,
            postgresql_where=IN_FORCE,
            sqlite_where=IN_FORCE,
        ),
        Index("ix_mandates_unsaved", "merchant_id", "id", postgresql_where=UNSAVED, sqlite_where=UNSAVED),
        Index("ix_mandates_id", "id"),
        # What one person agreed to, for the file of their data.
        Index("ix_mandates_customer_id_id", "customer_id", "id"),
    )


class Attempt(Base):
    """One attempt to take an installment by a mandate, as a payment; ``made_on`` is the day in the plan's zone.

    A plan has one a day at most. Never changed or removed; how it ended is the payment's outcome.
    """

    __tablename__ = "attempts"

    merchant_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    installment_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    plan_id: Mapped[uuid.UUID]
    mandate_id: Mapped[uuid.UUID]
    payment_id: Mapped[uuid.UUID]
    made_on: Mapped[date]

    __table_args__ = (
        ForeignKeyConstraint(
            ["merchant_id", "installment_id"], ["installments.merchant_id", "installments.id"]
        ),
        ForeignKeyConstraint(["merchant_id", "plan_id"], ["plans.merchant_id", "plans.id"]),
        ForeignKeyConstraint(["merchant_id", "mandate_id"], ["mandates.merchant_id", "mandates.id"]),
        ForeignKeyConstraint(["merchant_id", "payment_id"], ["payments.merchant_id", "payments.id"]),
        UniqueConstraint("merchant_id", "payment_id"),
        UniqueConstraint("merchant_id", "plan_id", "made_on"),
        CheckConstraint(f"number BETWEEN 1 AND {MOST_ATTEMPTS}", name="number"),
    )
