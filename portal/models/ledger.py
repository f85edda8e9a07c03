"""The ledger: postings, which are only ever added, and which installments payments and refunds belong to."""

from __future__ import annotations

import uuid
from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, String, literal_column, select, text
from sqlalchemy.orm import Mapped, column_property, mapped_column

from portal.core.ledger import Entry

from .base import Base, new_id
from .payments import Payment
from .plans import Installment

# One line for each entry, so that a posting between two other accounts cannot be written.
ACCOUNTS = " OR ".join(f"(debit = '{entry.debit}' AND credit = '{entry.credit}')" for entry in Entry)


class Posting(Base):
    """One row of the ledger: ``amount`` minor units from the credit account to the debit account. Never changed."""

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
        CheckConstraint(ACCOUNTS, name="accounts"),
        CheckConstraint(
            "(debit <> 'cash' AND credit <> 'cash') OR payment_id IS NOT NULL OR refund_id IS NOT NULL",
            name="cash_names_its_cause",
        ),
        Index("ix_postings_merchant_id_installment_id", "merchant_id", "installment_id"),
        Index("ix_postings_merchant_id_posted_on_id", "merchant_id", "posted_on", "id"),
        Index("ix_postings_merchant_id_payment_id", "merchant_id", "payment_id"),
    )


class Allocation(Base):
    """How much of a payment goes to an installment, in minor units; written with the payment's intent.

    It counts only while the payment has succeeded. ``reversed`` and ``returned`` are the part that came back.
    """

    __tablename__ = "allocations"

    merchant_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    payment_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    installment_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    amount: Mapped[int]
    reversed: Mapped[int] = mapped_column(server_default=text("0"))
    returned: Mapped[int] = mapped_column(server_default=text("0"))

    __table_args__ = (
        ForeignKeyConstraint(["merchant_id", "payment_id"], ["payments.merchant_id", "payments.id"]),
        ForeignKeyConstraint(
            ["merchant_id", "installment_id"], ["installments.merchant_id", "installments.id"]
        ),
        CheckConstraint("amount > 0", name="amount"),
        CheckConstraint("reversed >= 0 AND returned >= 0", name="not_negative"),
        CheckConstraint("reversed + returned <= amount", name="not_returned_over"),
        Index("ix_allocations_merchant_id_installment_id", "merchant_id", "installment_id"),
    )


class RefundAllocation(Base):
    """How much a refund returns along an allocation of a payment, in minor units; written with the refund's intent."""

    __tablename__ = "refund_allocations"

    merchant_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    refund_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    payment_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    installment_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    amount: Mapped[int]

    __table_args__ = (
        ForeignKeyConstraint(["merchant_id", "refund_id"], ["refunds.merchant_id", "refunds.id"]),
        ForeignKeyConstraint(
            ["merchant_id", "payment_id", "installment_id"],
            ["allocations.merchant_id", "allocations.payment_id", "allocations.installment_id"],
        ),
        CheckConstraint("amount > 0", name="amount"),
    )


# An installment waits for the provider while a payment that has no answer yet is allocated to it. The state is a
# literal, as in the partial index, which SQLite would not use for a bound value.
_WAITING = (
    select(Allocation.installment_id)
    .join(Payment, (Payment.merchant_id == Allocation.merchant_id) & (Payment.id == Allocation.payment_id))
    .where(
        Allocation.merchant_id == Installment.merchant_id,
        Allocation.installment_id == Installment.id,
        Payment.state == literal_column("'processing'"),
    )
    .correlate(Installment)
)
Installment.processing = column_property(_WAITING.exists())
