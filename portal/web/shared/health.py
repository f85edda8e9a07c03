"""Health checks: alive, and ready (database reachable and migrated); the queue is reported only."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import Blueprint, current_app
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import SQLAlchemyError

from portal.database import WrongEncoding, is_standby
from portal.extensions import adapters, db
from portal.web.guards import public

bp = Blueprint("health", __name__)


@bp.get("/healthz")
@public
def healthz() -> ResponseReturnValue:
    return {"status": "ok"}


@bp.get("/readyz")
@public
def readyz() -> ResponseReturnValue:
    database = database_state()
    return {"database": database, "queue": queue_state()}, 200 if database == "ok" else 503


def database_state() -> str:
    """``ok``, ``not migrated`` when a migration is missing, ``standby`` when it takes no changes, ``not UTF-8``, or
    ``unreachable``.

    One that a newer version has migrated is ``ok``: this version serves on while the next one takes its place.
    """
    try:
        connection = db.session.connection()
        found = MigrationContext.configure(connection).get_current_heads()
        if is_standby(connection):
            return "standby"
    except WrongEncoding:
        return "not UTF-8"
    except SQLAlchemyError:
        db.session.rollback()
        return "unreachable"
    known, newest = _migrations(Path(current_app.root_path).parent)
    newer = found and known.isdisjoint(found)
    return "ok" if newer or newest == set(found) else "not migrated"


def queue_state() -> str:
    """``ok`` or ``unreachable``. The queue is optional: emails are picked up by the next periodic run."""
    try:
        adapters().queue.pending_count()
    except Exception:
        return "unreachable"
    return "ok"


@cache
def _migrations(root: Path) -> tuple[set[str], set[str]]:
    """All migrations of this version, and the newest."""
    script = ScriptDirectory(str(root / "migrations"))
    return {each.revision for each in script.walk_revisions()}, set(script.get_heads())
