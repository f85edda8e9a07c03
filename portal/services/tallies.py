"""Keeping the sums behind the numbers: changes are added with what causes them, and folded by day later on."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import asdict
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import delete, select, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from portal.core.periods import month_of
from portal.core.tallies import Standing, contribution
from portal.models import Base, Plan, TallyChange, new_id
from portal.models.tallies import FOLDED, MONTH, RECOUNTS

from .transaction import insert_rows, unit_of_work

log = logging.getLogger(__name__)

BATCH = 1000
# A payment locks its plan's row first, and a fold its changes: these two tables are closed to locked rows as well, so
# that who has begun is let end, and who has not holds nothing that is waited for.
_LOCKS = (
    "SET LOCAL statement_timeout = 0",
    "SET LOCAL lock_timeout = '60s'",
    "LOCK TABLE plans IN EXCLUSIVE MODE",
    "LOCK TABLE installments, postings IN SHARE ROW EXCLUSIVE MODE",
    "LOCK TABLE tally_changes IN EXCLUSIVE MODE",
    "LOCK TABLE due_tallies, posted_tallies, cohort_tallies IN SHARE ROW EXCLUSIVE MODE",
)


def record(
    session: Session, plan: Plan, changes: Iterable[tuple[Standing | None, Standing]], today: date
) -> None:
    """Add by how much changed installments of an accepted plan move the sums: each as it was and as it is.

    Rows are only added, so payments at one merchant never wait for one another here.
    """
    if plan.accepted_on is None:
        raise ValueError("only an accepted plan counts")
    rows = []
    for before, after in changes:
        change = contribution(after, plan.accepted_on)
        if before:
            change -= contribution(before, plan.accepted_on)
        rows.append(
            {
                "merchant_id": plan.merchant_id,
                "id": new_id(),
                "posted_on": today,
                "due_on": after.due_on,
                "cohort_on": month_of(plan.accepted_on),
            }
            | asdict(change)
        )
    insert_rows(session, TallyChange, rows)


def fold(session: Session, batch: int = BATCH) -> dict[str, int]:
    """Add every merchant's changes to the sums by day, in batches of their own; returns how many were folded.

    Changes that another worker is folding are left to it. A batch is folded as a whole or not at all.
    """
    folded, failures = 0, []
    merchants = session.scalars(select(TallyChange.merchant_id).distinct()).all()
    for merchant_id in merchants:
        try:
            done = batch
            while done == batch:
                with unit_of_work(session):
                    done = _fold(session, merchant_id, batch)
                folded += done
        except Exception as error:
            # What goes wrong at one shop must not keep the others waiting; the run fails when all had their turn.
            log.error(
                "a shop's sums could not be folded", exc_info=error, extra={"merchant": str(merchant_id)}
            )
            failures.append(error)
    if failures:
        raise failures[0]
    return {"folded": folded}


def _fold(session: Session, merchant_id: UUID, batch: int) -> int:
    rows = session.execute(
        select(*TallyChange.__table__.columns)
        .where(TallyChange.merchant_id == merchant_id)
        .order_by(TallyChange.id)
        .limit(batch)
        .with_for_update(skip_locked=True)
    ).all()
    for table in FOLDED:
        _add(session, table, rows)
    session.execute(
        delete(TallyChange)
        .where(TallyChange.merchant_id == merchant_id, TallyChange.id.in_([row.id for row in rows]))
        .execution_options(synchronize_session=False)
    )
    return len(rows)


def _add(session: Session, table: type[Base], rows: Iterable[Any]) -> None:
    """Add the changes to the table's sums; in the order of its keys, so that two workers never wait in a circle."""
    keys = [column.name for column in table.__table__.primary_key]
    names = [column.name for column in table.__table__.columns if column.name not in keys]
    sums: dict[tuple[Any, ...], list[int]] = {}
    for row in rows:
        key = tuple(getattr(row, name) for name in keys)
        before = sums.get(key, [0] * len(names))
        sums[key] = [total + getattr(row, name) for total, name in zip(before, names, strict=True)]
    values = [
        dict(zip([*keys, *names], [*key, *added], strict=True))
        for key, added in sorted(sums.items())
        if any(added)
    ]
    if not values:
        return
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    statement = dialect.insert(table)
    new = {name: table.__table__.c[name] + statement.excluded[name] for name in names}
    session.execute(statement.on_conflict_do_update(index_elements=keys, set_=new), values)


def recount(session: Session) -> None:
    """Count all sums afresh, of every merchant, from what is there: after rows were written past the services.

    Whoever writes meanwhile waits, or is told that the portal is busy; reading goes on. However long the count takes,
    it is not cut off by the limits for people who wait. ``Busy`` if the tables cannot be locked within a minute.
    """
    engine = session.get_bind().dialect.name
    if engine == "postgresql":
        for statement in _LOCKS:
            session.execute(text(statement))
    session.execute(delete(TallyChange))
    for table in FOLDED:
        columns = ", ".join(column.name for column in table.__table__.columns)
        counted = RECOUNTS[table.__tablename__].format(month=MONTH[engine])
        session.execute(delete(table))
        session.execute(text(f"INSERT INTO {table.__tablename__} ({columns}) {counted}"))
