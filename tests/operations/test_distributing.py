"""How a database is spread over machines, as far as one without Citus can show it: its functions are stand-ins."""

from __future__ import annotations

import itertools
from pathlib import Path

import flask_migrate
import pytest
from sqlalchemy import make_url

from config import load_settings
from portal import create_app
from portal.extensions import db
from portal.models import Base
from portal.models.distribution import EVERYWHERE, LOCAL, NOT_KEPT, SHOPS
from tests import factories
from tests.databases import MIGRATIONS, PostgresDatabase, Superuser, environment
from tests.integration.test_migrations import described

STANDINS = Path(__file__).with_name("citus_standin.sql").read_text()
NUMBERS = itertools.count()
OF_SHOPS = Base.metadata.tables.keys() - LOCAL - EVERYWHERE
BESIDE = sorted(OF_SHOPS - {SHOPS})


@pytest.fixture(scope="module")
def migrated(postgres_url, tmp_path_factory):
    """A database with a plan that is paid in part, and the portal's folder."""
    folder = tmp_path_factory.mktemp("distributing")
    database = PostgresDatabase(postgres_url, folder)
    app = portal(folder, database.url, database.owner_url)
    with app.app_context():
        shop, ada = factories.make_merchant(db.session), factories.make_customer(db.session)
        factories.pay(db.session, ada, factories.accepted_plan(db.session, shop, ada), 1)
        db.session.remove()
        db.engine.dispose()
    return database, folder


@pytest.fixture
def copy(migrated):
    """A copy of it, of this test's own: the superuser, and the portal."""
    database, folder = migrated
    original = make_url(database.url).database
    name = f"{original}_{next(NUMBERS)}"
    with Superuser(database.superuser_url.rpartition("/")[0] + "/postgres") as superuser:
        superuser(f"CREATE DATABASE {name} TEMPLATE {original} OWNER {original}_owner")
    urls = [f"{url.rpartition('/')[0]}/{name}" for url in (database.url, database.owner_url)]
    app = portal(folder, *urls)
    with Superuser(f"{database.superuser_url.rpartition('/')[0]}/{name}") as superuser, app.app_context():
        yield superuser, app
        db.session.remove()
        db.engine.dispose()


@pytest.fixture
def cluster(copy):
    """The copy with the stand-ins and two workers."""
    superuser, app = copy
    superuser(STANDINS)
    superuser("INSERT INTO citus_standin.workers VALUES ('one', 5432), ('two', 5432)")
    ((name,),) = superuser("SELECT current_database()")
    superuser(f"ALTER DATABASE {name} SET search_path = public, citus_standin")
    return superuser, app


def portal(folder, url, owner_url):
    return create_app(
        load_settings(environment(folder, DATABASE_URL=url, MIGRATION_DATABASE_URL=owner_url))
        | {"TESTING": True}
    )


