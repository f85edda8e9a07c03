"""Alive and ready: the database decides, the queue is only told of."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from config import load_settings
from portal import create_app
from portal.services.transaction import unit_of_work
from tests import servers


def portal(environ, **more):
    return create_app(load_settings(environ | more) | {"TESTING": True}).test_client()


def test_a_migrated_portal_is_ready(client):
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json) == (200, {"database": "ok", "queue": "ok"})
    assert client.get("/healthz").json == {"status": "ok"}


@pytest.mark.parametrize("database_role", ["owner"])
@pytest.mark.parametrize(
    "change", ["UPDATE alembic_version SET version_num = '0045_moves_alone'", "DELETE FROM alembic_version"]
)
def test_an_older_database_is_not_ready(client, session, change, database_role):
    with unit_of_work(session):
        session.execute(text(change))
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json["database"]) == (503, "not migrated")


@pytest.mark.parametrize("database_role", ["owner"])
def test_a_database_that_the_next_version_has_migrated_is_served_until_that_takes_over(
    client, session, database_role
):
    with unit_of_work(session):
        session.execute(text("UPDATE alembic_version SET version_num = 'of the next version'"))
    assert client.get("/readyz").json == {"database": "ok", "queue": "ok"}


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
def test_without_its_database_the_portal_is_alive_but_not_ready(environ):
    client = portal(environ, DATABASE_URL=f"postgresql://nobody@127.0.0.1:{servers.free_port()}/none")
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json["database"]) == (503, "unreachable")
    assert client.get("/healthz").status_code == 200


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
def test_without_its_queue_the_portal_is_ready(environ):
    answer = portal(environ, REDIS_URL=f"redis://127.0.0.1:{servers.free_port()}").get("/readyz")
    assert (answer.status_code, answer.json) == (200, {"database": "ok", "queue": "unreachable"})
