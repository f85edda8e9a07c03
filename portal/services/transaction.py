"""The unit of work: one transaction per use case; refuses to nest, and turns a busy database into ``Busy``."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from typing import Any

from sqlalchemy import Executable, Table, insert
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.orm import Session

from portal.core.errors import Busy
from portal.models import Base

# PostgreSQL: lock not available, statement cancelled, deadlock, serialization failure, admin shutdown.
_BUSY_STATES = {"55P03", "57014", "40P01", "40001", "57P01"}
BREATH = 0.005


@contextmanager
def unit_of_work(session: Session) -> Iterator[Session]:
    """Commit at the end of the block, roll back on any error.

    What was read before belongs to another snapshot and is forgotten, and so is what the block read: others may
    change it from then on. On SQLite the write lock is taken at once. Raises ``Busy`` when the database cannot be
    locked or reached in time.
    """
    if session.info.get("in_unit_of_work"):
        raise RuntimeError("a unit of work cannot hold another")
    let_go(session)
    session.info["in_unit_of_work"] = True
    try:
        session.connection(execution_options={"write": True})
        yield session
        session.commit()
        session.expunge_all()
    except DBAPIError as error:
        let_go(session)
        if is_busy(error):
            raise Busy() from error
        raise
    except BaseException:
        let_go(session)
        raise
    finally:
        session.info["in_unit_of_work"] = False


@contextmanager
def long_work(session: Session) -> Iterator[Session]:
    """A unit of work of a job that has many, one after the other; others have their turn before the next.

    Whoever waits for SQLite's one writer looks again every millisecond, and would miss the moment between two: so the
    job stays away a little longer than that. PostgreSQL locks rows, and its waiters queue.
    """
    with unit_of_work(session):
        yield session
    if session.get_bind().dialect.name == "sqlite":
        time.sleep(BREATH)


def let_go(session: Session) -> None:
    """End the session's transaction and forget its changes; a database that cannot be told so has done it already."""
    with suppress(DBAPIError):
        session.rollback()


def is_busy(error: DBAPIError) -> bool:
    """Whether trying again later may help: a lock that was not had, a connection that was lost."""
    if error.connection_invalidated or getattr(error.orig, "pgcode", None) in _BUSY_STATES:
        return True
    # Without a code: SQLite's lock, or a PostgreSQL that did not answer at all.
    return isinstance(error, OperationalError) and getattr(error.orig, "pgcode", None) is None


def insert_once(session: Session, table: type[Base], rows: list[dict[str, Any]]) -> list[Any]:
    """Insert the rows whose unique keys are new, leave the others as they are; returns the first key column of the new.

    ``table`` is a model whose rows are given in full, since defaults of the model do not apply.
    """
    if not rows:
        return []
    return list(session.scalars(_insert_new(table, session.get_bind().dialect.name), rows))


def insert_rows(session: Session, table: type[Base], rows: list[dict[str, Any]]) -> None:
    """Insert the rows, all with the same columns, in one statement; the session learns of none of them."""
    if rows:
        session.execute(_insert(table), rows)


# Built once, and of tables: a session's own bookkeeping for what is inserted would cost more than inserting.


@cache
def _insert(table: type[Base]) -> Executable:
    return insert(_of(table))


@cache
def _insert_new(table: type[Base], dialect_name: str) -> Executable:
    dialect = postgresql if dialect_name == "postgresql" else sqlite
    key = _of(table).primary_key.columns.values()[-1]
    return dialect.insert(_of(table)).on_conflict_do_nothing().returning(key)


def _of(table: type[Base]) -> Table:
    return table.metadata.tables[table.__tablename__]
