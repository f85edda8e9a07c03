"""The rules of tables that let the program run on many machines, read from PostgreSQL's own catalogue."""

import re

import pytest
from sqlalchemy import BigInteger, Date, DateTime, Float, Integer, Numeric, Uuid, inspect, text

from portal.core.ledger import SUMS
from portal.extensions import db
from portal.models import Base
from portal.models.distribution import EVERYWHERE, LOCAL, NOT_KEPT, SHOPS, is_of_shops

pytestmark = pytest.mark.parametrize("engine_name", ["postgres"], indirect=True)

MONEY = {"amount", "total", "scheduled", "revenue", "owed", *SUMS}
DATES = {"start_date", "last_day", "business_date"}
LOOKED_UP_BY_ID = {"plans", "installments", "payments"}


@pytest.fixture
def catalogue(app):
    with app.app_context():
        return inspect(db.engine)


@pytest.fixture
def tenants(catalogue):
    """Tables of shops, but for that of the shops themselves."""
    tables = [
        table for table in catalogue.get_table_names() if is_of_shops(table, names_of(catalogue, table))
    ]
    assert len(tables) >= 9
    return sorted(set(tables) - {SHOPS})


def names_of(catalogue, table):
    return [column["name"] for column in catalogue.get_columns(table)]


@pytest.fixture
def columns(catalogue):
    """Every column as (table, column)."""
    tables = set(catalogue.get_table_names()) - {"alembic_version"}
    return [(table, column) for table in tables for column in catalogue.get_columns(table)]


def test_every_table_has_its_place_on_many_machines(catalogue, tenants):
    tables = set(catalogue.get_table_names())
    assert {*tenants, SHOPS, *LOCAL, *EVERYWHERE} == tables == {*Base.metadata.tables, "alembic_version"}
    assert not LOCAL & EVERYWHERE
    assert catalogue.get_pk_constraint(SHOPS)["constrained_columns"] == ["id"]
    with pytest.raises(LookupError, match="novelties has no merchant_id"):
        is_of_shops("novelties", ["id", "user_id"])


def test_every_tenant_row_names_its_merchant(catalogue, tenants):
    for table in tenants:
        (merchant,) = [c for c in catalogue.get_columns(table) if c["name"] == "merchant_id"]
        assert not merchant["nullable"], table
        assert isinstance(merchant["type"], Uuid), table


def test_every_key_of_a_tenant_starts_with_the_merchant(catalogue, tenants):
    for table in tenants:
        assert catalogue.get_pk_constraint(table)["constrained_columns"][0] == "merchant_id", table
        unique = catalogue.get_unique_constraints(table) + [
            i for i in catalogue.get_indexes(table) if i["unique"]
        ]
        for key in unique:
            assert key["column_names"][0] == "merchant_id", (table, key["name"])


def test_no_foreign_key_crosses_merchants(catalogue, tenants):
    for table in tenants:
        own = [key for key in catalogue.get_foreign_keys(table) if key["referred_table"] != "users"]
        assert own, f"{table} hangs in the air"
        for key in own:
            start = "id" if key["referred_table"] == "merchants" else "merchant_id"
            assert (key["constrained_columns"][0], key["referred_columns"][0]) == ("merchant_id", start), key[
                "name"
            ]
            assert key["referred_table"] in {"merchants", *tenants}


def test_a_shared_table_points_to_no_tenant_but_for_a_written_list(catalogue):
    keys = [key for table in LOCAL | EVERYWHERE | {SHOPS} for key in catalogue.get_foreign_keys(table)]
    assert {key["name"] for key in keys if key["referred_table"] not in LOCAL | EVERYWHERE} == set(NOT_KEPT)


def test_indexes_serve_a_merchant_or_one_of_the_named_lookups(catalogue, tenants):
    for table in tenants:
        for index in catalogue.get_indexes(table):
            assert index["column_names"][0] in {
                "merchant_id",
                "id",
                "customer_id",
                "user_id",
                "link_id",
                "actor_id",
                "created_at",
            }, index["name"]


def test_a_lookup_by_id_alone_has_a_plain_index(catalogue):
    for table in LOOKED_UP_BY_ID:
        assert ["id"] in [index["column_names"] for index in catalogue.get_indexes(table)], table


