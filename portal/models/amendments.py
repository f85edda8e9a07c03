"""Amendments: proposed changes of a plan's dates, and the dates of those that are in force."""

from __future__ import annotations

import uuid
from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    JSON,
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

from .base import Base, new_id


class Amendment(Base):
    """New dates for installments of an accepted plan, as one side proposed them to the other.

    ``lines`` has the installment, its number, what is owed of it in minor units, the ``old`` and the ``new`` day.
    ``terms`` is the whole text as it would be, and names the hash of the text before. A worse one is in force only with
    the customer's acceptance: when, from where, with which browser; who asks has accepted what was asked for.
    """

    __tablename__ = "amendments"

    merchant_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    plan_id: Mapped[uuid.UUID]
    number: Mapped[int]
    proposed_by: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id"))
    by_customer: Mapped[bool]
    reason: Mapped[str] = mapped_column(String(200))
    lines: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    terms: Mapped[str] = mapped_column(Text)
    terms_hash: Mapped[str] = mapped_column(String(64))
    effect: Mapped[str] = mapped_column(String(8))
    state: Mapped[str] = mapped_column(String(10))
    proposed_at: Mapped[datetime]
    last_day: Mapped[date]
    ended_at: Mapped[datetime | None]
    accepted_at: Mapped[datetime | None]
    address: Mapped[str | None] = mapped_column(String(64))
    user_agent: Mapped[str | None] = mapped_column(String(400))

    __table_args__ = (
        ForeignKeyConstraint(["merchant_id", "plan_id"], ["plans.merchant_id", "plans.id"]),
        UniqueConstraint("merchant_id", "plan_id", "number"),
        # What lines in force refer to.
        UniqueConstraint("merchant_id", "state", "id"),
        CheckConstraint("number > 0", name="number"),
        CheckConstraint("effect IN ('better', 'worse')", name="effect"),
        CheckConstraint(
            "state IN ('proposed', 'in_force', 'declined', 'withdrawn', 'expired')",
            name="state",
        ),
        CheckConstraint("(state = 'proposed') = (ended_at IS NULL)", name="ended_at"),
        CheckConstraint(
            "state <> 'in_force' OR effect = 'better' OR accepted_at IS NOT NULL",
            name="worse_only_by_acceptance",
        ),
        CheckConstraint(
            "(accepted_at IS NULL) = (address IS NULL) AND (accepted_at IS NULL) = (user_agent IS NULL)",
            name="evidence",
        ),
        Index(
            "uq_amendments_one_open",
            "merchant_id",
            "plan_id",
            unique=True,
            postgresql_where=text("state = 'proposed'"),
            sqlite_where=text("state = 'proposed'"),
        ),
        Index("ix_amendments_id", "id"),
    )


class AmendmentLine(Base):
    """The day on which an installment is due by an amendment in force; an installment's changed day refers to it."""

    __tablename__ = "amendment_lines"

    merchant_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    amendment_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    installment_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    due_on: Mapped[date]
    state: Mapped[str] = mapped_column(String(10), server_default="in_force")

    __table_args__ = (
        ForeignKeyConstraint(
            ["merchant_id", "state", "amendment_id"],
            ["amendments.merchant_id", "amendments.state", "amendments.id"],
        ),
        ForeignKeyConstraint(
            ["merchant_id", "installment_id"], ["installments.merchant_id", "installments.id"]
        ),
        # What an installment's changed day refers to.
        UniqueConstraint(
            "merchant_id", "amendment_id", "installment_id", "due_on", name="uq_amendment_lines_dates"
        ),
        CheckConstraint("state = 'in_force'", name="state"),
    )
