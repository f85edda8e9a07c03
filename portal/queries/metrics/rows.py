"""The rows behind a number, by page: those that add up to it, each with the plan that it belongs to."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, case, literal, null, select, tuple_
from sqlalchemy.orm import Session

from portal.core.errors import NotFound
from portal.core.ledger import Account
from portal.core.periods import Period
from portal.core.roles import Actor
from portal.models import Installment, Plan, User
from portal.models.ledger import Posting

from ..read_models import IS_DEPOSIT
from .registry import NUMBERS
from .selections import MERCHANT, Selection
from .sources import frame_of

PAGE = 50

# The day and the id of a row: where a page ends and the next one goes on.
Cursor = tuple[date, UUID]


@dataclass(frozen=True, slots=True)
class Row:
    """What counts for a number: an installment by the day when it is due, or cash by the day when it moved.

    ``value`` is in minor units, or for counts and rates 1 or 0; ``amount`` is what was asked for or what moved.
    Cash that came in names its payment; what went out was ``refunded`` or, if not, reversed.
    """

    id: UUID
    on: date
    value: int
    amount: int
    number: int
    is_deposit: bool
    plan_id: UUID
    reference: str
    description: str
    customer_name: str
    payment_id: UUID | None
    refunded: bool


@dataclass(frozen=True, slots=True)
class RowPage:
    """One page of rows, with the cursors of the next and previous pages, if any.

    Cash that moved last comes first; installments come in the order in which they are due.
    """

    rows: tuple[Row, ...]
    next_after: Cursor | None
    previous_before: Cursor | None


def rows(
    session: Session,
    merchant: Actor,
    now: datetime,
    name: str,
    period: str = Period.ALL,
    *,
    part: str | None = None,
    after: Cursor | None = None,
    before: Cursor | None = None,
    limit: int = PAGE,
) -> RowPage:
    """The rows of the number ``name``, or of one ``part`` of a series: one statement.

    Those that come ``after`` a row in the order of the list, or the last ones ``before`` it. Raises ``NotFound`` for a
    number or a part that does not exist, and ``ValueError`` for such a period.
    """
    frame = frame_of(merchant, now, period)
    if name not in NUMBERS:
        raise NotFound()
    chosen = NUMBERS[name].select(frame)
    if part is not None:
        if part not in chosen.parts:
            raise NotFound()
        chosen = replace(chosen, where=chosen.where & chosen.parts[part])
    return rows_of(session, merchant, chosen, after=after, before=before, limit=limit)


def rows_of(
    session: Session,
    merchant: Actor,
    chosen: Selection,
    *,
    after: Cursor | None = None,
    before: Cursor | None = None,
    limit: int = PAGE,
) -> RowPage:
    """One page of the rows that a selection chooses: one statement."""
    query = _query(chosen)
    on, row_id = _day(chosen), chosen.table.id
    edge, backwards = after or before, after is None and before is not None
    falling = (chosen.table is Posting) != backwards
    if edge:
        cursor = tuple_(literal(edge[0], on.type), literal(edge[1], row_id.type))
        query = query.where(tuple_(on, row_id) < cursor if falling else tuple_(on, row_id) > cursor)
    # No-op filter: lets SQLite's planner start from the date index.
    query = query.where(on > date.min)
    order = (on.desc(), row_id.desc()) if falling else (on, row_id)
    query = query.order_by(*order).limit(limit + 1)
    found = [Row(*row) for row in session.execute(query, {"merchant": merchant.merchant_id})]
    more, shown = len(found) > limit, found[:limit]
    if backwards:
        shown.reverse()
    ends = ((shown[0].on, shown[0].id), (shown[-1].on, shown[-1].id)) if shown else (None, None)
    has_next, has_previous = (True, more) if backwards else (more, after is not None)
    return RowPage(tuple(shown), ends[1] if has_next else None, ends[0] if has_previous else None)


def _day(chosen: Selection) -> Any:
    return Posting.posted_on if chosen.table is Posting else Installment.due_on


def _payment(chosen: Selection) -> Any:
    return case((Posting.debit == Account.CASH, Posting.payment_id)) if chosen.table is Posting else null()


def _query(chosen: Selection) -> Select[Any]:
    """The order of the columns is that of ``Row``."""
    query = select(
        chosen.table.id,
        _day(chosen),
        chosen.value,
        chosen.table.amount,
        Installment.number,
        IS_DEPOSIT,
        Plan.id,
        Plan.reference,
        Plan.description,
        User.name,
        _payment(chosen),
        Posting.debit == Account.REFUNDS if chosen.table is Posting else literal(False),
    ).select_from(chosen.table)
    if chosen.table is Posting:
        query = query.join(Installment)
    return (
        query.join(Plan)
        .join(User, User.id == Plan.customer_id)
        .where(chosen.table.merchant_id == MERCHANT, Plan.acceptance_id.is_not(None), chosen.where)
    )