def test_ids_are_made_by_the_program(session, columns):
    assert session.scalars(text("SELECT relname FROM pg_class WHERE relkind = 'S'")).all() == []
    filled_in = {
        (table, c["name"]): c["default"] for table, c in columns if c["default"] or c.get("identity")
    }
    sums = [filled_in.pop(place) for place in list(filled_in) if place[1] in SUMS]
    assert set(sums) == {"0"}
    assert set(filled_in) == {
        ("acceptances", "address_verified"),
        ("amendment_lines", "state"),
        ("installments", "due_fixed"),
        ("merchants", "account_numbers"),
        ("merchants", "earlier_timezones"),
        ("merchants", "move_days"),
        ("merchants", "offers_per_day"),
        ("merchants", "provider"),
        ("payments", "method"),
        ("payments", "note"),
        ("payments", "recovery"),
        ("plans", "first_due"),
        ("provider_keys", "refused"),
        ("refunds", "reason"),
    }


def test_money_is_whole_minor_units_in_64_bits_and_nothing_is_a_float(columns):
    money = [(table, c) for table, c in columns if c["name"] in MONEY]
    assert len(money) >= 9
    for table, column in money:
        assert isinstance(column["type"], BigInteger), (table, column["name"])
        assert not column["nullable"], (table, column["name"])
    for table, column in columns:
        assert not isinstance(column["type"], Numeric | Float), (table, column["name"])
        assert not isinstance(column["type"], Integer) or isinstance(column["type"], BigInteger), (
            table,
            column,
        )


def test_money_stands_beside_its_currency(catalogue, columns):
    # An installment's currency is its plan's, a reversal's its payment's, a rollup's is its merchant's, which stays.
    borrowing = {
        "installments",
        "allocations",
        "refund_allocations",
        "reversals",
        "metric_deltas",
        "due_rollups",
        "posted_rollups",
    }
    for table in {table for table, column in columns if column["name"] in MONEY} - borrowing:
        assert "currency" in {c["name"] for c in catalogue.get_columns(table)}, table


def test_instants_have_a_zone_and_days_are_plain_dates(columns):
    for table, column in columns:
        name = column["name"]
        is_instant = name == "at" or name.endswith(("_at", "_after"))
        is_day = name in DATES or name.endswith("_on")
        assert isinstance(column["type"], DateTime) == is_instant, (table, name)
        assert not is_instant or column["type"].timezone, (table, name)
        assert isinstance(column["type"], Date) == is_day, (table, name)


def test_triggers_do_nothing_but_refuse(session):
    own = "FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid WHERE NOT t.tgisinternal"
    bodies = dict(tuple(row) for row in session.execute(text(f"SELECT DISTINCT p.proname, p.prosrc {own}")))
    assert set(bodies) == {"refuse_change", "refuse_frozen", "refuse_last_owner"}
    # This one looks for another owner first.
    assert "RAISE EXCEPTION" in bodies.pop("refuse_last_owner")
    for body in bodies.values():
        assert body.strip().removeprefix("BEGIN").strip().startswith("RAISE EXCEPTION")
        assert "RETURN" not in body


def test_triggers_are_given_the_name_that_they_say(session):
    """On many machines a shard and its triggers have names of their own."""
    rows = session.execute(
        text(
            "SELECT tgname, tgrelid::regclass::text, proname, prosrc, encode(tgargs, 'escape') "
            "FROM pg_trigger t JOIN pg_proc p ON p.oid = tgfoid WHERE NOT tgisinternal"
        )
    )
    for trigger, table, function, body, given in rows:
        assert given == (table if function == "refuse_change" else trigger) + r"\000"
        assert not re.search(r"TG_(NAME|TABLE_NAME|RELNAME|RELID)", body), function


def test_what_is_overdue_and_what_waits_have_partial_indexes(catalogue):
    def partial(table):
        return {
            tuple(i["column_names"])
            for i in catalogue.get_indexes(table)
            if i.get("dialect_options", {}).get("postgresql_where")
        }

    assert ("merchant_id", "due_on", "id") in partial("installments")
    assert ("merchant_id", "send_after") in partial("messages")
    assert ("merchant_id", "id") in partial("payments")
