"""A migration that a lock keeps out waits shortly, lets the others pass and tries again; the only role gets limits."""

from __future__ import annotations

import logging
import threading

import flask_migrate
import psycopg2
import pytest

from config import load_settings
from portal import create_app
from portal.extensions import db
from tests.databases import MIGRATIONS, PostgresDatabase, Superuser, environment


@pytest.fixture
def waits():
    """How often a migration said that it waits; the lock is given up after the second time."""
    said, twice = [], threading.Event()

    class Counting(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said.append(record.getMessage())
            if len(said) == 2:
                twice.set()

    handler = Counting()
    logging.getLogger("portal.migrations").addHandler(handler)
    yield said, twice
    logging.getLogger("portal.migrations").removeHandler(handler)


def test_a_migration_tries_again_until_the_lock_is_free(postgres_url, tmp_path, waits):
    said, twice = waits
    database = PostgresDatabase(postgres_url, tmp_path)
    app = create_app(load_settings(environment(tmp_path, DATABASE_URL=database.owner_url)))
    holder = psycopg2.connect(database.owner_url)

    def hold() -> None:
        assert twice.wait(30)
        holder.rollback()

    with app.app_context():
        flask_migrate.downgrade(directory=MIGRATIONS, revision="-1")
        with holder.cursor() as cursor:
            cursor.execute("LOCK TABLE alembic_version IN SHARE MODE")
        release = threading.Thread(target=hold)
        release.start()
        flask_migrate.upgrade(directory=MIGRATIONS)
        release.join()
        assert app.test_client().get("/readyz").json["database"] == "ok"
        db.engine.dispose()
    holder.close()
    assert said == ["a migration waits for a lock"] * 2
    with Superuser(database.owner_url) as owner:
        assert [owner(f"SHOW {name}")[0][0] for name in ("statement_timeout", "lock_timeout")] == ["5s", "2s"]
