"""Plans, the acceptance that binds, and installments; every key starts with the merchant."""

from __future__ import annotations

import uuid
from datetime import date, datetime
from typing import ClassVar

from sqlalchemy import (
    CheckConstraint,
    ColumnElement,
    Computed,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    String,
    Text,
    UniqueConstraint,
    false,
    text,
    true,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import Mapped, mapped_column, query_expression
from sqlalchemy.sql.compiler import SQLCompiler

from portal.core.ledger import OWED, SETTLED, SUMS

from .base import Base, new_id


class OfTerms(ColumnElement[str]):
    """A text of a plan's frozen ``terms``, by its name there."""

    inherit_cache = True

    def __init__(self, name: str) -> None:
        self.name = name


@compiles(OfTerms, "sqlite")
def _of_terms_on_sqlite(element: OfTerms, compiler: SQLCompiler, **_: object) -> str:
    return f"json_extract(terms, '$.{element.name}')"


@compiles(OfTerms, "postgresql")
def _of_terms_on_postgresql(element: OfTerms, compiler: SQLCompiler, **_: object) -> str:
    return f"((terms)::jsonb ->> '{element.name}'::text)"


class Plan(Base):
    """An offer and its plan. ``total`` is in minor units; ``terms`` is the canonical text that was offered.

    Its days are those of ``timezone``; that, the shop's name and its address for support are read from the terms by
    the database, so a shop that moves or is renamed changes nothing of what was agreed.
    """

    __tablename__ = "plans"

    merchant_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("merchants.id"), primary_key=True)
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    reference: Mapped[str] = mapped_column(String(8))
    customer_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id"))
    customer_email: Mapped[str] = mapped_column(String(254))
    description: Mapped[str] = mapped_column(String(200))
    total: Mapped[int]
    currency: Mapped[str] = mapped_column(String(3))
    num_installments: Mapped[int]
    frequency: Mapped[str] = mapped_column(String(10))
    start_date: Mapped[date]
    # Of the total, due on the day of acceptance as line 1; ``num_installments`` counts the lines after it.
    deposit: Mapped[int | None]
    # Whether the first installment is due on a date, or follows the acceptance.
    first_due: Mapped[str] = mapped_column(String(10), default="date", server_default="date")
    state: Mapped[str] = mapped_column(String(16))
    acceptance_id: Mapped[uuid.UUID | None]
    terms: Mapped[str] = mapped_column(Text)
    terms_hash: Mapped[str] = mapped_column(String(64))
    timezone: Mapped[str] = mapped_column(String(64), Computed(OfTerms("timezone")))
    shop_name: Mapped[str] = mapped_column(String(120), Computed(OfTerms("seller")))
    support_email: Mapped[str] = mapped_column(String(254), Computed(OfTerms("support")))
    last_day: Mapped[date]
    accepted_on: Mapped[date | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    # Who sent the offer for the shop.
    created_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id"))
    # Read together with the plan when it is locked.
    shop_suspended_at: Mapped[datetime | None] = query_expression()
    shop_contact: Mapped[uuid.UUID] = query_expression()
    amendment_waits: Mapped[bool | None] = query_expression()

    __table_args__ = (
        UniqueConstraint("merchant_id", "reference"),
        ForeignKeyConstraint(
            ["merchant_id", "acceptance_id"],
            ["acceptances.merchant_id", "acceptances.plan_id"],
            name="fk_plans_acceptance",
            use_alter=True,
        ),
        CheckConstraint("customer_id <> merchant_id", name="not_to_oneself"),
        CheckConstraint("total BETWEEN 1 AND 1000000000000", name="total"),
        CheckConstraint(
            "num_installments BETWEEN 1 AND 60 AND num_installments <= total", name="num_installments"
        ),
        CheckConstraint(
            "deposit IS NULL OR (deposit > 0 AND num_installments <= total - deposit AND num_installments <= 59)",
            name="deposit",
        ),
        CheckConstraint("first_due IN ('date', 'acceptance')", name="first_due"),
        CheckConstraint("frequency IN ('weekly', 'biweekly', 'monthly', 'own')", name="frequency"),
        CheckConstraint(
            "state IN ('offered', 'active', 'completed', 'declined', 'revoked', 'expired', 'cancelled', "
            "'written_off')",
            name="state",
        ),
        CheckConstraint("acceptance_id IS NULL OR acceptance_id = id", name="acceptance_of_this_plan"),
        CheckConstraint(
            "(state IN ('active', 'completed', 'cancelled', 'written_off')) = (acceptance_id IS NOT NULL)",
            name="bound_only_by_acceptance",
        ),
        CheckConstraint("(acceptance_id IS NULL) = (accepted_on IS NULL)", name="accepted_on"),
        Index("ix_plans_id", "id"),
        Index("ix_plans_merchant_id_state_id", "merchant_id", "state", "id"),
        Index("ix_plans_customer_id_id", "customer_id", "id"),
        Index("ix_plans_merchant_id_created_at", "merchant_id", "created_at"),
    )


class Acceptance(Base):
    """The evidence that the customer agreed: to which text, when, from where and how. Never changed or removed.

    ``address_verified``: a link sent to the customer's address had been used before.
    """

    __tablename__ = "acceptances"

    merchant_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    plan_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    customer_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id"))
    terms: Mapped[str] = mapped_column(Text)
    terms_hash: Mapped[str] = mapped_column(String(64))
    accepted_at: Mapped[datetime]
    address: Mapped[str] = mapped_column(String(64))
    user_agent: Mapped[str] = mapped_column(String(400))
    how: Mapped[str] = mapped_column(String(16))
    address_verified: Mapped[bool] = mapped_column(default=False, server_default=false())

    __table_args__ = (
        ForeignKeyConstraint(["merchant_id", "plan_id"], ["plans.merchant_id", "plans.id"]),
        CheckConstraint("how IN ('accepted', 'first payment')", name="how"),
        CheckConstraint("customer_id <> merchant_id", name="not_by_the_merchant"),
    )


class Installment(Base):
    """One due date of a plan. Its sums are those of its postings; ``services.ledger`` alone changes them.

    ``owed`` is computed by the database. ``paid_on`` and ``paid_at`` are set exactly while nothing is owed and
    something was paid. ``processing`` (added in ``models.ledger``): a payment for it has no answer yet.
    """

    __tablename__ = "installments"

    merchant_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    plan_id: Mapped[uuid.UUID]
    number: Mapped[int]
    amount: Mapped[int]
    due_on: Mapped[date]
    # Not yet where the day follows the acceptance: until then it is the one written out for the day of sending.
    due_fixed: Mapped[bool] = mapped_column(default=True, server_default=true())
    paid: Mapped[int] = mapped_column(server_default=text("0"))
    reversed: Mapped[int] = mapped_column(server_default=text("0"))
    returned: Mapped[int] = mapped_column(server_default=text("0"))
    cancelled: Mapped[int] = mapped_column(server_default=text("0"))
    written_off: Mapped[int] = mapped_column(server_default=text("0"))
    recovered: Mapped[int] = mapped_column(server_default=text("0"))
    moved: Mapped[int] = mapped_column(server_default=text("0"))
    paid_before: Mapped[int] = mapped_column(server_default=text("0"))
    owed: Mapped[int] = mapped_column(Computed(OWED, persisted=True))
    # By which amendment it is due on this day; None as it was first agreed.
    amendment_id: Mapped[uuid.UUID | None]
    late_on: Mapped[date | None]
    paid_on: Mapped[date | None]
    paid_at: Mapped[datetime | None]
    # Whether a payment for it has no answer yet; read from the allocations, see ``models.ledger``.
    processing: ClassVar[Mapped[bool]]

    @hybrid_property
    def settled(self) -> int:
        """Minor units that were paid and have stayed paid, returned or not."""
        return self.paid - self.reversed + self.paid_before

    @hybrid_property
    def paid_by(self) -> date | None:
        """The day on which it was wholly paid; as ``core.ledger.Balance`` calls it."""
        return self.paid_on

    __table_args__ = (
        ForeignKeyConstraint(["merchant_id", "plan_id"], ["plans.merchant_id", "plans.id"]),
        ForeignKeyConstraint(
            ["merchant_id", "amendment_id", "id", "due_on"],
            [
                f"amendment_lines.{name}"
                for name in ("merchant_id", "amendment_id", "installment_id", "due_on")
            ],
            name="fk_installments_amended",
            use_alter=True,
        ),
        UniqueConstraint("merchant_id", "plan_id", "number"),
        CheckConstraint("amount > 0 AND number > 0", name="amount"),
        CheckConstraint(" AND ".join(f"{name} >= 0" for name in SUMS), name="not_negative"),
        CheckConstraint("owed >= 0", name="not_paid_over"),
        CheckConstraint("returned + reversed <= paid", name="not_returned_over"),
        CheckConstraint("recovered <= written_off", name="not_recovered_over"),
        CheckConstraint(
            f"(owed = 0 AND {SETTLED} > 0) = (paid_on IS NOT NULL) AND (paid_on IS NULL) = (paid_at IS NULL)",
            name="paid_on",
        ),
        Index("ix_installments_id", "id"),
        Index(
            "ix_installments_owed",
            "merchant_id",
            "due_on",
            "id",
            postgresql_where=text("owed > 0"),
            sqlite_where=text("owed > 0"),
        ),
        Index(
            "ix_installments_amended",
            "merchant_id",
            "due_on",
            "id",
            postgresql_where=text("amendment_id IS NOT NULL AND owed > 0"),
            sqlite_where=text("amendment_id IS NOT NULL AND owed > 0"),
        ),
        Index("ix_installments_merchant_id_due_on_id", "merchant_id", "due_on", "id"),
        Index(
            "ix_installments_marked_late",
            "merchant_id",
            "due_on",
            postgresql_where=text("late_on IS NOT NULL"),
            sqlite_where=text("late_on IS NOT NULL"),
        ),
    )
