"""The portal's own PostgreSQL role: whoever gets hold of its connection cannot get round the rules of the tables."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg2
import pytest
from psycopg2.errors import InsufficientPrivilege
from sqlalchemy import create_engine, make_url

from config import ConfigError, load_settings
from portal.models import Base
from portal.models.rights import CHANGE, LIMITS, RIGHTS, limit_own_role, missing_limits
from tests.databases import PostgresDatabase, Superuser, environment

NEVER_CHANGED = ("postings", "acceptances", "events", "refund_allocations")
MONEY = ("payments", "refunds", "plans", "installments", "allocations", *NEVER_CHANGED)

HOSTILE = [
    *(f"UPDATE {table} SET merchant_id = merchant_id" for table in NEVER_CHANGED),
    *(f"DELETE FROM {table}" for table in (*MONEY, "users", "merchants", "messages", "due_rollups")),
    *(f"TRUNCATE {table} CASCADE" for table in Base.metadata.tables),
    *(f"ALTER TABLE {table} DISABLE TRIGGER ALL" for table in Base.metadata.tables),
    *(f"BEGIN; LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE" for table in NEVER_CHANGED),
    "ALTER TABLE postings DISABLE TRIGGER postings_refuse_update",
    "DROP TRIGGER postings_refuse_update ON postings",
    "CREATE TRIGGER mine BEFORE INSERT ON postings FOR EACH ROW EXECUTE FUNCTION refuse_change()",
    "CREATE RULE mine AS ON INSERT TO postings DO INSTEAD NOTHING",
    "CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
    "ALTER FUNCTION refuse_change() RENAME TO other",
    "DROP FUNCTION refuse_change() CASCADE",
    "CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE FUNCTION pg_temp.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "ALTER TABLE installments DROP COLUMN paid",
    "ALTER TABLE payments ADD COLUMN mine int",
    "ALTER TABLE postings OWNER TO current_user",
    "DROP TABLE postings CASCADE",
    "CREATE TABLE mine ()",
    "CREATE TEMPORARY TABLE postings ()",
    "CREATE VIEW mine AS SELECT 1",
    "CREATE SCHEMA mine",
    "DROP SCHEMA public CASCADE",
    "UPDATE alembic_version SET version_num = '0001_users'",
    "SET session_replication_role = replica",
    "ALTER SYSTEM SET fsync = off",
    "ALTER ROLE CURRENT_USER SUPERUSER",
    "ALTER ROLE CURRENT_USER CREATEROLE",
    "CREATE ROLE mine SUPERUSER",
    "SET SESSION AUTHORIZATION postgres",
    "SET ROLE postgres",
    "SET ROLE {owner}",
    "GRANT {owner} TO CURRENT_USER",
    "COPY postings FROM PROGRAM 'id'",
    "COPY (SELECT 1) TO PROGRAM 'id'",
    "COPY (SELECT 1) TO '/tmp/mine'",
    "COPY messages FROM '/etc/passwd'",
    "SELECT pg_read_file('/etc/passwd')",
    "SELECT pg_read_binary_file('PG_VERSION')",
    "SELECT pg_ls_dir('.')",
    "SELECT lo_import('/etc/passwd')",
    "SELECT lo_export(0, '/tmp/mine')",
    "SELECT rolpassword FROM pg_authid",
    "SELECT pg_reload_conf()",
    "CREATE DATABASE mine",
    "DROP DATABASE postgres",
]


@pytest.fixture
def portal(postgres_database: PostgresDatabase) -> Iterator[Superuser]:
    """A connection as the portal's own role, without any option of the portal's engine."""
    with Superuser(postgres_database.url) as connection:
        yield connection


@pytest.mark.parametrize("statement", HOSTILE)
def test_a_hostile_statement_is_refused(portal, postgres_database, statement):
    """By the missing right itself: no trigger and no syntax error stands in for it."""
    owner = postgres_database.owner_url.partition("//")[2].partition("@")[0]
    with pytest.raises(InsufficientPrivilege):
        portal(statement.replace("{owner}", owner))


def test_the_owner_can_do_what_the_portal_cannot(postgres_database):
    """Hence the two roles: the portal must not own its tables."""
    with Superuser(postgres_database.owner_url) as owner:
        owner("BEGIN")
        owner("ALTER TABLE postings DISABLE TRIGGER postings_refuse_update")
        owner("ROLLBACK")
    with Superuser(postgres_database.owner_url) as owner, pytest.raises(InsufficientPrivilege):
        owner("SET session_replication_role = replica")


def test_it_has_the_listed_rights_on_every_table_and_no_other(portal):
    granted = dict(
        portal(
            "SELECT relname, concat_ws(', ', VARIADIC ARRAY(SELECT verb FROM unnest(ARRAY["
            "'SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) AS verb "
            "WHERE has_table_privilege(pg_class.oid, verb))) "
            "FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace"
        )
    )
    tables = {*Base.metadata.tables, "alembic_version"}
    assert granted == {table: RIGHTS.get(table, CHANGE) for table in tables}
    assert set(RIGHTS) <= tables


def test_its_limits_and_time_zone_are_its_own(portal):
    shown = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "timezone")
    assert [portal(f"SHOW {name}")[0][0] for name in shown] == ["5s", "2s", "1min", "UTC"]


def test_a_role_without_limits_is_told_of_and_one_that_does_all_limits_itself(postgres_database):
    """The owner has none but the time zone, as the script makes it."""
    owner = make_url(postgres_database.owner_url)
    engine = create_engine(owner.set(drivername="postgresql+psycopg2"))
    with engine.connect() as connection:
        missing = missing_limits(connection, owner.username)
        assert [statement.split()[4] for statement in missing] == [n for n in LIMITS if n != "timezone"]
        limit_own_role(connection)
        assert missing_limits(connection, owner.username) == []
        connection.rollback()
        assert missing_limits(connection, make_url(postgres_database.url).username) == []
    engine.dispose()


def test_another_role_cannot_even_connect(postgres_url, postgres_database):
    with Superuser(postgres_url) as superuser:
        superuser("CREATE ROLE stranger LOGIN")
    try:
        with pytest.raises(psycopg2.OperationalError, match="permission denied for database"):
            Superuser(postgres_database.superuser_url.replace("//postgres@", "//stranger@"))
    finally:
        with Superuser(postgres_url) as superuser:
            superuser("DROP ROLE stranger")


def test_the_owner_is_of_no_use_without_the_name_of_the_portals_role(tmp_path):
    with pytest.raises(ConfigError, match="DATABASE_URL must name the portal's own user"):
        load_settings(environment(tmp_path, MIGRATION_DATABASE_URL="postgresql://owner@127.0.0.1/portal"))
    with pytest.raises(ConfigError, match="MIGRATION_DATABASE_URL must look like postgresql://"):
        load_settings(
            environment(
                tmp_path,
                DATABASE_URL="postgresql://portal@127.0.0.1/portal",
                MIGRATION_DATABASE_URL="sqlite:////tmp/file",
            )
        )
