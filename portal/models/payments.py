"""Payments and refunds: the calls to the payment provider and how they ended."""

from __future__ import annotations

import uuid
from datetime import date, datetime

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

from portal.core.payments import Method

from .base import Base, new_id


class Payment(Base):
    """``amount`` minor units for one or more installments of a plan: paid by a provider, or recorded by the shop.

    ``provider_reference`` is the provider's name for it, and ``expires_at`` when the page on which the customer pays it
    closes; ``failure_code`` is the provider's own. An ``abandoned`` one was stopped, or its page expired; ``returned``
    is one that the provider took after all, and gave back. ``number`` counts the receipts of the plan; a payment has
    one once it succeeded. What the shop recorded says when it was received and who recorded it. A ``recovery`` pays
    what was written off.
    """

    __tablename__ = "payments"

    merchant_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    plan_id: Mapped[uuid.UUID]
    customer_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id"))
    amount: Mapped[int]
    currency: Mapped[str] = mapped_column(String(3))
    method: Mapped[str] = mapped_column(String(16), server_default=Method.PROVIDER)
    provider: Mapped[str | None] = mapped_column(String(16))
    test_card: Mapped[str | None] = mapped_column(String(24))
    provider_reference: Mapped[str | None] = mapped_column(String(255))
    expires_at: Mapped[datetime | None]
    failure_code: Mapped[str | None] = mapped_column(String(64))
    received_on: Mapped[date | None]
    note: Mapped[str] = mapped_column(String(200), server_default="")
    recorded_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id"))
    recovery: Mapped[bool] = mapped_column(server_default=text("false"))
    state: Mapped[str] = mapped_column(String(10))
    outcome: Mapped[str | None] = mapped_column(String(24))
    number: Mapped[int | None]
    created_at: Mapped[datetime]
    settled_at: Mapped[datetime | None]
    settled_on: Mapped[date | None]

    __table_args__ = (
        ForeignKeyConstraint(["merchant_id", "plan_id"], ["plans.merchant_id", "plans.id"]),
        UniqueConstraint("merchant_id", "plan_id", "number"),
        CheckConstraint("amount > 0", name="amount"),
        CheckConstraint(
            "state IN ('processing', 'succeeded', 'declined', 'abandoned', 'returned')", name="state"
        ),
        CheckConstraint("(state = 'succeeded') = (number IS NOT NULL)", name="number"),
        CheckConstraint("(state = 'processing') = (settled_at IS NULL)", name="settled_at"),
        CheckConstraint("(settled_at IS NULL) = (settled_on IS NULL)", name="settled_on"),
        CheckConstraint(
            "method IN ('provider', 'cash', 'bank_transfer', 'check', 'other')",
            name="method",
        ),
        CheckConstraint("provider IN ('simulator', 'stripe_test', 'stripe')", name="provider"),
        CheckConstraint("(method = 'provider') = (provider IS NOT NULL)", name="provided"),
        CheckConstraint(
            "(provider IS NOT NULL AND provider = 'simulator') = (test_card IS NOT NULL)", name="card"
        ),
        CheckConstraint("(method = 'provider') = (received_on IS NULL)", name="received_on"),
        CheckConstraint("(method = 'provider') = (recorded_by IS NULL)", name="recorded_by"),
        CheckConstraint("method = 'provider' OR state = 'succeeded'", name="recorded"),
        CheckConstraint("NOT recovery OR method <> 'provider'", name="recovery"),
        Index("ix_payments_id", "id"),
        Index("ix_payments_customer_id_id", "customer_id", "id"),
        Index(
            "ix_payments_processing",
            "merchant_id",
            "id",
            postgresql_where=text("state = 'processing'"),
            sqlite_where=text("state = 'processing'"),
        ),
        Index("ix_payments_merchant_id_settled_at", "merchant_id", "settled_at"),
    )


class Reversal(Base):
    """What turned out not to have come in of a payment, in minor units, and why. Never changed or removed.

    A payment has one at most: all that was left of a recorded one, or what a dispute lost, which nobody reversed here.
    """

    __tablename__ = "reversals"

    merchant_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    payment_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    amount: Mapped[int]
    reason: Mapped[str] = mapped_column(String(200))
    reversed_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id"))
    reversed_at: Mapped[datetime]
    reversed_on: Mapped[date]

    __table_args__ = (
        ForeignKeyConstraint(["merchant_id", "payment_id"], ["payments.merchant_id", "payments.id"]),
        CheckConstraint("amount > 0", name="amount"),
        CheckConstraint("reason <> ''", name="reason"),
    )


class Refund(Base):
    """A refund of ``amount`` minor units: ``cancelled`` of what was owed, ``to_return`` in cash.

    What it cancelled of each installment is in its postings, what it returns along each allocation in its refund
    allocations. ``returned`` is what the provider has sent back.
    """

    __tablename__ = "refunds"

    merchant_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    plan_id: Mapped[uuid.UUID]
    amount: Mapped[int]
    cancelled: Mapped[int]
    to_return: Mapped[int]
    returned: Mapped[int] = mapped_column(default=0)
    currency: Mapped[str] = mapped_column(String(3))
    reason: Mapped[str] = mapped_column(String(200), server_default="")
    state: Mapped[str] = mapped_column(String(10))
    created_at: Mapped[datetime]
    settled_at: Mapped[datetime | None]

    __table_args__ = (
        ForeignKeyConstraint(["merchant_id", "plan_id"], ["plans.merchant_id", "plans.id"]),
        CheckConstraint("amount > 0 AND cancelled >= 0 AND to_return >= 0", name="amount"),
        CheckConstraint("cancelled + to_return = amount", name="sum"),
        CheckConstraint("returned BETWEEN 0 AND to_return", name="returned"),
        CheckConstraint("state <> 'succeeded' OR returned = to_return", name="succeeded"),
        CheckConstraint("(state = 'processing') = (settled_at IS NULL)", name="settled_at"),
        CheckConstraint("state IN ('processing', 'succeeded', 'declined')", name="state"),
        Index("ix_refunds_merchant_id_plan_id", "merchant_id", "plan_id"),
        Index("ix_refunds_id", "id"),
        Index(
            "ix_refunds_processing",
            "merchant_id",
            "id",
            postgresql_where=text("state = 'processing'"),
            sqlite_where=text("state = 'processing'"),
        ),
    )
