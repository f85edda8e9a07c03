"""How the portal connects to its database, begins a transaction and locks, on SQLite and on PostgreSQL."""

from __future__ import annotations

import re
import sqlite3
import time
from typing import Any

from sqlalchemy import Connection, event
from sqlalchemy.engine import Engine

SQLITE_PATIENCE = 15


def engine_options(url: str) -> dict[str, Any]:
    """PostgreSQL gives up a lock after 2 s and a statement after 5 s; SQLite waits 15 s for its one writer."""
    if url.startswith("sqlite"):
        connect_args = {"timeout": SQLITE_PATIENCE, "isolation_level": None, "check_same_thread": False}
        return {"connect_args": connect_args, "hide_parameters": True}
    return {
        "connect_args": {"options": "-c lock_timeout=2000 -c statement_timeout=5000 -c timezone=UTC"},
        # What people typed, hashes among it, does not belong into the texts of errors.
        "hide_parameters": True,
        "pool_size": 8,
        "max_overflow": 4,
    }


@event.listens_for(Engine, "connect")
def _prepare_sqlite(connection: Any, _record: object) -> None:
    if isinstance(connection, sqlite3.Connection):
        for pragma in (
            "journal_mode = WAL",
            "synchronous = FULL",
            "foreign_keys = ON",
            # Without it INSERT OR REPLACE removes rows past the triggers that refuse it.
            "recursive_triggers = ON",
            f"busy_timeout = {SQLITE_PATIENCE * 1000}",
        ):
            connection.execute(f"PRAGMA {pragma}")


@event.listens_for(Engine, "begin")
def _begin(connection: Connection) -> None:
    """Transactions begin as the driver would not by itself.

    On SQLite its own lose updates, so it is told: reads defer, writes lock at once. On PostgreSQL a statement that
    reads sees what is committed by then, in a transaction or without: reads do without, which spares two round trips.
    """
    if connection.dialect.name == "sqlite":
        if _writes(connection):
            _lock(connection)
        else:
            connection.exec_driver_sql("BEGIN DEFERRED")
    else:
        driver: Any = connection.connection.dbapi_connection
        driver.autocommit = not _writes(connection)


def _lock(connection: Connection) -> None:
    """Take SQLite's one write lock, looking for it every millisecond until SQLite's own patience is over.

    By itself SQLite looks ever more seldom, at last ten times a second, and misses its turn while a job writes.
    """
    driver: Any = connection.connection.dbapi_connection
    driver.execute("PRAGMA busy_timeout = 0")
    until = time.monotonic() + SQLITE_PATIENCE
    try:
        while time.monotonic() < until:
            try:
                driver.execute("BEGIN IMMEDIATE")
                return
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                    break
            time.sleep(0.001)
        # So that SQLAlchemy wraps what keeps it from being had.
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    finally:
        driver.execute(f"PRAGMA busy_timeout = {SQLITE_PATIENCE * 1000}")


_LOCKS = re.compile(" FOR (UPDATE|NO KEY UPDATE|SHARE|KEY SHARE)")


@event.listens_for(Engine, "before_cursor_execute")
def _refuse_strays(connection: Connection, _cursor: object, statement: str, *about: Any) -> None:
    """Raises ``RuntimeError`` for a change or a lock outside of a unit of work: nothing would undo or hold it."""
    context = about[1]
    changes = context.isinsert or context.isupdate or context.isdelete
    if (changes or _LOCKS.search(statement)) and not _writes(connection):
        raise RuntimeError("a change or a lock outside of a unit of work")


def _writes(connection: Connection) -> bool:
    return connection.get_execution_options().get("write", False)
