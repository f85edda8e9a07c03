"""Migrated databases for the tests, emptied between them; how they are made and emptied is known here alone."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import uuid
from pathlib import Path
from urllib.parse import urlsplit

import flask_migrate
import psycopg2
from psycopg2.sql import SQL, Composed, Identifier

from config import load_settings
from portal import create_app
from portal.extensions import db
from tests import servers

ROOT = Path(__file__).parent.parent
MIGRATIONS = str(ROOT / "migrations")
# Not the server's own processes, such as those that vacuum.
OTHERS = """
    pg_stat_activity
    WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()
"""
CUT_OTHERS = f"SELECT pg_terminate_backend(pid) FROM {OTHERS}"


def environment(instance: Path, **more: str) -> dict[str, str]:
    """The environment variables of a portal made for tests, whose passwords are hashed quickly."""
    return {
        "PORTAL_INSTANCE": str(instance),
        "SECRET_KEY": "the same for every test, and for nothing else",
        "PORTAL_PASSWORDS": "cheap",
        **more,
    }


def migrate(environ: dict[str, str], migrations: str = MIGRATIONS) -> None:
    """Brings the database that the environment names up to the newest migration, as an operator would."""
    app = create_app(load_settings(environ))
    with app.app_context():
        flask_migrate.upgrade(directory=migrations)
        db.engine.dispose()


class SqliteDatabases:
    """Copies of one file that was migrated once."""

    def __init__(self, folder: Path) -> None:
        self.template = folder / "template.sqlite3"
        migrate(environment(folder, DATABASE_URL=f"sqlite:///{self.template}"))
        leftover = self.template.with_name(f"{self.template.name}-wal")
        if leftover.exists() and leftover.stat().st_size:
            raise RuntimeError("the migrations left a connection open: the template is not in one file")

    def fresh(self, folder: Path) -> str:
        """The address of an unused database in this folder, in place of the one that an earlier test used."""
        path = folder / "portal.sqlite3"
        for used in folder.glob(f"{path.name}*"):
            used.unlink()
        shutil.copyfile(self.template, path)
        return f"sqlite:///{path}"

    def copy(self, folder: Path) -> str:
        """The address of a copy that a test may take apart."""
        path = shutil.copyfile(self.template, folder / "own.sqlite3")
        return f"sqlite:///{path}"


class PostgresDatabase:
    """One database with the roles of production, set back to what the migrations left.

    ``url`` is the portal's own role, which has only the rights that it needs; ``owner_url`` that of who migrates.
    """

    def __init__(self, superuser_url: str, folder: Path) -> None:
        name = f"portal_{uuid.uuid4().hex[:8]}"
        make_roles(superuser_url, name)
        server = superuser_url.rpartition("/")[0]
        self.superuser_url = f"{server}/{name}"
        self.url = self.superuser_url.replace("//postgres@", f"//{name}@")
        self.owner_url = self.superuser_url.replace("//postgres@", f"//{name}_owner@")
        migrate(environment(folder, DATABASE_URL=self.url, MIGRATION_DATABASE_URL=self.owner_url))
        with Superuser(self.superuser_url) as superuser:
            tables = superuser("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
            self.rows = {table: superuser.rows_of(table) for (table,) in tables}

    def fresh(self, folder: Path) -> str:
        """The address of the database, emptied; connections that an earlier test left are cut."""
        with Superuser(self.superuser_url) as superuser:
            superuser(CUT_OTHERS)
            # As a replica the server fires no trigger: neither the append-only ones nor those of foreign keys.
            superuser("SET session_replication_role = replica")
            superuser(SQL("; ").join(SQL("DELETE FROM {}").format(Identifier(table)) for table in self.rows))
            for table, rows in self.rows.items():
                if rows:
                    superuser.restore(table, rows)
        return self.url

    def copy(self, folder: Path) -> str:
        """The address by which its owner reaches a copy that a test may take apart."""
        self.fresh(folder)
        server, _, name = self.superuser_url.rpartition("/")
        copy = f"{name}_{uuid.uuid4().hex[:8]}"
        with Superuser(f"{server}/postgres") as superuser:
            names = {"copy": copy, "name": name, "owner": f"{name}_owner"}
            making = SQL("CREATE DATABASE {copy} TEMPLATE {name} OWNER {owner}")
            superuser(making.format(**{key: Identifier(value) for key, value in names.items()}))
        return f"{self.owner_url.rpartition('/')[0]}/{copy}"


def make_roles(superuser_url: str, name: str) -> None:
    """Makes a database and its two roles as an operator would, all named after ``name``."""
    address = urlsplit(superuser_url)
    settings = {
        "PATH": f"{servers.postgres_binaries()}:{os.environ['PATH']}",
        "PGHOST": address.hostname,
        "PGPORT": str(address.port),
        "PGUSER": address.username,
        "POSTGRES_DATABASE": name,
        "POSTGRES_PORTAL": name,
        "POSTGRES_OWNER": f"{name}_owner",
        "POSTGRES_PORTAL_PASSWORD": "not asked for",
        "POSTGRES_OWNER_PASSWORD": "not asked for",
    }
    subprocess.run([ROOT / "deploy/postgres-roles.sh"], env=settings, check=True)


class Superuser:
    """A connection that runs statements one by one and returns their rows."""

    def __init__(self, url: str) -> None:
        self.connection = psycopg2.connect(url)
        self.connection.autocommit = True

    def __enter__(self) -> Superuser:
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()

    def __call__(self, statement: str | Composed) -> list[tuple]:
        with self.connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def rows_of(self, table: str) -> str:
        """A table's content, as ``restore`` takes it."""
        rows = io.StringIO()
        with self.connection.cursor() as cursor:
            cursor.copy_expert(SQL("COPY {} TO STDOUT").format(Identifier(table)), rows)
        return rows.getvalue()

    def restore(self, table: str, rows: str) -> None:
        with self.connection.cursor() as cursor:
            cursor.copy_expert(SQL("COPY {} FROM STDIN").format(Identifier(table)), io.StringIO(rows))
