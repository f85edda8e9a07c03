"""A database that cannot hold every name is refused before anything is written to it."""

import subprocess
import sys
from uuid import uuid4

import psycopg2
import pytest

from config import load_settings
from portal import create_app
from tests.databases import ROOT, environment


@pytest.fixture(params=["LATIN1", "SQL_ASCII", "EUC_JP", "WIN1256"])
def environ(request, postgres_url, tmp_path):
    """The settings of a portal on a database with another encoding, which the test's end drops."""
    name = f"other_{uuid4().hex[:8]}"
    connection = psycopg2.connect(postgres_url)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {name} ENCODING '{request.param}' LOCALE 'C' TEMPLATE template0")
        yield environment(tmp_path, DATABASE_URL=f"{postgres_url.rpartition('/')[0]}/{name}")
        cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")
    connection.close()


def test_a_migration_refuses_it_with_the_command_that_helps(environ):
    command = [sys.executable, "-m", "flask", "--app", "wsgi", "db", "upgrade"]
    ran = subprocess.run(command, env=environ, cwd=ROOT, capture_output=True, text=True)
    assert ran.returncode != 0
    assert "CREATE DATABASE ... ENCODING 'UTF8' TEMPLATE template0" in ran.stderr
    with psycopg2.connect(environ["DATABASE_URL"]) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
        assert cursor.fetchone() == (0,)
    connection.close()


def test_a_portal_on_it_is_never_ready(environ):
    answer = create_app(load_settings(environ)).test_client().get("/readyz")
    assert (answer.status_code, answer.json["database"]) == (503, "not UTF-8")
