"""The same requests at one shop with few installments and with many, and no statement reads a large table."""

from __future__ import annotations

import itertools
import re
import sqlite3
import statistics
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2
import psycopg2.extras

from portal.models import Base
from tests.concurrency import web

from . import clients, recording
from .bare import Recording
from .places import Place
from .table import LINES, WARM_UP_SECONDS, Effort, Stage

MOST = 1.3
# In seconds, after each answer: the API lets one user ask 6,000 times a minute (portal/api/__init__.py).
PAUSE = 0.01
# Those plans of one customer are as many at either shop.
LEFT_OUT = "home page of a customer, HTML, 200"
# So many rows are worth an index.
LARGE = 5_000


@dataclass(frozen=True, slots=True)
class Growth:
    """The medians of one client's requests in seconds, and the large tables that a statement reads from end to end."""

    name: str
    engine: str
    few: float
    many: float
    scanned: frozenset[str]

    @property
    def ratio(self) -> float:
        return self.many / self.few

    @property
    def met(self) -> bool:
        return self.ratio <= MOST and not self.scanned


def measure(few: Place, many: Place, effort: Effort, folder: Path) -> Iterator[Growth]:
    """Line by line, the two shops in turn."""
    with ExitStack() as stack:
        stages = []
        for name, place in (("few", few), ("many", many)):
            (folder / name).mkdir()
            served = stack.enter_context(web.running(place.environ(), folder / name))
            stages.append(Stage(recording.application(place), place, served.port))
        for name, (_goal, prepare) in LINES.items():
            if not name.startswith(LEFT_OUT):
                asked = [prepare(stage) for stage in stages]
                scripts = [[itertools.chain.from_iterable(each.portal)] for each in asked]
                for stage, script in zip(stages, scripts, strict=True):
                    clients.run(stage.port, script, WARM_UP_SECONDS, PAUSE)
                latencies: list[list[float]] = [[], []]
                for _turn in range(effort.turns):
                    for stage, script, kept in zip(stages, scripts, latencies, strict=True):
                        kept += clients.run(stage.port, script, effort.seconds, PAUSE).latencies
                medians = [statistics.median(kept) for kept in latencies]
                yield Growth(name, many.engine_name, *medians, scanned(many, asked[1].recording))


def scanned(place: Place, recorded: Recording) -> frozenset[str]:
    """The large tables that a statement of the recording would read from end to end."""
    found: set[str] = set()
    with closing(_connect(place)) as connection:
        for sql, parameters in recorded.steps:
            if parameters is not None and not sql.startswith("INSERT"):
                found |= _scans(connection, sql, parameters)
        # A subquery has a name that is no table's.
        tables = found & Base.metadata.tables.keys()
        return frozenset(table for table in tables if _rows(connection, table) > LARGE)


def _rows(connection: Any, table: str) -> int:
    cursor = connection.cursor()
    cursor.execute(f"SELECT count(*) FROM {table}")
    return int(cursor.fetchone()[0])


def _connect(place: Place) -> Any:
    if place.url.startswith("sqlite"):
        return sqlite3.connect(place.url.removeprefix("sqlite:///"))
    psycopg2.extras.register_uuid()
    return psycopg2.connect(place.superuser_url)


def _scans(connection: Any, sql: str, parameters: Any) -> set[str]:
    """The tables behind "Seq Scan on plans" and "SCAN plans"; SQLite gives an alias where there is one."""
    sqlite = isinstance(connection, sqlite3.Connection)
    cursor = connection.cursor()
    cursor.execute(f"EXPLAIN {'QUERY PLAN ' if sqlite else ''}{sql}", parameters)
    plan = "\n".join(str(row[-1]) for row in cursor.fetchall())
    aliases = dict(re.findall(r"\b(\w+) AS (\w+)", sql))
    named = re.findall(r"^SCAN (\w+)(?! USING)" if sqlite else r"Seq Scan on (\w+)", plan, re.MULTILINE)
    originals = {alias: table for table, alias in aliases.items()}
    return {originals.get(name, name) for name in named}
