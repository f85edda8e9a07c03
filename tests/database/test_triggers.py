"""What is never changed or removed, what stays as agreed and what only grows: the database's triggers refuse.

A new trigger needs one line in ``REFUSED``: its name, and statements that it alone refuses; ``sets``, ``removes`` and
``turns`` make the usual ones. Of the tables in ``MAY_CHANGE`` a new column has to be frozen, or be named there.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import ColumnElement, Table, and_, delete, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from portal.core.ledger import SUMS
from portal.models import Base, IdempotencyKey, Member
from portal.services.transaction import insert_once, unit_of_work
from tests import factories
from tests.factories import TODAY

from .sound_rows import Row, Shop, adding, sound
from .test_constraints import undone

# Carries out one hostile statement; returns how many rows it met.
Attempt = Callable[[Session, Shop], int]

# These refuse nothing: they keep SQLite's index of the search, see ``test_searching_plans``.
KEEP_AN_INDEX = "plan_words_"

APPEND_ONLY = ("postings", "acceptances", "events", "payments", "reversals")

# The columns that an UPDATE may name at all; to name another is refused, even to set it to what it is.
MAY_CHANGE = {
    "plans": {"state", "acceptance_id", "accepted_on", "updated_at"},
    "installments": {*SUMS, "late_on", "paid_on", "paid_at"},
    "allocations": {"reversed", "returned"},
    "amendments": {"state", "ended_at", "accepted_at", "address", "user_agent"},
    "mandates": {
        "page",
        "provider_customer",
        "provider_reference",
        "brand",
        "last_four",
        "saved_at",
        "revoked_at",
    },
    "merchants": {
        "name",
        "support_email",
        "currency",
        "currency_fixed_at",
        "timezone",
        "earlier_timezones",
        "suspended_at",
        "offers_per_day",
        "csv_separator",
        "move_days",
        "second_factor_required_at",
        "account_numbers",
        "provider",
        "created_at",
    },
}
# They change together: set once by the acceptance that they follow, then by amendments alone.
DATES = {"due_on", "due_fixed", "amendment_id"}
MAY_CHANGE_WHERE = {
    "amendments": "state = 'proposed'",
    "mandates": "revoked_at IS NULL",
    "plans": "acceptance_id IS NULL",
    "merchants": "currency_fixed_at IS NULL",
}


def all_of(table: str) -> set[str]:
    return {column.name for column in table_named(table).columns if column.computed is None}


def frozen(table: str) -> set[str]:
    """Columns that keep what they had; those that the database computes cannot be set at all."""
    computed = {column.name for column in table_named(table).columns if column.computed is not None}
    return all_of(table) - MAY_CHANGE[table] - computed


def table_named(name: str) -> Table:
    return Base.metadata.tables[name]


def runs(statement: str) -> Attempt:
    return lambda session, shop: session.execute(text(statement)).rowcount


def sets(table: str, columns: set[str], where: str = "true") -> list[Attempt]:
    """Each column is set to what it is, in the rows that the shop has."""
    return [runs(f"UPDATE {table} SET {column} = {column} WHERE {where}") for column in sorted(columns)]


def removes(table: str) -> list[Attempt]:
    """A row that nothing refers to is removed."""

    def run(session: Session, shop: Shop) -> int:
        row = sound(table, shop)
        session.execute(adding(table, row))
        return session.execute(delete(table_named(table)).where(this(table, row))).rowcount

    return [run]


def turns(table: str, before: Row, after: Row) -> list[Attempt]:
    """A row is changed."""

    def run(session: Session, shop: Shop) -> int:
        row = sound(table, shop) | before
        session.execute(adding(table, row))
        return session.execute(update(table_named(table)).where(this(table, row)).values(after)).rowcount

    return [run]


def this(table: str, row: Row) -> ColumnElement[bool]:
    return and_(*(column == row[column.name] for column in table_named(table).primary_key))


REFUSED: dict[str, list[Attempt]] = {
    "postings_refuse_update": sets("postings", all_of("postings")),
    "postings_refuse_delete": removes("postings"),
    "reversals_refuse_update": sets("reversals", all_of("reversals")),
    "reversals_refuse_delete": removes("reversals"),
    "acceptances_refuse_update": sets("acceptances", all_of("acceptances")),
    "acceptances_refuse_delete": removes("acceptances"),
    "events_refuse_update": sets("events", all_of("events")),
    "events_refuse_delete": removes("events"),
    "payments_refuse_update": sets("payments", all_of("payments")),
    "payments_refuse_delete": removes("payments"),
    "plans_keep_terms": sets("plans", frozen("plans"), "acceptance_id IS NULL"),
    "plans_stay": removes("plans"),
    "plans_stay_accepted": sets("plans", {"acceptance_id", "accepted_on"}, "acceptance_id IS NOT NULL"),
    "plans_stay_ended": [
        *turns("plans", {"state": "revoked"}, {"state": "offered"}),
        *turns("plans", {"state": "expired"}, {"state": "declined"}),
        *turns("plans", {"state": "declined"}, {"state": "offered"}),
        runs("UPDATE plans SET state = 'cancelled' WHERE state = 'completed'"),
        runs("UPDATE plans SET state = 'written_off' WHERE state = 'completed'"),
    ],
    "installments_keep_terms": sets("installments", frozen("installments") - DATES),
    "installments_keep_dates": [
        *sets("installments", {"due_on", "due_fixed"}),
        *turns("installments", {"due_fixed": False}, {"due_on": TODAY}),
        runs("UPDATE installments SET due_fixed = false"),
        runs("UPDATE installments SET amendment_id = NULL"),
        runs("UPDATE installments SET amendment_id = amendment_id WHERE amendment_id IS NOT NULL"),
    ],
    "amendments_keep_proposals": sets("amendments", frozen("amendments"), "state = 'proposed'"),
    "amendments_stay_ended": sets("amendments", MAY_CHANGE["amendments"], "state <> 'proposed'"),
    "amendments_stay": removes("amendments"),
    "amendment_lines_keep_dates": sets("amendment_lines", all_of("amendment_lines")),
    "amendment_lines_stay": removes("amendment_lines"),
    "mandates_keep_consent": sets("mandates", frozen("mandates"), "revoked_at IS NULL"),
    "mandates_stay_revoked": turns("mandates", {}, {"page": "cs_1"}),
    "mandates_stay": removes("mandates"),
    "attempts_keep": sets("attempts", all_of("attempts")),
    "attempts_stay": removes("attempts"),
    "installments_stay": removes("installments"),
    "installments_only_grow": [
        *turns("installments", {"paid": 40}, {"paid": 39}),
        *turns("installments", {"paid": 40, "reversed": 40}, {"reversed": 39}),
        *turns("installments", {"paid": 40, "returned": 40}, {"returned": 39}),
        *turns("installments", {"cancelled": 40}, {"cancelled": 39}),
        *turns("installments", {"written_off": 40}, {"written_off": 39}),
        *turns("installments", {"moved": 40}, {"moved": 39}),
        *turns("installments", {"paid_before": 40}, {"paid_before": 39}),
    ],
    "allocations_keep_amounts": sets("allocations", frozen("allocations")),
    "allocations_only_grow": [
        *turns("allocations", {"returned": 2}, {"returned": 1}),
        *turns("allocations", {"reversed": 2}, {"reversed": 1}),
    ],
    "allocations_stay": removes("allocations"),
    "refund_allocations_keep_amounts": sets("refund_allocations", all_of("refund_allocations")),
    "refund_allocations_stay": removes("refund_allocations"),
    "refunds_stay_settled": sets("refunds", all_of("refunds"), "state <> 'processing'"),
    "refunds_stay": removes("refunds"),
    "members_keep_an_owner": [
        runs("UPDATE members SET role = 'manager' WHERE role = 'owner'"),
        runs("UPDATE members SET role = 'bookkeeper'"),
    ],
    "members_stay_owned": [
        runs("DELETE FROM members WHERE role = 'owner'"),
        runs("DELETE FROM members"),
    ],
    "merchants_keep_id": sets("merchants", frozen("merchants")),
    "merchants_keep_currency": sets(
        "merchants", {"currency", "currency_fixed_at"}, "currency_fixed_at IS NOT NULL"
    ),
    "idempotency_keys_stay_answered": sets(
        "idempotency_keys", all_of("idempotency_keys"), "answer IS NOT NULL"
    ),
}
# PostgreSQL alone has it, and cascades to the other tables, whose triggers refuse too.
TRUNCATED = {f"{table}_refuse_truncate": [runs(f"TRUNCATE {table} CASCADE")] for table in APPEND_ONLY}


def triggers(session: Session) -> dict[str, str]:
    """Every trigger of the database by its name, and its table."""
    if session.get_bind().dialect.name == "sqlite":
        query = "SELECT name, tbl_name FROM sqlite_master WHERE type = 'trigger'"
    else:
        query = "SELECT tgname, tgrelid::regclass::text FROM pg_trigger WHERE NOT tgisinternal"
    found = dict(tuple(row) for row in session.execute(text(query)))
    session.rollback()
    return {name: table for name, table in found.items() if not name.startswith(KEEP_AN_INDEX)}


def answer(session: Session, shop: Shop, attempted: Attempt, dropping: str = "") -> str:
    """What the database says to the statement; nothing stays."""
    said = ""
    try:
        with undone(session):
            if dropping:
                session.execute(text(f"DROP TRIGGER {dropping}"))
            said = "done" if attempted(session, shop) else "met no row"
    except IntegrityError as error:
        said = str(error.orig).splitlines()[0]
    return said


def refusal(trigger: str) -> str:
    """What the trigger says: its name, or that the table is append-only."""
    table, is_append_only, _ = trigger.partition("_refuse_")
    return f"{table} are append-only" if is_append_only else trigger


def test_every_trigger_has_a_case_and_every_case_a_trigger(session):
    is_postgresql = session.get_bind().dialect.name == "postgresql"
    assert set(triggers(session)) == set(REFUSED | (TRUNCATED if is_postgresql else {}))
    assert all(REFUSED.values())


def test_every_hostile_statement_is_refused_by_its_trigger(session, shop):
    before = factories.row_counts(session)
    answers = {
        (name, number): answer(session, shop, attempted)
        for name, attempts in REFUSED.items()
        for number, attempted in enumerate(attempts)
    }
    assert {case: said for case, said in answers.items() if said != refusal(case[0])} == {}
    assert factories.row_counts(session) == before


def test_it_is_that_trigger_alone_which_refuses_it(session, shop):
    on = "" if session.get_bind().dialect.name == "sqlite" else " ON {}"
    tables = triggers(session)
    answers = {
        (name, number): answer(session, shop, attempted, name + on.format(tables[name]))
        for name, attempts in REFUSED.items()
        for number, attempted in enumerate(attempts)
    }
    assert {case: said for case, said in answers.items() if said != "done"} == {}


@pytest.mark.parametrize("engine_name", ["postgres"], indirect=True)
@pytest.mark.parametrize(
    ("trigger", "statement"),
    [
        ("postings_refuse_delete", "DELETE FROM {}"),
        ("plans_keep_terms", "UPDATE {} SET terms = 'other'"),
    ],
)
def test_on_a_shard_a_trigger_says_the_same(session, shop, engine_name, trigger, statement):
    """As Citus names them: table and trigger with the shard's number behind."""
    table = triggers(session)[trigger]

    def on_a_shard(session, shop):
        session.execute(text(f"ALTER TRIGGER {trigger} ON {table} RENAME TO {trigger}_102008"))
        session.execute(text(f"ALTER TABLE {table} RENAME TO {table}_102008"))
        return session.execute(text(statement.format(f"{table}_102008"))).rowcount

    assert answer(session, shop, on_a_shard) == refusal(trigger)


