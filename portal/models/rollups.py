"""Rollups: sums of installments and postings by day, so that numbers need not be counted, and the deltas to come."""

from __future__ import annotations

import uuid
from datetime import date

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from portal.core.ledger import Account

from .base import Base, new_id


class MetricDelta(Base):
    """By how much one entry moved the sums of an installment; added in its transaction, gone once it is rolled up.

    Amounts are in minor units of the merchant's currency. ``cohort_on`` is the first day of the month of acceptance.
    """

    __tablename__ = "metric_deltas"

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
    written_off_count: Mapped[int]
    rated_count: Mapped[int]
    on_time_count: Mapped[int]


class DueRollup(Base):
    """The sums of all installments of accepted plans that are due on a day, without deltas not rolled up yet."""

    __tablename__ = "due_rollups"

    merchant_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("merchants.id"), primary_key=True)
    due_on: Mapped[date] = mapped_column(primary_key=True)
    scheduled: Mapped[int]
    owed: Mapped[int]
    owed_count: Mapped[int]
    paid_count: Mapped[int]
    written_off_count: Mapped[int]
    rated_count: Mapped[int]
    on_time_count: Mapped[int]


class PostedRollup(Base):
    """By how much a day's postings moved cash and what is owed, without deltas not rolled up yet."""

    __tablename__ = "posted_rollups"

    merchant_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("merchants.id"), primary_key=True)
    posted_on: Mapped[date] = mapped_column(primary_key=True)
    revenue: Mapped[int]
    owed: Mapped[int]


class CohortRollup(Base):
    """Of the installments due on a day, those of plans accepted in a month: how many are rated, and paid on time."""

    __tablename__ = "cohort_rollups"

    merchant_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("merchants.id"), primary_key=True)
    cohort_on: Mapped[date] = mapped_column(primary_key=True)
    due_on: Mapped[date] = mapped_column(primary_key=True)
    rated_count: Mapped[int]
    on_time_count: Mapped[int]


ROLLUP_TABLES: tuple[type[Base], ...] = (DueRollup, PostedRollup, CohortRollup)


# What the rollups hold, counted afresh from plans, installments and postings; ``{month}`` is the first day of the
# month of ``p.accepted_on``, for which the engines have different words.
MONTH = {
    "sqlite": "strftime('%Y-%m-01', p.accepted_on)",
    "postgresql": "CAST(date_trunc('month', p.accepted_on) AS date)",
}


def _net(account: Account) -> str:
    """What postings add to an account, in minor units."""
    return f"SUM(CASE WHEN debit = '{account}' THEN amount WHEN credit = '{account}' THEN -amount ELSE 0 END)"


_ACCEPTED = (
    "FROM installments i JOIN plans p ON p.merchant_id = i.merchant_id AND p.id = i.plan_id "
    "WHERE p.acceptance_id IS NOT NULL"
)
# The same conditions as ``core.ledger.Balance.is_paid`` and ``core.ledger.metrics_for``.
_IS_PAID = "i.owed = 0 AND i.paid - i.reversed + i.paid_before > 0 AND i.written_off = 0 AND i.moved = 0"
_IS_RATED = "i.cancelled < i.amount AND i.moved = 0 AND i.due_on >= p.accepted_on"
_RATED = f"""
    COUNT(CASE WHEN {_IS_RATED} THEN 1 END) AS rated_count,
    COUNT(CASE WHEN {_IS_RATED} AND {_IS_PAID} AND i.paid_on <= i.due_on THEN 1 END) AS on_time_count
"""
RECOUNTS = {
    "due_rollups": f"""
        SELECT i.merchant_id, i.due_on,
        SUM(i.amount - i.cancelled - i.moved) AS scheduled,
        SUM(i.owed) AS owed,
        COUNT(CASE WHEN i.owed > 0 THEN 1 END) AS owed_count,
        COUNT(CASE WHEN {_IS_PAID} THEN 1 END) AS paid_count,
        COUNT(CASE WHEN i.owed = 0 AND i.written_off > 0 THEN 1 END) AS written_off_count,
        {_RATED} {_ACCEPTED} GROUP BY i.merchant_id, i.due_on
    """,
    "posted_rollups": f"""
        SELECT merchant_id, posted_on, {_net(Account.CASH)} AS revenue, {_net(Account.RECEIVABLE)} AS owed
        FROM postings GROUP BY merchant_id, posted_on
    """,  # noqa: S608
    "cohort_rollups": f"""
        SELECT i.merchant_id, {{month}} AS cohort_on, i.due_on,
        {_RATED} {_ACCEPTED} GROUP BY i.merchant_id, {{month}}, i.due_on
    """,
}
