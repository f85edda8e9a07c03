"""Where the portal is measured: loaded databases, their copies, and the programs that serve them."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from psycopg2.sql import SQL, Identifier, Literal
from sqlalchemy import Engine, create_engine, update
from sqlalchemy.orm import Session

from config import load_settings
from portal.core.roles import Actor
from portal.database import engine_options
from portal.models import Merchant
from portal.services.transaction import unit_of_work
from tests import factories
from tests.databases import PostgresDatabase, SqliteDatabases, Superuser, environment

from . import cpu, loading


@dataclass(frozen=True, slots=True)
class Place:
    """A loaded database: its address for the portal and for its superuser, and the shops in it."""

    url: str
    superuser_url: str
    folder: Path
    shops: tuple[Actor, ...]
    plans: int

    @property
    def engine_name(self) -> str:
        return "PostgreSQL" if self.url.startswith("postgresql") else "SQLite"

    def server(self) -> list[int]:
        """The process of the database's server, from which its backends come; none for a file."""
        if self.engine_name == "SQLite":
            return []
        with Superuser(self.superuser_url) as superuser:
            return [cpu.parent(superuser("SELECT pg_backend_pid()")[0][0])]

    def environ(self) -> dict[str, str]:
        """The environment of a portal on this database, with a folder of its own for its files."""
        return environment(self.folder, DATABASE_URL=self.url)

    def engine(self) -> Engine:
        """The portal's own kind of engine."""
        url = load_settings(self.environ())["SQLALCHEMY_DATABASE_URI"]
        return create_engine(url, **engine_options(url))


@contextmanager
def session(place: Place) -> Iterator[Session]:
    engine = place.engine()
    try:
        with Session(engine, expire_on_commit=False) as session:
            yield session
    finally:
        engine.dispose()


def postgres(superuser_url: str, folder: Path, plans: int, shops: int = 1) -> Place:
    """A new database of this cluster, loaded."""
    database = PostgresDatabase(superuser_url, folder)
    return _loaded(Place(database.url, database.superuser_url, folder, (), plans), shops)


def sqlite(folder: Path, plans: int, shops: int = 1) -> Place:
    """A new file, loaded."""
    url = SqliteDatabases(folder).fresh(folder)
    return _loaded(Place(url, url, folder, (), plans), shops)


def _loaded(place: Place, shops: int) -> Place:
    # The plans of a customer are all of one shop.
    each = (
        place.plans // shops // loading.PLANS_OF_A_CUSTOMER * loading.PLANS_OF_A_CUSTOMER
        if shops > 1
        else place.plans
    )
    with session(place) as writer:
        now = datetime.now(UTC)
        owners = tuple(factories.make_merchant(writer, f"Shop {number}", now=now) for number in range(shops))
        with unit_of_work(writer):
            writer.execute(update(Merchant).values(offers_per_day=None))
        for number, owner in enumerate(owners):
            loading.load(writer, place.superuser_url, owner, each, each * number)
    # Only the owner of the tables, or the superuser, may count the sums afresh.
    with session(replace(place, url=place.superuser_url)) as superuser:
        loading.settle_down(superuser, place.superuser_url)
    loading.check(place.superuser_url)
    return replace(place, shops=owners)


@contextmanager
def copy(place: Place, folder: Path) -> Iterator[Place]:
    """The same database once more, as it was loaded, and gone at the end."""
    if place.engine_name == "SQLite":
        mine = folder / "copy.sqlite3"
        shutil.copyfile(place.url.removeprefix("sqlite:///"), mine)
        os.sync()
        yield replace(place, url=f"sqlite:///{mine}", superuser_url=f"sqlite:///{mine}", folder=folder)
        mine.unlink()
        return
    server, _slash, name = place.superuser_url.rpartition("/")
    mine = f"copy_{uuid.uuid4().hex[:8]}"
    words = {"copy": Identifier(mine), "name": Identifier(name)}
    with Superuser(f"{server}/postgres") as superuser:
        # What a measurement before has left connected would keep PostgreSQL from copying.
        superuser(
            SQL("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = {}").format(
                Literal(name)
            )
        )
        superuser(SQL("CREATE DATABASE {copy} TEMPLATE {name} OWNER {name}").format(**words))
        os.sync()
        try:
            url = place.url.rpartition("/")[0]
            yield replace(place, url=f"{url}/{mine}", superuser_url=f"{server}/{mine}", folder=folder)
        finally:
            superuser(SQL("DROP DATABASE {copy} WITH (FORCE)").format(**words))
