"""The least that could answer: Flask and psycopg2 send the SQL that the portal was seen to send; as much JSON.

It checks nothing: no token, no input, no limit. What is drawn as a page is one plain loop over the rows that were read.
"""

from __future__ import annotations

import os
import pickle
import re
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import psycopg2.extras
from flask import Flask, Response
from psycopg2.pool import ThreadedConnectionPool
from uuid_utils.compat import uuid7

Step = tuple[str, dict[str, Any] | None, tuple[str, ...]]

PAGE = "<table>{% for row in rows %}<tr><td>{{ row }}</td><td>{{ padding }}</td></tr>{% endfor %}</table>"


@dataclass(slots=True)
class Recording:
    """The steps in order, each the SQL and its parameters, or ``commit`` or ``rollback`` and none; and the answer.

    ``given`` are the texts that every repetition is given anew, in the order of its address; ``fresh`` are those that
    every repetition makes anew, such as the ids of new rows.
    """

    steps: list[tuple[str, Any]] = field(default_factory=list)
    given: tuple[str, ...] = ()
    fresh: tuple[str, ...] = ()
    body: str = ""
    is_json: bool = True

    @property
    def statements(self) -> int:
        return sum(parameters is not None for _sql, parameters in self.steps)

    def keep(self, path: Path) -> None:
        path.write_bytes(pickle.dumps(self))


class Replay:
    """A recording that is sent again with other ids; ``changing`` finds what has to be another each time."""

    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        texts = recording.given + recording.fresh
        self.changing = re.compile("|".join(map(re.escape, texts)) or "(?!)")
        self.steps: list[Step] = [
            (
                sql,
                values,
                tuple(name for name, value in (values or {}).items() if self.changing.search(str(value))),
            )
            for sql, values in recording.steps
        ]
        # As in the portal: what only reads has no transaction.
        self.reads = all(sql != "commit" for sql, _values, _names in self.steps)

    def send(self, connection: Any, given: list[str]) -> list[tuple[Any, ...]]:
        """All steps in order, with these texts in place of the recorded; returns the rows of the last that had any."""
        made = [str(uuid7()) if len(text) == 36 else uuid.uuid4().hex[:8] for text in self.recording.fresh]
        changes = dict(zip(self.recording.given + self.recording.fresh, given + made, strict=True))
        rows: list[tuple[Any, ...]] = []
        connection.autocommit = self.reads
        with connection.cursor() as cursor:
            for sql, values, names in self.steps:
                if values is None:
                    connection.commit() if sql == "commit" else connection.rollback()
                    continue
                cursor.execute(sql, values | {name: self._changed(values[name], changes) for name in names})
                if cursor.description:
                    rows = cursor.fetchall() or rows
        connection.rollback()
        return rows

    def _changed(self, value: Any, changes: dict[str, str]) -> Any:
        text = self.changing.sub(lambda found: changes[found[0]], str(value))
        return uuid.UUID(text) if isinstance(value, uuid.UUID) else text


def create_app() -> Flask:
    """The program for the recording and the database that the environment names."""
    psycopg2.extras.register_uuid()
    app = Flask(__name__)
    recording: Recording = pickle.loads(Path(os.environ["RECORDING"]).read_bytes())
    replay = Replay(recording)
    pools: list[ThreadedConnectionPool] = []
    page = app.jinja_env.from_string(PAGE)
    answer = orjson.loads(recording.body) if recording.is_json else None

    @app.route("/replay/", defaults={"given": ""}, methods=["GET", "POST"])
    @app.route("/replay/<path:given>", methods=["GET", "POST"])
    def again(given: str) -> Response | str:
        if not pools:
            pools.append(ThreadedConnectionPool(4, 8, os.environ["DATABASE_URL"]))
        connection = pools[0].getconn()
        try:
            rows = replay.send(connection, given.split("/") if given else [])
        finally:
            pools[0].putconn(connection)
        if answer is not None:
            return Response(orjson.dumps(answer), mimetype="application/json")
        padding = "x" * (len(recording.body) // len(rows) - len(str(rows[0])))
        return page.render(rows=rows, padding=padding)

    @app.get("/readyz")
    def ready() -> str:
        return "ready"

    return app


if "RECORDING" in os.environ:
    app = create_app()
