"""Receivables as of a past day: what customers owed at its end, found by undoing what was posted since."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, and_, case, cast, func, literal, or_, select, tuple_
from sqlalchemy.orm import Session

from portal.core.ledger import Account
from portal.core.money import Money
from portal.core.periods import DateRange, ReportingPeriod
from portal.core.roles import Actor
from portal.core.schedule import Kind
from portal.models import Installment, Plan, User
from portal.models.ledger import Posting

from .metrics.rows import PAGE, Cursor, RowPage, rows_of
from .metrics.selections import MERCHANT, Selection
from .read_models import IS_DEPOSIT

BATCH = 500
NOT_DUE = "not_due"


@dataclass(frozen=True, slots=True)
class AgeGroup:
    """What was owed of one age: ``not_due``, or by how many days ago it had been due; minor units."""

    age: str
    amount: int
    installments: int


@dataclass(frozen=True, slots=True)
class Receivables:
    """What customers owed at the end of the day ``as_of``, in minor units of ``currency``, by age."""

    as_of: date
    currency: str
    groups: tuple[AgeGroup, ...]

    @property
    def total(self) -> int:
        return sum(group.amount for group in self.groups)

    @property
    def installments(self) -> int:
        return sum(group.installments for group in self.groups)


@dataclass(frozen=True, slots=True)
class ReceivableRow:
    """An installment of which something was owed, as a line of a file."""

    reference: str
    description: str
    customer_name: str
    customer_email: str
    number: int
    kind: str
    due_on: date
    days_late: int
    currency: str
    amount: Money
    owed: Money


def receivables(session: Session, merchant: Actor, as_of: date) -> Receivables:
    """The sums by age: one statement. Ages go by the due dates as they are agreed now."""
    chosen, ages = _selection(as_of), _ages(as_of)
    age = case(*((_within(span), name) for name, span in ages.items()), else_=NOT_DUE)
    query = (
        select(age.label("age"), func.sum(chosen.value), func.count())
        .select_from(Installment)
        .join(Plan)
        .where(Installment.merchant_id == MERCHANT, chosen.where)
        .group_by("age")
    )
    found = {row[0]: row for row in session.execute(query, {"merchant": merchant.merchant_id})}
    sums = {name: found.get(name, (name, 0, 0)) for name in (NOT_DUE, *ages)}
    groups = tuple(AgeGroup(name, int(amount), count) for name, amount, count in sums.values())
    return Receivables(as_of, merchant.currency, groups)


def rows(
    session: Session,
    merchant: Actor,
    as_of: date,
    *,
    after: Cursor | None = None,
    before: Cursor | None = None,
    limit: int = PAGE,
) -> RowPage:
    """The installments that add up to the total, in the order in which they are due: one statement."""
    return rows_of(session, merchant, _selection(as_of), after=after, before=before, limit=limit)


def file_rows(
    session: Session, merchant: Actor, _now: datetime, wanted: Any
) -> Iterator[list[ReceivableRow]]:
    """The same as lines of a file, in batches; ``wanted.as_of`` is the day."""
    chosen = _selection(wanted.as_of)
    query = (
        select(
            Installment.id,
            Installment.due_on,
            Installment.number,
            IS_DEPOSIT,
            Installment.amount,
            chosen.value.label("owed"),
            Plan.reference,
            Plan.description,
            Plan.currency,
            Plan.customer_email,
            User.name,
        )
        .select_from(Installment)
        .join(Plan)
        .join(User, User.id == Plan.customer_id)
        .where(Installment.merchant_id == MERCHANT, chosen.where)
        .order_by(Installment.due_on, Installment.id)
        .limit(BATCH)
    )
    place = tuple_(Installment.due_on, Installment.id)
    batch = query
    while found := list(session.execute(batch, {"merchant": merchant.merchant_id})):
        yield [_file_row(row, wanted.as_of) for row in found]
        if len(found) < BATCH:
            return
        last = found[-1]
        edge = tuple_(literal(last.due_on, Installment.due_on.type), literal(last.id, Installment.id.type))
        batch = query.where(place > edge)


def _file_row(row: Any, as_of: date) -> ReceivableRow:
    return ReceivableRow(
        reference=row.reference,
        description=row.description,
        customer_name=row.name,
        customer_email=row.customer_email,
        number=row.number,
        kind=Kind.DEPOSIT if row.is_deposit else Kind.INSTALLMENT,
        due_on=row.due_on,
        days_late=max((as_of - row.due_on).days, 0),
        currency=row.currency,
        amount=Money(row.amount, row.currency),
        owed=Money(row.owed, row.currency),
    )


def _selection(as_of: date) -> Selection:
    """Installments of accepted plans of which something was owed at the end of the day, with how much.

    Only what is owed now and what was posted since is looked at, so that a recent day costs little.
    """
    since = and_(
        Posting.merchant_id == MERCHANT,
        Posting.posted_on > as_of,
        or_(Posting.debit == Account.RECEIVABLE, Posting.credit == Account.RECEIVABLE),
    )
    signed = case((Posting.debit == Account.RECEIVABLE, Posting.amount), else_=-Posting.amount)
    moved = (
        select(func.coalesce(func.sum(signed), 0))
        .where(since, Posting.installment_id == Installment.id)
        .correlate(Installment)
        .scalar_subquery()
    )
    # A sum is numeric on PostgreSQL.
    owed = cast(Installment.owed - moved, BigInteger)
    looked_at = or_(Installment.owed > 0, Installment.id.in_(select(Posting.installment_id).where(since)))
    return Selection(Installment, and_(Plan.acceptance_id.is_not(None), looked_at, owed > 0), owed)


def _ages(as_of: date) -> dict[str, DateRange]:
    return ReportingPeriod(as_of).ages


def _within(span: DateRange) -> ColumnElement[bool]:
    return Installment.due_on.between(span.first, span.last)
