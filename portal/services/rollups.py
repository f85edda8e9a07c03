"""Rollups behind the dashboard: add deltas to the sums by day, or rebuild the sums from the installments."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from sqlalchemy import delete, insert, select, text
from sqlalchemy.orm import Session

from portal.database import engine_name, insert_on_conflict, is_postgresql
from portal.models import Base
from portal.models.rollups import ROLLUP_TABLES, MetricDelta, recount

from .transaction import unit_of_work

log = logging.getLogger(__name__)

BATCH = 1000
# Lock order: running payments (which lock their plan first) and roll-ups (which lock their deltas) finish first; new
# ones block without holding locks that we need.
_LOCKS = (
    "SET LOCAL statement_timeout = 0",
    "SET LOCAL lock_timeout = '60s'",
    "LOCK TABLE plans IN EXCLUSIVE MODE",
    "LOCK TABLE installments, postings IN SHARE ROW EXCLUSIVE MODE",
    "LOCK TABLE metric_deltas IN EXCLUSIVE MODE",
    "LOCK TABLE due_rollups, posted_rollups, cohort_rollups IN SHARE ROW EXCLUSIVE MODE",
)


def roll_up(session: Session, batch: int = BATCH) -> dict[str, int]:
    """Add every merchant's deltas to the sums by day, in batches of their own; returns how many were added.

    Deltas that another worker has locked are left to it. A batch is added as a whole or not at all.
    """
    folded, failures = 0, []
    merchants = session.scalars(select(MetricDelta.merchant_id).distinct()).all()
    for merchant_id in merchants:
        try:
            done = batch
            while done == batch:
                with unit_of_work(session):
                    done = _roll_up(session, merchant_id, batch)
                folded += done
        except Exception as error:
            # An error at one shop must not block the others; the run fails after all were processed.
            log.error(
                "a shop's sums could not be folded", exc_info=error, extra={"merchant": str(merchant_id)}
            )
            failures.append(error)
    if failures:
        raise failures[0]
    return {"folded": folded}


def _roll_up(session: Session, merchant_id: UUID, batch: int) -> int:
    rows = session.execute(
        select(*MetricDelta.__table__.columns)
        .where(MetricDelta.merchant_id == merchant_id)
        .order_by(MetricDelta.id)
        .limit(batch)
        .with_for_update(skip_locked=True)
    ).all()
    for table in ROLLUP_TABLES:
        _add(session, table, rows)
    session.execute(
        delete(MetricDelta)
        .where(MetricDelta.merchant_id == merchant_id, MetricDelta.id.in_([row.id for row in rows]))
        .execution_options(synchronize_session=False)
    )
    return len(rows)


def _add(session: Session, table: type[Base], rows: Iterable[Any]) -> None:
    """Add the deltas to the table's sums; in the order of its keys, so that two workers never wait in a circle."""
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
    statement = insert_on_conflict(is_postgresql(session), table)
    new = {name: table.__table__.c[name] + statement.excluded[name] for name in names}
    session.execute(statement.on_conflict_do_update(index_elements=keys, set_=new), values)


def rebuild_rollups(session: Session) -> None:
    """Rebuild the rollups of every merchant from the rows, needed after rows were written without the services.

    Concurrent writers wait or get ``Busy``; reading goes on. However long the count takes,
    it is not cut off by the limits for people who wait. ``Busy`` if the tables cannot be locked within a minute.
    """
    if is_postgresql(session):
        for statement in _LOCKS:
            session.execute(text(statement))
    session.execute(delete(MetricDelta))
    for table in ROLLUP_TABLES:
        names = [column.name for column in table.__table__.columns]
        session.execute(delete(table))
        session.execute(insert(table).from_select(names, recount(table, engine_name(session))))
