"""Where a database of many machines (Citus) keeps each table, and how a database is spread over them.

A shop's rows are on the machine where the shop is. What no shop owns is on the coordinator alone, but for the users,
to whom nearly every table points.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from sqlalchemy import Connection, Table, event, inspect, text
from sqlalchemy.schema import AddConstraint

SHOPS = "merchants"
# Copied to every machine.
EVERYWHERE = {"users"}
# On the coordinator: how people sign in, and what the operator looks at.
LOCAL = {
    *("alembic_version", "job_runs", "login_attempts"),
    *("passkeys", "recovery_codes", "second_factors", "sessions", "used_challenges", "user_tokens"),
}
# What Citus cannot hold, and why that is no loss.
NOT_KEPT = {
    "fk_sessions_merchant_id": "a session is on the coordinator, its shop is not; shops are never removed",
}

# A trigger of the portal concerns its own shop alone, whose rows are on one machine. Plain PostgreSQL takes these, too.
SETTINGS = (
    "SET LOCAL citus.enable_unsafe_triggers = on; SET LOCAL citus.multi_shard_modify_mode = 'sequential'"
)


class CannotDistribute(Exception):
    """The database cannot be spread over machines, and was not changed; the message says why, in one line."""


class Part(NamedTuple):
    """A key, trigger or index: of which table, pointing to which other one, and the statement that makes it."""

    kind: str
    table: str
    other: str
    name: str
    statement: str


_PARTS = text("""
    SELECT contype::text, conrelid::regclass::text, confrelid::regclass::text, conname,
           format('ALTER TABLE %s ADD CONSTRAINT %I %s', conrelid::regclass, conname, pg_get_constraintdef(oid))
    FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND contype IN ('c', 'f', 'p', 'u')
    UNION ALL
    SELECT CASE WHEN tgtype & 32 > 0 THEN 'truncate' ELSE 'trigger' END, tgrelid::regclass::text, '', tgname,
           pg_get_triggerdef(t.oid)
    FROM pg_trigger t JOIN pg_class c ON c.oid = tgrelid
    WHERE NOT tgisinternal AND relnamespace = 'public'::regnamespace
    UNION ALL
    SELECT 'index', tablename, '', indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'
    ORDER BY 1, 2, 4
""")


def is_of_shops(table: str, columns: Iterable[str]) -> bool:
    """Whether a table's rows are where their shop is. Raises ``LookupError`` for one that has no place at all."""
    if table in LOCAL | EVERYWHERE:
        return False
    if table != SHOPS and "merchant_id" not in columns:
        raise LookupError(f"{table} has no merchant_id: name it in portal/models/distribution.py")
    return True


def distribute(connection: Connection, shards: int) -> list[str]:
    """Spread over the machines what is not yet; returns a line for each thing done, none if nothing was to be done.

    To be run in a transaction of the owner of the tables. Raises ``CannotDistribute`` without a cluster, and
    ``LookupError`` if a table has no place, or a key, trigger or index is missing afterwards.
    """
    _require_cluster(connection)
    connection.exec_driver_sql(f"SET LOCAL statement_timeout = 0; {SETTINGS}")
    there = set(connection.scalars(_SPREAD))
    everywhere = sorted(EVERYWHERE - there)
    of_shops = sorted(_tables_of_shops(connection) - there, key=lambda table: (table != SHOPS, table))
    if not (everywhere or of_shops):
        return []
    before = _parts(connection)
    moved = {*everywhere, *of_shops}
    keys = [part for part in before if part.kind == "f" and moved & {part.table, part.other}]
    guards = [part for part in before if part.kind == "truncate" and part.table in moved]
    for part in keys:
        connection.exec_driver_sql(f"ALTER TABLE {part.table} DROP CONSTRAINT {part.name}")
    for part in guards:
        connection.exec_driver_sql(f"DROP TRIGGER {part.name} ON {part.table}")
    for table in everywhere:
        connection.execute(text("SELECT create_reference_table(:name)"), {"name": table})
    for table in of_shops:
        if table == SHOPS:
            _spread_shops(connection, shards)
        else:
            _spread_beside_shops(connection, table)
    for table in (*everywhere, *of_shops):
        # The rows are copied; those that stayed on the coordinator would be asked by nobody.
        emptied = text("SELECT truncate_local_data_after_distributing_table(CAST(:name AS regclass))")
        connection.execute(emptied, {"name": table})
    kept = [part for part in keys if part.name not in NOT_KEPT]
    for part in (*guards, *kept):
        connection.exec_driver_sql(part.statement)
    if missing := [part.name for part in _missing(before, _parts(connection))]:
        raise LookupError(f"missing after distributing: {', '.join(missing)}")
    return _said(everywhere, of_shops, shards, keys, kept)


