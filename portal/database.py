"""The database connection: engine options, how a transaction begins, and what differs between the two engines."""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import orjson
from sqlalchemy import Connection, Table, create_engine, event, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Engine, ExceptionContext
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.orm import Session

SQLITE_TIMEOUT = 15  # seconds


def engine_options(url: str) -> dict[str, Any]:
    """SQLite waits up to 15 s for the write lock; PostgreSQL's limits: ``portal/models/rights.py``."""
    # Ids, dates and instants may be part of what is stored as JSON.
    stored = {"json_serializer": write_json, "json_deserializer": read_json}
    if url.startswith("sqlite"):
        connect_args = {"timeout": SQLITE_TIMEOUT, "isolation_level": None, "check_same_thread": False}
        return {"connect_args": connect_args, "hide_parameters": True} | stored
    return stored | {
        # Keeps what people typed, and hashes, out of error messages.
        "hide_parameters": True,
        "pool_size": 8,
        "max_overflow": 4,
    }


def write_json(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_UTC_Z).decode()


def read_json(stored: str | float) -> Any:
    """Raises ``TypeError`` for a number, which SQLite gives as it is: SQLAlchemy takes it so."""
    if not isinstance(stored, str):
        raise TypeError("not JSON, but a value")
    return orjson.loads(stored)


# SQLSTATE of a server that can do nothing more for this connection: class 08 (its connection, or a node's behind it, is
# gone), and a change that a server refuses which only reads, as one does whose place another took.
_CONNECTION_GONE, _ONLY_READS = "08", "25006"


@event.listens_for(Engine, "handle_error")
def _give_up_the_connection(context: ExceptionContext) -> None:
    """Make such an error a lost connection: the pool connects anew, perhaps to another server."""
    state = getattr(context.original_exception, "pgcode", None) or ""
    if state.startswith(_CONNECTION_GONE) or state == _ONLY_READS:
        context.is_disconnect = True


class WrongEncoding(SQLAlchemyError):
    """The database cannot hold every name, since its encoding is not UTF-8."""


@event.listens_for(Engine, "connect")
def _refuse_other_encodings(connection: Any, _record: object) -> None:
    if isinstance(connection, sqlite3.Connection):
        return
    encoding = connection.get_parameter_status("server_encoding")
    if encoding != "UTF8":
        raise WrongEncoding(
            f"The encoding of database {connection.info.dbname} is {encoding}: it cannot hold every name. Make "
            "one with CREATE DATABASE ... ENCODING 'UTF8' TEMPLATE template0; nothing was changed."
        )


@event.listens_for(Engine, "connect")
def _prepare_sqlite(connection: Any, _record: object) -> None:
    if isinstance(connection, sqlite3.Connection):
        for pragma in (
            "journal_mode = WAL",
            "synchronous = FULL",
            "foreign_keys = ON",
            # Without it INSERT OR REPLACE deletes rows without firing the delete triggers.
            "recursive_triggers = ON",
            f"busy_timeout = {SQLITE_TIMEOUT * 1000}",
        ):
            connection.execute(f"PRAGMA {pragma}")


@event.listens_for(Engine, "begin")
def _begin(connection: Connection) -> None:
    """Begin a transaction explicitly.

    SQLite: BEGIN DEFERRED for reads, IMMEDIATE for writes, which avoids lost updates. PostgreSQL: reads use autocommit,
    which saves BEGIN and ROLLBACK; a single statement sees the same rows either way. The execution option ``at_begin``
    is run first, for settings of a transaction.
    """
    if connection.dialect.name == "sqlite":
        if _writes(connection):
            _begin_immediate(connection)
        else:
            connection.exec_driver_sql("BEGIN DEFERRED")
    else:
        driver: Any = connection.connection.dbapi_connection
        driver.autocommit = not _writes(connection)
        if at_begin := connection.get_execution_options().get("at_begin"):
            connection.exec_driver_sql(at_begin)


