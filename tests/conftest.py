"""What tests may ask for: the portal on both databases, a browser's forms, mail, Redis, a count of statements.

Nothing is replaced by a mock. Tests in ``unit`` and ``properties`` may not reach a database or a network at all.
"""

from __future__ import annotations

import contextlib
import gc
import os
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from functools import lru_cache
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import redis
import sqlalchemy
from aiosmtpd.controller import Controller
from flask import Flask
from sqlalchemy import make_url
from sqlalchemy.orm import Session

from config import load_settings
from portal import create_app
from portal.extensions import db, limiter
from tests import browserlike, servers
from tests.databases import PostgresDatabase, SqliteDatabases, environment

# "quick" is what everyone runs and finds the same each time; HYPOTHESIS_PROFILE=thorough looks further.
hypothesis.settings.register_profile("quick", max_examples=50, deadline=None, derandomize=True, database=None)
hypothesis.settings.register_profile("thorough", max_examples=2000, deadline=None)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))


QUARTER_OF_AN_HOUR = 15 * 60


@pytest.fixture(autouse=True)
def no_midnight_in_between() -> None:
    """A test may ask twice which day it is. Each quarter of an hour is midnight in some zone: it begins after that."""
    left = QUARTER_OF_AN_HOUR - time.time() % QUARTER_OF_AN_HOUR
    if left < 10:
        time.sleep(left)


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The superuser's address of a private PostgreSQL cluster."""
    with servers.postgres_server() as url:
        yield url


@pytest.fixture(scope="session")
def redis_server_url() -> Iterator[str]:
    with servers.redis_server() as url:
        yield url


@pytest.fixture
def redis_url(redis_server_url: str) -> str:
    """The address of a private Redis, emptied for this test."""
    with redis.Redis.from_url(redis_server_url) as client:
        client.flushall()
    return redis_server_url


@pytest.fixture(scope="session")
def sqlite_databases(tmp_path_factory: pytest.TempPathFactory) -> SqliteDatabases:
    return SqliteDatabases(tmp_path_factory.mktemp("sqlite"))


