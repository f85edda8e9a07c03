"""A request as its SQL: the statements that the real portal sends for it, for a bare program to send them too."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Any

import sqlalchemy
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from config import load_settings
from portal import create_app
from portal.extensions import db

from .bare import Recording
from .places import Place


def application(place: Place) -> Flask:
    """The real portal in this process, for preparing and looking."""
    return create_app(load_settings(place.environ()))


def record(app: Flask, ask: Callable[[FlaskClient], TestResponse], given: tuple[str, ...] = ()) -> Recording:
    """What the portal sends when a client asks this. Raises RuntimeError if it is not answered well."""
    recording = Recording(given=given)
    listeners: dict[str, Callable[..., None]] = {
        "before_cursor_execute": lambda _c, _cursor, sql, given, *_: recording.steps.append(
            (sql, _plain(given))
        ),
        "commit": lambda _connection: recording.steps.append(("commit", None)),
        "rollback": lambda _connection: recording.steps.append(("rollback", None)),
    }
    with app.app_context():
        engine = db.engine
    client = app.test_client(use_cookies=False)
    client.get("/readyz")
    for name, listener in listeners.items():
        sqlalchemy.event.listen(engine, name, listener)
    try:
        answer = ask(client)
    finally:
        for name, listener in listeners.items():
            sqlalchemy.event.remove(engine, name, listener)
    if answer.status_code >= 300:
        raise RuntimeError(
            f"{answer.request.path} answered {answer.status}: {answer.get_data(as_text=True)[:300]}"
        )
    recording.body, recording.is_json = answer.get_data(as_text=True), bool(answer.is_json)
    recording.fresh = tuple(sorted(_made(recording.steps) - set(given)))
    return recording


def _plain(parameters: Any) -> Any:
    """Parameters that need nothing of the portal to be read again; those of SQLite are plain values in their order."""
    if not isinstance(parameters, dict):
        return parameters
    return {name: str(value) if isinstance(value, StrEnum) else value for name, value in parameters.items()}


def _made(steps: list[tuple[str, Any]]) -> set[str]:
    """The ids of new rows, recognized by their digits, and other values that must differ in each replay."""
    found: set[str] = set()
    for sql, parameters in steps:
        if not sql.startswith("INSERT") or not isinstance(parameters, dict):
            continue
        for name, value in parameters.items():
            if name.startswith("id") and name.removeprefix("id").strip("_0123456789") == "":
                found.add(str(value))
            elif name in ("reference", "key"):
                found.add(value)
    return found