def _begin_immediate(connection: Connection) -> None:
    """Take SQLite's write lock, trying every millisecond for ``SQLITE_TIMEOUT`` seconds, or once if it cannot wait.

    SQLite's own busy handler backs off to ten tries a second and would miss its turn between a job's batches.
    """
    driver: Any = connection.connection.dbapi_connection
    driver.execute("PRAGMA busy_timeout = 0")
    until = time.monotonic() + (SQLITE_TIMEOUT if _waits(connection) else 0)
    try:
        while time.monotonic() < until:
            try:
                driver.execute("BEGIN IMMEDIATE")
                return
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                    break
            time.sleep(0.001)
        # The last try goes through SQLAlchemy, which wraps the error.
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    finally:
        driver.execute(f"PRAGMA busy_timeout = {SQLITE_TIMEOUT * 1000}")


_LOCKS = re.compile(" FOR (UPDATE|NO KEY UPDATE|SHARE|KEY SHARE)")


@event.listens_for(Engine, "before_cursor_execute")
def _reject_writes_outside_unit_of_work(
    connection: Connection, _cursor: object, statement: str, *about: Any
) -> None:
    """Raise ``RuntimeError`` for a change or a row lock outside a unit of work: nothing would commit or hold it."""
    context = about[1]
    changes = context.isinsert or context.isupdate or context.isdelete
    if (changes or _LOCKS.search(statement)) and not _writes(connection):
        raise RuntimeError("a change or a lock outside of a unit of work")


def _writes(connection: Connection) -> bool:
    return connection.get_execution_options().get("write", False)


def _waits(connection: Connection) -> bool:
    return connection.get_execution_options().get("waits", True)


def engine_name(session: Session) -> str:
    """``sqlite`` or ``postgresql``."""
    return session.get_bind().dialect.name


def is_postgresql(session: Session) -> bool:
    return engine_name(session) == "postgresql"


def is_standby(connection: Connection) -> bool:
    """Whether the server only follows another one, and so can change nothing."""
    return connection.dialect.name == "postgresql" and bool(
        connection.scalar(text("SELECT pg_is_in_recovery()"))
    )


class Standby:
    """A server that follows the primary: for long reads, and only while it has everything that was committed."""

    CATCH_UP_SECONDS, POLL_SECONDS = 0.5, 0.01
    RETRY_SECONDS = 10.0  # after it could not be reached

    def __init__(self, url: str) -> None:
        options = engine_options(url) | {"connect_args": {"connect_timeout": 2}}
        self.engine = create_engine(url, **options)
        self._retry_at = 0.0

    def has_caught_up(self, primary: Session) -> bool:
        """Whether everything committed until now can be read there; waits for it for up to ``CATCH_UP_SECONDS``."""
        now = time.monotonic()
        if now < self._retry_at:
            return False
        position = primary.scalar(text("SELECT pg_current_wal_flush_lsn()"))
        try:
            with self.engine.connect() as standby:
                while not standby.scalar(_REPLAYED_TO, {"position": position}):
                    if time.monotonic() > now + self.CATCH_UP_SECONDS:
                        return False
                    time.sleep(self.POLL_SECONDS)
            return True
        except DBAPIError:
            self._retry_at = now + self.RETRY_SECONDS
            return False


# A promoted server follows no primary: what it says may be its own.
_REPLAYED_TO = text(
    "SELECT pg_is_in_recovery() AND pg_last_wal_replay_lsn() >= CAST(:position AS pg_lsn)",
)


def reads_from(session: Session) -> Engine | None:
    """The engine that the session reads from if that is not its own; in a unit of work it is its own."""
    return None if session.info.get("in_unit_of_work") else session.info.get("reads_from")


@contextmanager
def without_statement_timeout(session: Session) -> Iterator[None]:
    """PostgreSQL's limit of five seconds is for people who wait; reading all rows takes longer.

    Holds in a transaction, a reading one unless a unit of work is open: behind a pooler the connection's next
    transaction is another client's.
    """
    if not is_postgresql(session):
        yield
        return
    unlimited = "SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0"
    own = not _writes(session.connection())
    if own:
        session.rollback()
        session.connection(execution_options={"write": True})
    session.execute(text(unlimited))
    try:
        yield
    finally:
        if own:
            session.rollback()


def insert_on_conflict(on_postgresql: bool, table: Table | type[Any]) -> postgresql.Insert | sqlite.Insert:
    """An INSERT with ``on_conflict_do_nothing`` and ``on_conflict_do_update``, which each dialect has of its own."""
    return postgresql.insert(table) if on_postgresql else sqlite.insert(table)
