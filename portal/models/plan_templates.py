"""Templates of plans that a shop saved."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base, new_id


class PlanTemplate(Base):
    """A schedule without amounts and dates; ``deposit`` is in hundredths of a percent of the total."""

    __tablename__ = "plan_templates"

    merchant_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("merchants.id"), primary_key=True)
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    name: Mapped[str] = mapped_column(String(60))
    num_installments: Mapped[int]
    frequency: Mapped[str] = mapped_column(String(16))
    first_due: Mapped[str] = mapped_column(String(10))
    day_of_month: Mapped[str | None] = mapped_column(String(4))
    deposit: Mapped[int | None]
    valid_days: Mapped[int]
    created_at: Mapped[datetime]

    __table_args__ = (
        UniqueConstraint("merchant_id", "name"),
        CheckConstraint("name <> ''", name="name"),
        CheckConstraint("num_installments BETWEEN 1 AND 60", name="num_installments"),
        CheckConstraint("frequency IN ('weekly', 'biweekly', 'monthly')", name="frequency"),
        CheckConstraint("first_due IN ('date', 'acceptance')", name="first_due"),
        CheckConstraint(
            "day_of_month IS NULL OR frequency = 'monthly' AND first_due = 'date'", name="day_of_month"
        ),
        CheckConstraint("deposit BETWEEN 1 AND 9999", name="deposit"),
        CheckConstraint("valid_days BETWEEN 1 AND 60", name="valid_days"),
    )
