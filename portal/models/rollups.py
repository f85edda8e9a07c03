"""Rollups: sums of installments and postings by day, so that numbers need not be counted, and the deltas to come."""

from __future__ import annotations

import uuid
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Date, ForeignKey, Select, case, cast, func, literal_column, select, text
from sqlalchemy.orm import Mapped, mapped_column

from portal.core.ledger import Account, Entry, amounts_of, counts_of

from .base import Base, new_id
from .ledger import Posting
from .plans import Installment, Plan


class MetricDelta(Base):
    """The change that one entry makes to the rollups; written in its transaction, deleted once rolled up.

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
    written_off: Mapped[int] = mapped_column(server_default=text("0"))
    recovered: Mapped[int] = mapped_column(server_default=text("0"))
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
    """What a day's postings moved: cash, what is owed, what was written off and recovered; without pending deltas."""

    __tablename__ = "posted_rollups"

    merchant_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("merchants.id"), primary_key=True)
    posted_on: Mapped[date] = mapped_column(primary_key=True)
    revenue: Mapped[int]
    owed: Mapped[int]
    written_off: Mapped[int] = mapped_column(server_default=text("0"))
    recovered: Mapped[int] = mapped_column(server_default=text("0"))


class CohortRollup(Base):
    """Of the installments due on a day, those of plans accepted in a month: how many are rated, and paid on time."""

    __tablename__ = "cohort_rollups"

    merchant_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("merchants.id"), primary_key=True)
    cohort_on: Mapped[date] = mapped_column(primary_key=True)
    due_on: Mapped[date] = mapped_column(primary_key=True)
    rated_count: Mapped[int]
    on_time_count: Mapped[int]


ROLLUP_TABLES: tuple[type[Base], ...] = (DueRollup, PostedRollup, CohortRollup)


def recount(table: type[Base], engine_name: str) -> Select[Any]:
    """A rollup's rows rebuilt from plans, installments and postings, with its columns in order."""
    if table is PostedRollup:
        keys: list[Any] = [Posting.merchant_id, Posting.posted_on]
        sums = {
            "revenue": _net(Account.CASH),
            "owed": _net(Account.RECEIVABLE),
            "written_off": _moved(Entry.DEBT_WRITTEN_OFF),
            "recovered": _moved(Entry.DEBT_RECOVERED) - _moved(Entry.RECOVERY_REVERSED),
        }
        return select(*keys, *(sums[name].label(name) for name in _sums(table))).group_by(*keys)
    keys = [Installment.merchant_id, Installment.due_on]
    if table is CohortRollup:
        keys.insert(1, _month_of_acceptance(engine_name))
    counted: dict[str, ColumnElement[int]] = {
        name: func.sum(amount) for name, amount in amounts_of(Installment).items()
    }
    for name, condition in counts_of(Installment, Plan.accepted_on).items():
        counted[name] = func.count(case((condition, 1)))
    return (
        select(*keys, *(counted[name].label(name) for name in _sums(table)))
        .join(Plan)
        .where(Plan.acceptance_id.is_not(None))
        .group_by(*keys)
    )


def _sums(table: type[Base]) -> list[str]:
    return [column.name for column in table.__table__.columns if not column.primary_key]


def _net(account: Account) -> ColumnElement[int]:
    """What postings add to an account, in minor units."""
    return func.sum(
        case(
            (Posting.debit == account, Posting.amount), (Posting.credit == account, -Posting.amount), else_=0
        )
    )


def _moved(entry: Entry) -> ColumnElement[int]:
    """What postings of one entry come to, in minor units."""
    is_entry = (Posting.debit == entry.debit) & (Posting.credit == entry.credit)
    return func.sum(case((is_entry, Posting.amount), else_=0))


def _month_of_acceptance(engine_name: str) -> ColumnElement[date]:
    """The first day of the month."""
    first: ColumnElement[date]
    if engine_name == "sqlite":
        first = func.strftime(literal_column("'%Y-%m-01'"), Plan.accepted_on, type_=Date)
    else:
        first = cast(func.date_trunc(literal_column("'month'"), Plan.accepted_on), Date)
    return first.label("cohort_on")