def test_what_may_change_can_be_changed(session, shop):
    for table, names in MAY_CHANGE.items():
        where = MAY_CHANGE_WHERE.get(table, "true")
        assert [answer(session, shop, attempted) for attempted in sets(table, names, where)] == [
            "done"
        ] * len(names)


@pytest.mark.parametrize(
    ("change", "refused"),
    [
        (lambda: delete(Member), "members_stay_owned"),
        (lambda: update(Member).values(role="seller"), "members_keep_an_owner"),
    ],
)
def test_of_two_owners_one_may_go_and_never_both(session, shop, change, refused):
    second = sound("members", shop) | {"role": "owner"}
    owners = Member.merchant_id == shop.id, Member.role == "owner"

    def goes(*who):
        def run(session, shop):
            session.execute(adding("members", second))
            return session.execute(change().where(*owners, *who)).rowcount

        return answer(session, shop, run)

    assert goes(Member.user_id == second["user_id"]) == goes(Member.user_id != second["user_id"]) == "done"
    assert goes() == refused


@pytest.mark.parametrize(
    ("table", "processing"),
    [
        ("payments", {"state": "processing", "number": None, "settled_at": None, "settled_on": None}),
        ("refunds", {"state": "processing", "settled_at": None}),
    ],
)
def test_what_is_processing_can_still_be_settled(session, shop, table, processing):
    with unit_of_work(session):
        session.execute(adding(table, sound(table, shop) | processing))
    for attempted in sets(table, all_of(table), "state = 'processing'"):
        assert answer(session, shop, attempted) == "done"


