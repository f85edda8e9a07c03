"""The portal on a real Citus cluster. ``CITUS_URL=... make test-citus`` runs it; nothing else does.

``CITUS_URL`` is the superuser's address of a database on the coordinator that has the extension and its workers. A
database, its two roles and the extension are made on every node, which have to let all of them in without a password.
"""

from __future__ import annotations

import os
import uuid
from dataclasses import dataclass

import psycopg2
import pytest
from flask import Flask
from sqlalchemy import URL, make_url

from portal.extensions import db
from portal.models.distribution import NOT_KEPT
from tests import browserlike, factories
from tests.databases import Superuser, environment, make_roles, migrate
from tests.integration.api_changes import change_by_the_api
from tests.integration.test_migrations import described
from tests.integration.test_statements_keep_to_a_shop import (
    ask_the_api,
    open_every_page,
    read_a_calendar,
    send_every_form,
    work,
)
from tests.integration.test_web_guards import world

from .test_distributing import portal, run, without

__all__ = ["world"]


@dataclass
class Cluster:
    app: Flask
    owner_url: str
    said: list[str]
    # Before and after distributing.
    parts: tuple[list[str], list[str]]
    rows: tuple[dict[str, int], dict[str, int]]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory) -> Cluster:
    """The portal with demo data, distributed; how long that took is printed."""
    name, folder = f"portal_{uuid.uuid4().hex[:8]}", tmp_path_factory.mktemp("citus")
    coordinator = make_url(os.environ["CITUS_URL"])
    make_everywhere(coordinator, name)
    urls = [str(coordinator.set(database=name, username=role)) for role in (name, f"{name}_owner")]
    migrate(environment(folder, DATABASE_URL=urls[0], MIGRATION_DATABASE_URL=urls[1]))
    app = portal(folder, *urls)
    app.test_client_class = browserlike.Client
    assert run(app, "demo")[0] == 0
    with app.app_context():
        before = described(), factories.row_counts(db.session)
        code, said = run(app, "distribute", "--shards", "8")
        assert code == 0, said
        after = described(), factories.row_counts(db.session)
        db.session.remove()
    yield Cluster(app, urls[1], said, (before[0], after[0]), (before[1], after[1]))
    with app.app_context():
        db.engine.dispose()


def make_everywhere(coordinator: URL, name: str) -> None:
    with Superuser(shown(coordinator)) as superuser:
        workers = superuser("SELECT nodename, nodeport FROM citus_get_active_worker_nodes()")
    nodes = [coordinator, *(coordinator.set(host=host, port=port) for host, port in workers)]
    for node in nodes:
        make_roles(shown(node), name)
        with Superuser(shown(node.set(database=name))) as superuser:
            superuser("CREATE EXTENSION citus")
    with Superuser(shown(coordinator.set(database=name))) as superuser:
        superuser(f"SELECT citus_set_coordinator_host('{coordinator.host}', {coordinator.port or 5432})")
        for host, port in workers:
            superuser(f"SELECT citus_add_node('{host}', {port})")


def shown(url: URL) -> str:
    return url.render_as_string(hide_password=False)


@pytest.fixture
def app(cluster: Cluster) -> Flask:
    return cluster.app


def test_a_loaded_database_is_spread_and_nothing_is_lost(cluster):
    assert cluster.said[0] == "users is on every node now."
    (before, after), (rows_before, rows_after) = cluster.parts, cluster.rows
    assert set(without(before, *NOT_KEPT)) - set(after) == set()
    assert rows_before == rows_after
    assert run(cluster.app, "distribute") == (
        0,
        ["Every table is where it belongs. Nothing was changed."],
    )


def test_pages_forms_api_and_jobs_answer(app, session, world):
    open_every_page(app, world)
    ask_the_api(app, world)
    change_by_the_api(app, world.shop, world.ada)
    read_a_calendar(app, session, world)
    send_every_form(app, world)
    work(app)


def test_the_books_hold_and_can_be_counted_afresh(app):
    for command in ("self-check", "recount", "self-check"):
        assert run(app, command)[0] == 0, command


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE postings SET amount = amount", "postings are append-only"),
        ("DELETE FROM events", "events are append-only"),
        ("UPDATE plans SET terms = terms", "plans_keep_terms"),
        ("DELETE FROM members", "members_stay_owned"),
    ],
)
def test_triggers_refuse_on_the_machines_as_on_one(cluster, statement, said):
    with Superuser(cluster.owner_url) as owner, pytest.raises(psycopg2.Error, match=said):
        owner(statement)