def run(app, *arguments):
    """The exit code and the lines of the command."""
    result = app.test_cli_runner().invoke(args=[*arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output.splitlines()


def asked(superuser, done):
    return superuser(
        "SELECT relation::text, by_column, beside, shards FROM citus_standin.asked "
        f"WHERE done = '{done}' ORDER BY number"
    )


def without(parts, *names):
    return [part for part in parts if not any(name in part for name in names)]


def test_each_table_goes_where_it_belongs_and_all_keys_stay(cluster):
    superuser, app = cluster
    before, rows = described(), factories.row_counts(db.session)
    code, said = run(app, "distribute", "--shards", "8")
    assert (code, said[:2]) == (0, ["users is on every node now.", "merchants is in 8 shards, by id."])
    assert said[2] == f"Beside their shop, by merchant_id, are now {len(BESIDE)} tables: {', '.join(BESIDE)}."
    assert said[3].endswith(
        "foreign keys were checked and added again; keys, triggers and indexes are as before."
    )
    assert said[4:] == [f"{name} is not kept: {reason}." for name, reason in NOT_KEPT.items()]

    assert asked(superuser, "everywhere") == [("users", None, None, None)]
    assert asked(superuser, "spread") == [
        ("merchants", "id", "default", 8),
        *((table, "merchant_id", "merchants", None) for table in BESIDE),
    ]
    assert [table for table, *_ in asked(superuser, "emptied")] == ["users", "merchants", *BESIDE]
    assert described() == without(before, *NOT_KEPT, "citus_standin")
    assert factories.row_counts(db.session) == rows
    assert run(app, "self-check")[0] == 0


def test_it_may_be_run_again_and_takes_what_an_upgrade_brought(cluster):
    superuser, app = cluster
    assert run(app, "distribute")[0] == 0
    assert run(app, "distribute") == (0, ["Every table is where it belongs. Nothing was changed."])
    superuser("CREATE TABLE public.novelties (merchant_id uuid, id uuid, PRIMARY KEY (merchant_id, id))")
    superuser(f"ALTER TABLE novelties OWNER TO {make_url(app.config['MIGRATION_DATABASE_URI']).username}")
    assert run(app, "distribute") == (
        0,
        [
            "Beside their shop, by merchant_id, are now 1 tables: novelties.",
            "0 foreign keys were checked and added again; keys, triggers and indexes are as before.",
        ],
    )
    assert asked(superuser, "spread")[-1] == ("novelties", "merchant_id", "merchants", None)


def test_a_table_that_a_migration_makes_is_spread_before_it_has_foreign_keys(cluster):
    superuser, app = cluster
    assert run(app, "distribute")[0] == 0
    before = described()
    flask_migrate.downgrade(directory=MIGRATIONS, revision="0046_mandates")
    flask_migrate.upgrade(directory=MIGRATIONS)
    assert described() == before
    assert asked(superuser, "spread")[-1] == ("plan_templates", "merchant_id", "merchants", None)
    assert run(app, "distribute") == (0, ["Every table is where it belongs. Nothing was changed."])


def test_without_a_cluster_it_says_in_one_line_what_is_missing(copy):
    superuser, app = copy
    before = described()
    missing = "Error: The extension citus is missing: a superuser creates it in this database on every node."
    assert run(app, "distribute") == (1, [f"{missing} Nothing was changed."])
    superuser(STANDINS)
    superuser(
        f"ALTER DATABASE {make_url(app.config['SQLALCHEMY_DATABASE_URI']).database} "
        "SET search_path = public, citus_standin"
    )
    alone = "Error: There are no workers: a superuser adds each with SELECT citus_add_node('HOST', 5432)."
    assert run(app, "distribute") == (1, [f"{alone} Nothing was changed."])
    assert without(described(), "citus_standin") == before


def test_sqlite_is_not_distributed(tmp_path):
    only = "Error: Only PostgreSQL with the extension citus can be distributed."
    app = create_app(load_settings(environment(tmp_path)))
    assert run(app, "distribute") == (1, [f"{only} Nothing was changed."])


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("CREATE TABLE public.novelties (id uuid)", "novelties has no merchant_id"),
        (
            "CREATE OR REPLACE FUNCTION citus_standin.truncate_local_data_after_distributing_table("
            "table_name regclass) RETURNS void LANGUAGE sql AS 'DROP INDEX IF EXISTS ix_plans_id'",
            "missing after distributing: ix_plans_id",
        ),
    ],
)
def test_what_has_no_place_or_goes_missing_stops_it_and_nothing_was_changed(cluster, fault, said):
    superuser, app = cluster
    superuser(fault)
    before = described()
    with pytest.raises(LookupError, match=said):
        run_openly(app, "distribute")
    assert described() == before
    assert superuser("SELECT * FROM citus_standin.asked") == []


def run_openly(app, *arguments):
    app.test_cli_runner().invoke(args=[*arguments], catch_exceptions=False)
