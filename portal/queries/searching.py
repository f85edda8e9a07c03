"""What a search asks: of plans, that their folded words hold it; of other columns, that they do, in any case."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, exists, false, func, literal_column, or_, select, tuple_
from sqlalchemy.orm import Session

from portal.core.accounts import searched_email
from portal.core.search_words import parts_of, receipt_of
from portal.database import is_postgresql
from portal.models import Payment, Plan, PlanWords
from portal.models.search import words_index, words_rows

# What more plans than these hold is soon met by going through plans in the order of the list.
MOST_FOUND = 5000


def plans_hold(session: Session, search: str, merchant_id: UUID | None = None) -> ColumnElement[bool]:
    """Whether all words typed are in a plan's, in any order; without a merchant, in the names of shops too.

    A receipt number that was issued finds its plan alone.
    """
    receipt = receipt_of(search)
    if receipt:
        reference, number = receipt
        held = _hold(session, (reference.lower(),), merchant_id)
        paid = (Payment.merchant_id == Plan.merchant_id) & (Payment.plan_id == Plan.id)
        query = select(Plan.merchant_id, Plan.id).join(Payment, paid).where(held, Plan.reference == reference)
        query = query.where(Payment.number == number, *_of(Plan, merchant_id))
        found = session.execute(query.limit(1)).one_or_none()
        if found:
            return (Plan.merchant_id == found[0]) & (Plan.id == found[1])
    parts = parts_of(search)
    return _hold(session, parts, merchant_id) if parts else false()


def _hold(session: Session, parts: tuple[str, ...], merchant_id: UUID | None) -> ColumnElement[bool]:
    if is_postgresql(session):
        return _read(
            *(_anywhere(lambda c, p=part: c.contains(p, autoescape=True), merchant_id) for part in parts)
        )
    phrases = " AND ".join(f'"{part}"' for part in parts)
    asked = f"{{words}} : ({phrases})" if merchant_id else phrases
    matches = literal_column("plan_words_index").op("MATCH")(asked)
    few = select(words_index.c.rowid).where(matches).limit(MOST_FOUND + 1).subquery()
    if session.scalars(select(func.count()).select_from(few)).one() > MOST_FOUND:
        return _read(*(_anywhere(lambda c, p=part: func.instr(c, p) > 0, merchant_id) for part in parts))
    found = words_rows.join(words_index, words_rows.c.number == words_index.c.rowid)
    if merchant_id:
        # The plus keeps SQLite from going through all of the shop's plans to ask the index about each.
        own = matches & (
            literal_column("+plan_words_rows.merchant_id", words_rows.c.merchant_id.type) == merchant_id
        )
        return Plan.id.in_(select(words_rows.c.plan_id).select_from(found).where(own))
    keys = select(words_rows.c.merchant_id, words_rows.c.plan_id).select_from(found).where(matches)
    return tuple_(Plan.merchant_id, Plan.id).in_(keys)


def _read(*conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    own = PlanWords.merchant_id == Plan.merchant_id, PlanWords.plan_id == Plan.id
    return exists().where(*own, and_(*conditions)).correlate(Plan)


def _anywhere(holds_part: Any, merchant_id: UUID | None) -> ColumnElement[bool]:
    """A shop does not find all of its plans by its own name."""
    words = holds_part(PlanWords.words)
    return words if merchant_id else or_(words, holds_part(PlanWords.shop_words))


def _of(table: type[Plan], merchant_id: UUID | None) -> list[ColumnElement[bool]]:
    return [table.merchant_id == merchant_id] if merchant_id else []


def holds(column: Any, search: str) -> ColumnElement[bool]:
    """Whether the text in the column has ``search`` in it; ``%`` and ``_`` are signs like any others."""
    part = search.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return column.ilike(f"%{part}%", escape="\\")


def email_holds(column: Any, search: str) -> ColumnElement[bool]:
    """The same for an address, whose domain is stored in ASCII."""
    return holds(column, searched_email(search))
