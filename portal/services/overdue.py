"""Mark overdue installments once with the merchant's date, in batches."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import (
    Column,
    MetaData,
    Select,
    String,
    Table,
    cast,
    delete,
    func,
    insert,
    literal,
    select,
    tuple_,
    update,
)
from sqlalchemy.orm import Session
from sqlalchemy.schema import CreateTable

from portal.database import is_postgresql
from portal.models import Installment, Plan

from . import events

BATCH = 500
Place = tuple[date, UUID]
ORDER = (Installment.due_on, Installment.id)
PAGE = (*ORDER, Installment.plan_id, Installment.number)


def mark(
    session: Session,
    merchant_id: UUID,
    zone: str,
    today: date,
    now: datetime,
    after: Place | None = None,
    batch: int = BATCH,
) -> tuple[int, Place | None]:
    """Stamp one page of installments due before ``today`` and still owed, by due date from ``after`` on; those of
    plans whose terms name this time zone.

    Returns how many were stamped, and where to go on; None at the end. A row that a payment or another worker holds is
    skipped; the next run handles it. The rows never leave the database: PostgreSQL finds, records and
    stamps in one statement, SQLite, where nobody else writes meanwhile, keeps the page in a table of its connection.
    """
    query = _page(merchant_id, zone, today, after, batch)
    on_postgresql = is_postgresql(session)
    page = query.cte("page") if on_postgresql else _kept(session, query)
    place = (page.c.due_on, page.c.id)
    facts = {
        "number": page.c.number,
        "due_on": cast(page.c.due_on, String),
        "day": literal(today.isoformat()),
    }
    record = events.for_each(
        session,
        "installment_late",
        select(page),
        place,
        page.c.plan_id,
        facts,
        merchant_id=merchant_id,
        at=now,
    )
    chosen = (Installment.merchant_id == merchant_id, Installment.id.in_(select(page.c.id)))
    stamp = update(Installment).where(*chosen).values(late_on=today)
    last = select(*place, func.count().over()).order_by(*(column.desc() for column in place)).limit(1)
    if on_postgresql:
        last = last.add_cte(record.cte("recorded"), stamp.cte("stamped"))
    found = session.execute(last).one_or_none()
    if found is None:
        return 0, None
    if not on_postgresql:
        session.execute(record)
        session.execute(stamp.execution_options(synchronize_session=False))
    due_on, last_id, count = found
    return count, (due_on, last_id) if count == batch else None


_KEPT = Table(
    "overdue_page",
    MetaData(),
    *(Column(column.key, column.type) for column in PAGE),
    prefixes=["TEMPORARY"],
)


def _kept(session: Session, query: Select[date, UUID, UUID, int]) -> Table:
    """The page in a table that only this connection sees, in place of what it held before."""
    session.execute(CreateTable(_KEPT, if_not_exists=True))
    session.execute(delete(_KEPT))
    session.execute(insert(_KEPT).from_select(list(_KEPT.c), query))
    return _KEPT


def _page(
    merchant_id: UUID, zone: str, today: date, after: Place | None, batch: int
) -> Select[date, UUID, UUID, int]:
    """The next page of installments, locked; rows locked by others are skipped."""
    query = (
        select(*PAGE)
        .join(Plan)
        .where(
            Installment.merchant_id == merchant_id,
            Installment.due_on < today,
            Installment.late_on.is_(None),
            Installment.owed > 0,
            Plan.state == "active",
            Plan.timezone == zone,
        )
        .order_by(*ORDER)
        .limit(batch)
        .with_for_update(of=Installment, skip_locked=True, key_share=True)
    )
    return query.where(tuple_(*ORDER) > after) if after else query
