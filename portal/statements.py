"""One way to read: a statement is compiled once for each engine and run by the driver's cursor; rows are plain tuples.

It spares what SQLAlchemy does around each execution, which costs more than most statements do. Everything else is kept:
the session's connection and transaction, the listeners of ``before_cursor_execute`` (which refuse changes and locks
outside a unit of work), the types of columns and parameters, and SQLAlchemy's errors, so that a lost connection is 503.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sqlalchemy import Dialect
from sqlalchemy.orm import Session

Rows = list[tuple[Any, ...]]
Process = Callable[[Any], Any] | None


class Reading:
    """A SELECT. Call it with a session and the values of its parameters."""

    def __init__(self, statement: Any) -> None:
        self._statement = statement
        self._compiled: dict[str, Compiled] = {}

    def named(self, session: Session, **values: Any) -> list[Any]:
        """The rows with their columns as attributes."""
        return list(map(self._row._make, self(session, **values)))

    @cached_property
    def _row(self) -> Any:
        return namedtuple("Row", [column.key for column in self._statement.exported_columns])

    def __call__(self, session: Session, **values: Any) -> Rows:
        connection = session.connection()
        dialect = connection.dialect
        compiled = self._compiled.get(dialect.name)
        if compiled is None:
            compiled = self._compiled[dialect.name] = Compiled.of(self._statement, dialect)
        parameters = compiled.parameters(values)
        sql, cursor = compiled.sql, connection.connection.cursor()
        try:
            connection.dispatch.before_cursor_execute(
                connection, cursor, sql, parameters, compiled.context, False
            )
            cursor.execute(sql, parameters)
            rows: Any = cursor.fetchall() if cursor.description else []
        except dialect.loaded_dbapi.Error as error:
            # Wraps the error, and forgets connections that were lost.
            connection._handle_dbapi_exception(error, sql, parameters, cursor, None)
        finally:
            cursor.close()
        return compiled.processed(rows)


class Changing(Reading):
    """An INSERT, UPDATE or DELETE, in a unit of work; the rows are those of its RETURNING."""


@dataclass(frozen=True, slots=True)
class Compiled:
    """A statement in the words of one engine.

    ``asked`` are its parameters with their names in calls and how a value is converted; ``known`` are those whose
    values are part of the statement. ``results`` are the columns whose values are converted.
    """

    sql: str
    context: Any
    asked: tuple[tuple[str, str, Process], ...]
    known: dict[str, Any]
    positions: tuple[str, ...] | None
    results: tuple[tuple[int, Callable[[Any], Any]], ...]

    @classmethod
    def of(cls, statement: Any, dialect: Dialect) -> Compiled:
        compiled: Any = statement.compile(dialect=dialect)
        if compiled.insert_prefetch or compiled.update_prefetch:
            raise ValueError("a column whose value the model makes for each row")
        if compiled.post_compile_params:
            raise ValueError("a list of values in a statement that is compiled once")
        processors = compiled._bind_processors
        # Values that are written into the statement itself, such as the sign between texts that are joined.
        whole = compiled._process_parameters_for_postcompile(
            {n: b.value for b, n in compiled.bind_names.items()}
        )
        asked, known = [], {}
        for bind, name in compiled.bind_names.items():
            process = processors.get(name)
            if bind.required:
                asked.append((name, bind.key, process))
            else:
                known[name] = process(bind.value) if process else bind.value
        results = []
        for place, column in enumerate(compiled._result_columns):
            process = column[3]._cached_result_processor(dialect, None)
            if process:
                results.append((place, process))
        positions = tuple(whole.positiontup) if compiled.positional else None
        return cls(whole.statement, compiled, tuple(asked), known, positions, tuple(results))

    def parameters(self, values: dict[str, Any]) -> Any:
        given = self.known | {
            name: process(values[key]) if process else values[key] for name, key, process in self.asked
        }
        return given if self.positions is None else tuple([given[name] for name in self.positions])

    def processed(self, rows: Rows) -> Rows:
        """The rows with their values as the program has them, column by column."""
        if not rows or not self.results:
            return rows
        columns: list[Any] = list(zip(*rows, strict=True))
        for place, process in self.results:
            columns[place] = map(process, columns[place])
        return list(zip(*columns, strict=True))
