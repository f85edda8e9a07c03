"""Sums of installments and postings by day, kept so that numbers need not be counted; rows are added, then folded."""

from __future__ import annotations

import uuid
from datetime import date

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base, new_id


class TallyChange(Base):
    """By how much one change of an installment moved the sums; added in its transaction, gone once it is folded.

    Amounts are in minor units of the merchant's currency. ``cohort_on`` is the first day of the month of acceptance.
    """

    __tablename__ = "tally_changes"

    merchant_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("merchants.id"), primary_key=True)
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    posted_on: Mapped[date]
    due_on: Mapped[date]
    cohort_on: Mapped[date]
    revenue: Mapped[int]
    scheduled: Mapped[int]
    owed: Mapped[int]
    owed_count: Mapped[int]
    paid_count: Mapped[int]
    judged_count: Mapped[int]
    on_time_count: Mapped[int]


class DueTally(Base):
    """The sums of all installments of accepted plans that are due on a day, without what is not folded yet."""

    __tablename__ = "due_tallies"

    merchant_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("merchants.id"), primary_key=True)
    due_on: Mapped[date] = mapped_column(primary_key=True)
    scheduled: Mapped[int]
    owed: Mapped[int]
    owed_count: Mapped[int]
    paid_count: Mapped[int]
    judged_count: Mapped[int]
    on_time_count: Mapped[int]


class PostedTally(Base):
    """By how much a day's postings moved what was taken and what is owed, without what is not folded yet."""

    __tablename__ = "posted_tallies"

    merchant_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("merchants.id"), primary_key=True)
    posted_on: Mapped[date] = mapped_column(primary_key=True)
    revenue: Mapped[int]
    owed: Mapped[int]


class CohortTally(Base):
    """Of the installments due on a day, those of plans accepted in a month: how many were judged, and on time."""

    __tablename__ = "cohort_tallies"

    merchant_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("merchants.id"), primary_key=True)
    cohort_on: Mapped[date] = mapped_column(primary_key=True)
    due_on: Mapped[date] = mapped_column(primary_key=True)
    judged_count: Mapped[int]
    on_time_count: Mapped[int]


FOLDED: tuple[type[Base], ...] = (DueTally, PostedTally, CohortTally)


# What the folded tables hold, counted afresh from plans, installments and postings; ``{month}`` is the first day of
# the month of ``p.accepted_on``, for which the engines have different words.
MONTH = {
    "sqlite": "strftime('%Y-%m-01', p.accepted_on)",
    "postgresql": "CAST(date_trunc('month', p.accepted_on) AS date)",
}

_ACCEPTED = (
    "FROM installments i JOIN plans p ON p.merchant_id = i.merchant_id AND p.id = i.plan_id "
    "WHERE p.acceptance_id IS NOT NULL"
)
_JUDGED = """
    COUNT(CASE WHEN i.cancelled < i.amount AND i.due_on >= p.accepted_on THEN 1 END) AS judged_count,
    COUNT(CASE WHEN i.paid > 0 AND i.paid + i.cancelled = i.amount AND i.paid_on <= i.due_on
               AND i.due_on >= p.accepted_on THEN 1 END) AS on_time_count
"""
RECOUNTS = {
    "due_tallies": f"""
        SELECT i.merchant_id, i.due_on,
        SUM(i.amount - i.cancelled) AS scheduled,
        SUM(i.amount - i.paid - i.cancelled) AS owed,
        COUNT(CASE WHEN i.paid + i.cancelled < i.amount THEN 1 END) AS owed_count,
        COUNT(CASE WHEN i.paid > 0 AND i.paid + i.cancelled = i.amount THEN 1 END) AS paid_count,
        {_JUDGED} {_ACCEPTED} GROUP BY i.merchant_id, i.due_on
    """,
    "posted_tallies": """
        SELECT merchant_id, posted_on,
        SUM(CASE WHEN debit = 'cash' THEN amount WHEN credit = 'cash' THEN -amount ELSE 0 END) AS revenue,
        SUM(CASE WHEN debit = 'receivable' THEN amount WHEN credit = 'receivable' THEN -amount ELSE 0 END) AS owed
        FROM postings GROUP BY merchant_id, posted_on
    """,
    "cohort_tallies": f"""
        SELECT i.merchant_id, {{month}} AS cohort_on, i.due_on,
        {_JUDGED} {_ACCEPTED} GROUP BY i.merchant_id, {{month}}, i.due_on
    """,
}
