"""PgBouncer in transaction mode: one client's limits never become another's, and customers pay through it."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import psycopg2
import pytest
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from config import load_settings
from portal.database import engine_options
from portal.queries import self_check
from tests import factories
from tests.concurrency.driving import Pace, Scenario
from tests.concurrency.paying import Size, run
from tests.databases import environment

pytestmark = pytest.mark.parametrize("engine_name", ["postgres"], indirect=True)

SECONDS = 2
CLIENTS = 6


@pytest.fixture
def through(database_url, pgbouncer_url, tmp_path):
    """The portal's own kind of engine on an empty database, through PgBouncer."""
    url = load_settings(environment(tmp_path, DATABASE_URL=pgbouncer_url))["SQLALCHEMY_DATABASE_URI"]
    engine = create_engine(url, **engine_options(url))
    yield engine
    engine.dispose()


def limits_seen(url: str, until: float) -> set[tuple[str, ...]]:
    connection = psycopg2.connect(url)
    connection.autocommit = True
    seen = set()
    with connection.cursor() as cursor:
        while time.monotonic() < until:
            cursor.execute(
                "SELECT current_setting('statement_timeout'), current_setting('lock_timeout'), "
                "current_setting('idle_in_transaction_session_timeout'), current_setting('timezone')"
            )
            seen.add(cursor.fetchone())
    connection.close()
    return seen


def test_clients_beside_a_self_check_only_ever_see_the_limits_of_the_role(through, pgbouncer_url):
    with Session(through) as session:
        factories.make_customer(session)
        until = time.monotonic() + SECONDS
        with ThreadPoolExecutor(CLIENTS) as clients:
            seen = [clients.submit(limits_seen, pgbouncer_url, until) for _ in range(CLIENTS)]
            checks = 0
            while time.monotonic() < until:
                assert [finding.name for finding in self_check.run(session) if finding.broken] == []
                checks += 1
        assert checks > 1
    assert set().union(*(client.result() for client in seen)) == {("5s", "2s", "1min", "UTC")}


@pytest.mark.alone
def test_customers_pay_through_it_while_connections_are_cut(database_url, pgbouncer_url, tmp_path):
    scenario = Scenario("through PgBouncer, connections cut", "postgres", cuts=True)
    size = Size(installments=30, requests=120, pace=Pace(cut_every=0.2))
    report = run(scenario, size, pgbouncer_url, tmp_path)
    assert report.verdict.findings == []
    assert report.faults
