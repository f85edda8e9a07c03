"""The unit of work: one transaction per use case; a busy database raises ``Busy``. Also inserts of many rows."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from typing import Any, Literal

from sqlalchemy import Table, bindparam, insert, literal
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.orm import Session
from sqlalchemy.sql.schema import ScalarElementColumnDefault

from portal.core.errors import Busy
from portal.database import engine_name, insert_on_conflict, is_postgresql
from portal.models import Base
from portal.statements import Changing

# PostgreSQL: lock not available, statement cancelled, deadlock, serialization failure, admin shutdown.
_BUSY_STATES = {"55P03", "57014", "40P01", "40001", "57P01"}
# What Citus says, with no SQLSTATE of its own, when a node is lost during the commit.
_COMMIT_LOST = "could not commit transaction"
SQLITE_YIELD_SECONDS = 0.005


@contextmanager
def unit_of_work(session: Session, *, waits: bool = True) -> Iterator[Session]:
    """Commit at the end of the block, roll back on any error.

    What was read before belongs to another snapshot and is forgotten, and so is what the block read: others may
    change it from then on. On SQLite the write lock is taken at once. Raises ``Busy`` when the database cannot be
    locked or reached in time; without ``waits``, as soon as another writes to SQLite.
    """
    if session.info.get("in_unit_of_work"):
        raise RuntimeError("a unit of work cannot hold another")
    rollback_safely(session)
    session.info["in_unit_of_work"] = True
    try:
        session.connection(execution_options={"write": True, "waits": waits})
        yield session
        session.commit()
        session.expunge_all()
    except DBAPIError as error:
        rollback_safely(session)
        if is_busy(error):
            raise Busy() from error
        raise
    except BaseException:
        rollback_safely(session)
        raise
    finally:
        session.info["in_unit_of_work"] = False


class _EndOfTrial(Exception):
    """Rolls a trial back; never leaves it."""


@contextmanager
def trial(session: Session) -> Iterator[Session]:
    """A unit of work that is rolled back at its end: what it would have done can be read within it."""
    with suppress(_EndOfTrial), unit_of_work(session):
        yield session
        raise _EndOfTrial


@contextmanager
def batch_unit_of_work(session: Session) -> Iterator[Session]:
    """One of many units of work of a job; other writers get their turn before the next.

    Writers waiting for SQLite's write lock retry every millisecond and could miss the gap between two batches, so the
    job pauses for longer than that. PostgreSQL locks rows, and its waiters queue.
    """
    with unit_of_work(session):
        yield session
    if not is_postgresql(session):
        time.sleep(SQLITE_YIELD_SECONDS)


def rollback_safely(session: Session) -> None:
    """Roll back; a lost connection has been rolled back by the database already."""
    with suppress(DBAPIError):
        session.rollback()


def is_busy(error: DBAPIError) -> bool:
    """Whether trying again later may help: a lock timeout, a lost connection or node, or a server that only reads."""
    if error.connection_invalidated or getattr(error.orig, "pgcode", None) in _BUSY_STATES:
        return True
    if _COMMIT_LOST in str(error.orig):
        return True
    # Without a code: SQLite's lock, or PostgreSQL out of reach.
    return isinstance(error, OperationalError) and getattr(error.orig, "pgcode", None) is None


def insert_once(session: Session, table: type[Base], rows: list[dict[str, Any]]) -> list[Any]:
    """Insert the rows whose unique keys are new and skip the others; returns the last primary key column of the new.

    ``table`` is a model; the rows all have the same columns.
    """
    return [row[0] for row in _insert(session, table, rows, once=True)]


def insert_rows(session: Session, table: type[Base], rows: list[dict[str, Any]]) -> None:
    """Insert the rows, all with the same columns, in one statement, past the session."""
    _insert(session, table, rows, once=False)


# More rows than these go through SQLAlchemy, which makes statements of any length.
MOST_AT_ONCE = 64


def _insert(session: Session, table: type[Base], rows: list[dict[str, Any]], once: bool) -> Sequence[Any]:
    if not rows:
        return []
    statement = _statement(_of(table), once and engine_name(session))
    if len(rows) > MOST_AT_ONCE:
        found = session.execute(statement, rows)
        return found.all() if once else []
    given = tuple(rows[0])
    values = {f"{name}_{place}": row[name] for place, row in enumerate(rows) for name in given}
    return _changing(_of(table), once and engine_name(session), given, len(rows))(session, **values)


def _statement(table: Table, once_on: str | Literal[False]) -> Any:
    if not once_on:
        return insert(table)
    key = table.primary_key.columns.values()[-1]
    return insert_on_conflict(once_on == "postgresql", table).on_conflict_do_nothing().returning(key)


@cache
def _changing(table: Table, once_on: str | Literal[False], given: tuple[str, ...], count: int) -> Changing:
    """For so many rows with these columns; what the model gives to others by default is part of the statement."""
    fixed = {
        column.name: literal(default.arg, column.type)
        for column in table.columns
        if column.name not in given and isinstance(default := column.default, ScalarElementColumnDefault)
    }
    rows = [
        {name: bindparam(f"{name}_{place}", type_=table.c[name].type) for name in given} | fixed
        for place in range(count)
    ]
    return Changing(_statement(table, once_on).values(rows))


def _of(table: type[Base]) -> Table:
    return table.metadata.tables[table.__tablename__]