@pytest.mark.parametrize("engine_name", ["postgres"], indirect=True)
def test_append_only_tables_cannot_be_truncated(session, shop, engine_name):
    for name, (attempted,) in TRUNCATED.items():
        assert answer(session, shop, attempted).endswith("are append-only"), name


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
@pytest.mark.parametrize("table", APPEND_ONLY)
@pytest.mark.parametrize("verb", ["INSERT OR REPLACE", "REPLACE"])
def test_a_row_of_an_append_only_table_cannot_be_replaced(session, shop, engine_name, table, verb):
    names = ", ".join(all_of(table))
    replaced = runs(f"{verb} INTO {table} ({names}) SELECT {names} FROM {table}")
    assert answer(session, shop, replaced) == f"{table} are append-only"


@pytest.mark.parametrize("table", APPEND_ONLY)
def test_nor_changed_by_an_insert_that_becomes_an_update(session, shop, table):
    names, key = ", ".join(all_of(table)), ", ".join(table_named(table).primary_key.columns.keys())
    changed = runs(
        f"INSERT INTO {table} ({names}) SELECT {names} FROM {table} WHERE true "
        f"ON CONFLICT ({key}) DO UPDATE SET {key.split(', ')[-1]} = excluded.{key.split(', ')[-1]}"
    )
    assert answer(session, shop, changed) == f"{table} are append-only"


def test_writing_a_row_again_as_the_outbox_does_changes_nothing(session, shop):
    row = session.execute(select(IdempotencyKey.__table__)).mappings().first()
    with unit_of_work(session):
        assert insert_once(session, IdempotencyKey, [dict(row) | {"request_hash": "another"}]) == []
    key = select(IdempotencyKey.request_hash).where(IdempotencyKey.key == row["key"])
    assert session.scalars(key).one() == row["request_hash"]
