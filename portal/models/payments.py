"""Money that moved: payments, refunds, and the postings that are the books; postings are only ever added."""

from __future__ import annotations

import uuid
from datetime import date, datetime
from typing import Any

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


class Payment(Base):
    """One call to the provider: ``amount`` minor units for one or more installments of a plan.

    ``number`` counts the receipts of the plan; a payment has one once it succeeded.
    """

    __tablename__ = "payments"

    merchant_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    plan_id: Mapped[uuid.UUID]
    customer_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id"))
    amount: Mapped[int]
    currency: Mapped[str] = mapped_column(String(3))
    test_card: Mapped[str] = mapped_column(String(24))
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
        CheckConstraint("state IN ('processing', 'succeeded', 'declined')", name="state"),
        CheckConstraint("(state = 'succeeded') = (number IS NOT NULL)", name="number"),
        CheckConstraint("(state = 'processing') = (settled_at IS NULL)", name="settled_at"),
        CheckConstraint("(settled_at IS NULL) = (settled_on IS NULL)", name="settled_on"),
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


class Refund(Base):
    """``amount`` minor units given up by the merchant: ``cancelled`` of what was owed, ``to_return`` in cash.

    ``split`` says per installment and payment what that means; ``returned`` is what the provider has sent back.
    """

    __tablename__ = "refunds"

    merchant_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    plan_id: Mapped[uuid.UUID]
    amount: Mapped[int]
    cancelled: Mapped[int]
    to_return: Mapped[int]
    returned: Mapped[int] = mapped_column(default=0)
    split: Mapped[dict[str, Any]]
    currency: Mapped[str] = mapped_column(String(3))
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


class Posting(Base):
    """One row of the books: ``amount`` minor units from the credit account to the debit account."""

    __tablename__ = "postings"

    merchant_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    installment_id: Mapped[uuid.UUID]
    payment_id: Mapped[uuid.UUID | None]
    refund_id: Mapped[uuid.UUID | None]
    debit: Mapped[str] = mapped_column(String(12))
    credit: Mapped[str] = mapped_column(String(12))
    amount: Mapped[int]
    currency: Mapped[str] = mapped_column(String(3))
    posted_at: Mapped[datetime]
    posted_on: Mapped[date]

    __table_args__ = (
        ForeignKeyConstraint(
            ["merchant_id", "installment_id"], ["installments.merchant_id", "installments.id"]
        ),
        ForeignKeyConstraint(["merchant_id", "payment_id"], ["payments.merchant_id", "payments.id"]),
        ForeignKeyConstraint(["merchant_id", "refund_id"], ["refunds.merchant_id", "refunds.id"]),
        CheckConstraint("amount > 0", name="amount"),
        CheckConstraint(
            "(debit = 'receivable' AND credit = 'sales') OR (debit = 'cash' AND credit = 'receivable')"
            " OR (debit = 'refunds' AND credit = 'receivable') OR (debit = 'refunds' AND credit = 'cash')",
            name="accounts",
        ),
        CheckConstraint(
            "(debit <> 'cash' AND credit <> 'cash') OR payment_id IS NOT NULL OR refund_id IS NOT NULL",
            name="cash_names_its_cause",
        ),
        Index("ix_postings_merchant_id_installment_id", "merchant_id", "installment_id"),
        Index("ix_postings_merchant_id_posted_on_id", "merchant_id", "posted_on", "id"),
        Index("ix_postings_merchant_id_payment_id", "merchant_id", "payment_id"),
    )
