"""The bookkeeper's month: what changed what customers owe and what changed cash, each figure with its postings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, and_, case, exists, func, or_, select
from sqlalchemy.orm import Session

from portal.core.errors import N_, NotFound
from portal.core.ledger import Entry
from portal.core.periods import DAY, MONTH, DateRange
from portal.core.roles import Actor
from portal.models.ledger import Posting

from .rows import PAGE, Cursor, RowPage, rows_of
from .selections import Selection
from .sources import receivable_before


@dataclass(frozen=True, slots=True)
class MonthFigure:
    """One figure of a month: the entries that it adds up, each with its sign, and what it does to both totals."""

    title: str
    entries: Mapping[Entry, int]
    receivable: int = 0
    cash: int = 0


FIGURES = {
    "accepted": MonthFigure(N_("Accepted"), {Entry.DEBT_AGREED: 1}, receivable=1),
    "paid_before": MonthFigure(N_("Paid before"), {Entry.PAID_BEFORE: 1}, receivable=-1),
    "received": MonthFigure(N_("Received"), {Entry.PAYMENT_RECEIVED: 1}, receivable=-1, cash=1),
    "recovered": MonthFigure(N_("Recovered"), {Entry.DEBT_RECOVERED: 1, Entry.RECOVERY_REVERSED: -1}, cash=1),
    "reversed": MonthFigure(N_("Reversed"), {Entry.PAYMENT_REVERSED: 1}, receivable=1, cash=-1),
    "cancelled": MonthFigure(N_("Cancelled"), {Entry.DEBT_CANCELLED: 1}, receivable=-1),
    "written_off": MonthFigure(N_("Written off"), {Entry.DEBT_WRITTEN_OFF: 1}, receivable=-1),
    "returned": MonthFigure(N_("Returned"), {Entry.CASH_RETURNED: 1}, cash=-1),
}


@dataclass(frozen=True, slots=True)
class Month:
    """A month that begins on ``first``; minor units of ``currency``. ``opening`` is the receivable at its start.

    What amendments move between installments comes to nothing, and is in no figure.
    ``has_earlier`` says whether anything was posted before it.
    """

    first: date
    currency: str
    opening: int
    figures: Mapping[str, int]
    has_earlier: bool

    @property
    def closing(self) -> int:
        return self.opening + sum(FIGURES[name].receivable * amount for name, amount in self.figures.items())

    @property
    def cash(self) -> int:
        return sum(FIGURES[name].cash * amount for name, amount in self.figures.items())


def days_of(first: date) -> DateRange:
    """The days of the month that begins on ``first``."""
    return DateRange(first, first + MONTH - DAY)


def month(session: Session, merchant: Actor, first: date) -> Month:
    """The month's figures, by the dates of its postings: three statements."""
    opening = receivable_before(session, merchant.merchant_id, first)
    sums = (func.coalesce(func.sum(_value(figure)), 0).label(name) for name, figure in FIGURES.items())
    row = session.execute(select(*sums).where(*_posted(merchant, days_of(first)))).one()
    figures = {name: int(getattr(row, name)) for name in FIGURES}
    before = exists().where(Posting.merchant_id == merchant.merchant_id, Posting.posted_on < first)
    return Month(first, merchant.currency, opening, figures, bool(session.scalar(select(before))))


def month_rows(
    session: Session,
    merchant: Actor,
    first: date,
    name: str,
    *,
    after: Cursor | None = None,
    before: Cursor | None = None,
    limit: int = PAGE,
) -> RowPage:
    """The postings that add up to a figure, by page: one statement. Raises ``NotFound`` for an unknown figure."""
    if name not in FIGURES:
        raise NotFound()
    figure, days = FIGURES[name], days_of(first)
    where = and_(_is_of(figure), Posting.posted_on.between(days.first, days.last))
    chosen = Selection(Posting, where, _value(figure))
    return rows_of(session, merchant, chosen, after=after, before=before, limit=limit)


def _posted(merchant: Actor, days: DateRange) -> tuple[ColumnElement[bool], ...]:
    return Posting.merchant_id == merchant.merchant_id, Posting.posted_on.between(days.first, days.last)


def _value(figure: MonthFigure) -> ColumnElement[int]:
    signed: list[Any] = [(_is(entry), sign * Posting.amount) for entry, sign in figure.entries.items()]
    return case(*signed, else_=0)


def _is_of(figure: MonthFigure) -> ColumnElement[bool]:
    return or_(*map(_is, figure.entries))


def _is(entry: Entry) -> ColumnElement[bool]:
    return and_(Posting.debit == entry.debit, Posting.credit == entry.credit)