# Tables that are copied everywhere, or are in shards already.
_SPREAD = text(
    "SELECT CAST(logicalrelid AS text) FROM pg_dist_partition "
    "WHERE partmethod = 'h' OR partmethod = 'n' AND repmodel = 't'"
)


def is_distributed(connection: Connection) -> bool:
    """Whether the database is spread over machines."""
    if connection.dialect.name != "postgresql":
        return False
    known = connection.scalar(text("SELECT to_regclass('pg_dist_partition')")) is not None
    return known and SHOPS in connection.scalars(_SPREAD).all()


@event.listens_for(Table, "before_create")
def _leave_out_keys(table: Table, connection: Connection, **_: Any) -> None:
    """A table that a migration makes beside shops that are spread gets its foreign keys once it is spread itself."""
    if is_distributed(connection) and is_of_shops(table.name, table.columns.keys()):
        for key in table.foreign_key_constraints:
            key.use_alter = True


@event.listens_for(Table, "after_create")
def _spread_and_add_keys(table: Table, connection: Connection, **_: Any) -> None:
    if is_distributed(connection) and is_of_shops(table.name, table.columns.keys()):
        _spread_beside_shops(connection, table.name)
        for key in table.foreign_key_constraints:
            connection.execute(AddConstraint(key))


def _require_cluster(connection: Connection) -> None:
    if connection.dialect.name != "postgresql":
        raise CannotDistribute("Only PostgreSQL with the extension citus can be distributed.")
    if connection.scalar(text("SELECT to_regproc('create_distributed_table')")) is None:
        raise CannotDistribute(
            "The extension citus is missing: a superuser creates it in this database on every node."
        )
    if not connection.scalar(text("SELECT count(*) FROM citus_get_active_worker_nodes()")):
        raise CannotDistribute(
            "There are no workers: a superuser adds each with SELECT citus_add_node('HOST', 5432)."
        )


def _tables_of_shops(connection: Connection) -> set[str]:
    catalogue = inspect(connection)
    columns = {
        table: [column["name"] for column in catalogue.get_columns(table, schema="public")]
        for table in catalogue.get_table_names("public")
    }
    return {table for table in columns if is_of_shops(table, columns[table])}


def _parts(connection: Connection) -> list[Part]:
    return [Part(*row) for row in connection.execute(_PARTS)]


def _missing(before: list[Part], after: list[Part]) -> list[Part]:
    return [part for part in before if part not in set(after) and part.name not in NOT_KEPT]


def _spread_shops(connection: Connection, shards: int) -> None:
    statement = "SELECT create_distributed_table(:shops, 'id', shard_count => :shards)"
    connection.execute(text(statement), {"shops": SHOPS, "shards": shards})


def _spread_beside_shops(connection: Connection, table: str) -> None:
    statement = "SELECT create_distributed_table(:name, 'merchant_id', colocate_with => :shops)"
    connection.execute(text(statement), {"name": table, "shops": SHOPS})


def _said(
    everywhere: list[str], of_shops: list[str], shards: int, keys: list[Part], kept: list[Part]
) -> list[str]:
    lines = [f"{table} is on every node now." for table in everywhere]
    if SHOPS in of_shops:
        lines.append(f"{SHOPS} is in {shards} shards, by id.")
    if beside := [table for table in of_shops if table != SHOPS]:
        lines.append(f"Beside their shop, by merchant_id, are now {len(beside)} tables: {', '.join(beside)}.")
    lines.append(
        f"{len(kept)} foreign keys were checked and added again; keys, triggers and indexes are as before."
    )
    lines += [f"{part.name} is not kept: {NOT_KEPT[part.name]}." for part in keys if part not in kept]
    return lines