@pytest.fixture(scope="session")
def postgres_database(postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> PostgresDatabase:
    return PostgresDatabase(postgres_url, tmp_path_factory.mktemp("postgres"))


@pytest.fixture(scope="session")
def pgbouncer_url(postgres_database: PostgresDatabase) -> Iterator[str]:
    """The address of the portal's role through a private PgBouncer in transaction mode."""
    users = [make_url(url).username or "" for url in (postgres_database.url, postgres_database.owner_url)]
    with servers.pgbouncer_server(postgres_database.url, *users) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgres"])
def engine_name(request: pytest.FixtureRequest) -> str:
    """Whatever uses the portal runs on both engines. One only: ``parametrize("engine_name", [...], indirect=True)``."""
    return request.param


@pytest.fixture
def database_role() -> str:
    """Who connects to PostgreSQL: the portal's own role. Tests that need the owner of the tables override this."""
    return "portal"


@pytest.fixture(scope="session")
def instance() -> Iterator[Path]:
    """The portal's own folder: the same for every test, so that one portal can serve them all.

    It lies in memory where the system has a folder there, since SQLite waits for the disk at each commit.
    """
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        yield Path(folder)


@pytest.fixture
def database_url(engine_name: str, database_role: str, request: pytest.FixtureRequest, instance: Path) -> str:
    """The address of a migrated database that holds nothing yet, behind PgBouncer if ``TESTS_THROUGH`` names that."""
    made_by = {"sqlite": "sqlite_databases", "postgres": "postgres_database"}[engine_name]
    databases = request.getfixturevalue(made_by)
    url = databases.fresh(instance)
    if engine_name == "postgres" and database_role == "owner":
        return databases.owner_url
    if engine_name == "postgres" and os.environ.get("TESTS_THROUGH") == "pgbouncer":
        return request.getfixturevalue("pgbouncer_url")
    return url


@pytest.fixture
def environ(
    database_url: str, engine_name: str, request: pytest.FixtureRequest, instance: Path
) -> dict[str, str]:
    """The environment variables of this test's portal; a test module may override this fixture to add some."""
    owner = {}
    if engine_name == "postgres":
        owner["MIGRATION_DATABASE_URL"] = request.getfixturevalue("postgres_database").owner_url
    return environment(instance, DATABASE_URL=database_url, **owner)


@lru_cache(maxsize=4)
def portal_of(settings: tuple[tuple[str, str], ...]) -> Flask:
    """The real portal with these environment variables: made once, since making it costs as much as an average test."""
    app = create_app(load_settings(dict(settings)) | {"TESTING": True})
    app.test_client_class = browserlike.Client
    return app


@pytest.fixture
def app(environ: dict[str, str]) -> Iterator[Flask]:
    """The real portal on a fresh database. What a test changes of its settings or adapters is set back."""
    app = portal_of(tuple(sorted(environ.items())))
    config, adapters = dict(app.config), app.extensions["adapters"]
    limiter.reset()
    adapters.queue.flush()
    app.extensions.pop("wakes", None)
    yield app
    app.config.clear()
    app.config.update(config)
    app.extensions["adapters"] = adapters
    close(app)


@pytest.fixture
def own_app(environ: dict[str, str]) -> Iterator[Flask]:
    """A portal of this test alone, which may add routes to it."""
    app = portal_of.__wrapped__(tuple(sorted(environ.items())))
    yield app
    close(app)


def close(app: Flask) -> None:
    """Give back the connections to its database and its queue."""
    with app.app_context():
        db.engine.dispose()
    app.extensions["adapters"].queue.storage.close()


@pytest.fixture
def session(app: Flask) -> Iterator[Session]:
    """A session beside those of requests, for arranging and looking; ``rollback()`` it to see what others wrote."""
    with app.app_context():
        engine = db.engine
    with Session(engine, expire_on_commit=False) as session:
        yield session


@pytest.fixture
def client(app: Flask) -> browserlike.Client:
    """A browser without script: keeps cookies, and ``submit`` sends a form with the token of its page."""
    return app.test_client()


@pytest.fixture
def count_statements(app: Flask) -> Callable[[], contextlib.AbstractContextManager[list[str]]]:
    """``with count_statements() as statements: ...`` lists the SQL sent meanwhile, but for the transactions' own."""
    own = ("BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE", "PRAGMA")

    @contextlib.contextmanager
    def counting() -> Iterator[list[str]]:
        statements: list[str] = []

        def note(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
            if not statement.lstrip().upper().startswith(own):
                statements.append(statement)

        with app.app_context():
            engine = db.engine
        sqlalchemy.event.listen(engine, "before_cursor_execute", note)
        try:
            yield statements
        finally:
            sqlalchemy.event.remove(engine, "before_cursor_execute", note)

    return counting


class Mailbox:
    """A mail server's handler that keeps what it is sent."""

    def __init__(self) -> None:
        self.url = ""
        self.messages: list[EmailMessage] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        self.messages.append(message_from_bytes(envelope.content, policy=policy.default))
        return "250 OK"


@contextlib.contextmanager
def mail_server() -> Iterator[Mailbox]:
    """A mail server: its address for MAIL_URL is ``url``, what it got is ``messages``."""
    mailbox = Mailbox()
    controller = Controller(mailbox, hostname="127.0.0.1", port=servers.free_port())
    controller.start()
    mailbox.url = f"smtp://127.0.0.1:{controller.port}"
    yield mailbox
    controller.stop()


@pytest.fixture
def smtp_server() -> Iterator[Mailbox]:
    """The mail server of one test."""
    with mail_server() as mailbox:
        yield mailbox


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Marks tests by what they use, so that ``-m "not browser"`` and the like work without anyone keeping lists.

    Services and queries are tried on both engines, a test of a page on one of them, half of these tests on each;
    with ``ENGINES=both`` in the environment pages are tried on both too.
    """
    if os.environ.get("ENGINES") != "both":
        config.hook.pytest_deselected(items=[item for item in items if not _is_on_its_engine(item)])
        items[:] = filter(_is_on_its_engine, items)
    for item in items:
        used = set(getattr(item, "fixturenames", ()))
        engine = getattr(item, "callspec", None) and item.callspec.params.get("engine_name")
        if engine:
            item.add_marker(engine)
        if used & {"postgres_url", "postgres_database"}:
            item.add_marker("postgres")
        if "redis_url" in used:
            item.add_marker("redis")
        if "page" in used:
            item.add_marker("browser")


def pytest_collection_finish() -> None:
    """What was loaded until now stays: the collector of garbage need not look at it."""
    gc.freeze()


def _is_on_its_engine(item: pytest.Item) -> bool:
    engine = getattr(item, "callspec", None) and item.callspec.params.get("engine_name")
    named_by_the_test = any("engine_name" in mark.args[0] for mark in item.iter_markers("parametrize"))
    if not engine or named_by_the_test or not item.path.name.startswith("test_web_"):
        return True
    name = item.nodeid.replace(engine, "").encode()
    return engine == ("sqlite", "postgres")[zlib.crc32(name) % 2]


PURE = {Path(__file__).parent / folder for folder in ("unit", "properties")}
confined_to_memory = False


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    global confined_to_memory
    confined_to_memory = not PURE.isdisjoint(item.path.parents)
    try:
        return (yield)
    finally:
        confined_to_memory = False


def refuse_to_leave_memory(event: str, _: tuple[Any, ...]) -> None:
    if confined_to_memory and event in {"sqlite3.connect", "socket.connect"}:
        raise RuntimeError(f"a unit test may not reach a database or a network ({event})")


sys.addaudithook(refuse_to_leave_memory)
