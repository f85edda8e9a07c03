"""The database refuses every hostile row by the name of the rule that it breaks, on both engines."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from sqlalchemy import ForeignKeyConstraint, Index, text, update
from sqlalchemy.exc import IntegrityError, StatementError
from sqlalchemy.orm import Session

from portal.models import Base, Merchant
from portal.services.transaction import unit_of_work
from tests import factories
from tests.factories import NOW

from .hostile_rows import HOSTILE, Rule, hostile_rows, rules
from .sound_rows import SOUND, Row, adding, sound


class Undone(Exception):
    """Rolls back a unit of work that was only a trial."""


@contextmanager
def undone(session: Session) -> Iterator[None]:
    try:
        with unit_of_work(session):
            yield
            raise Undone
    except Undone:
        pass


def broken_rule(session: Session, rule: Rule, rows: list[Row], *, dropped: bool = False) -> str | None:
    """What the database calls the rule that these rows break; None if it takes them. Nothing stays."""
    table, found = rule.table.name, None
    sqlite = session.get_bind().dialect.name == "sqlite"
    try:
        with undone(session):
            if dropped:
                session.execute(dropping(rule))
            if sqlite:
                # SQLite does not say which reference is broken; told to wait with it, it can be asked.
                session.execute(text("PRAGMA defer_foreign_keys = ON"))
            for row in rows:
                session.execute(adding(table, row))
            if sqlite:
                found = broken_reference(session, table)
            else:
                session.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))
    except IntegrityError as error:
        found = named_by_sqlite(str(error.orig)) if sqlite else error.orig.diag.constraint_name
    return found


def dropping(rule: Rule):
    if isinstance(rule, Index):
        return text(f"DROP INDEX {rule.name}")
    return text(f"ALTER TABLE {rule.table.name} DROP CONSTRAINT {rule.name} CASCADE")


def broken_reference(session: Session, table: str) -> str | None:
    broken = {row.fkid for row in session.execute(text(f"PRAGMA foreign_key_check({table})"))}
    columns: dict[int, set[str]] = {}
    for row in session.execute(text(f"PRAGMA foreign_key_list({table})")):
        columns.setdefault(row.id, set()).add(row[3])
    names = [
        name
        for name, rule in rules().items()
        if isinstance(rule, ForeignKeyConstraint)
        and rule.table.name == table
        and set(rule.column_keys) in [columns[number] for number in broken]
    ]
    return ", ".join(names) or None


def named_by_sqlite(said: str) -> str:
    """The name in ``CHECK constraint failed: <name>``; a UNIQUE is told by its columns or as ``index '<name>'``."""
    what = said.partition("constraint failed: ")[2]
    columns = [part.partition(".")[2] for part in what.split(", ")]
    for name, rule in rules().items():
        told_of = (
            what.startswith(f"{rule.table.name}.") and [column.name for column in rule.columns] == columns
        )
        if not isinstance(rule, ForeignKeyConstraint) and (told_of or what in {name, f"index '{name}'"}):
            return name
    return said


def test_every_rule_of_the_models_has_a_case_and_every_case_a_rule():
    named = {name for name in rules() if not name.startswith("pk_")}
    assert set(HOSTILE) == named
    assert all(HOSTILE.values())


def test_every_table_has_a_sound_row_that_is_taken(session, shop):
    assert set(SOUND) == set(Base.metadata.tables)
    before = factories.row_counts(session)
    for table in SOUND:
        with unit_of_work(session):
            session.execute(adding(table, sound(table, shop)))
    assert factories.row_counts(session) == {table: count + 1 for table, count in before.items()}


def test_every_hostile_row_is_refused_by_the_name_of_its_rule(session, shop, other):
    before = factories.row_counts(session)
    said = [
        (name, broken_rule(session, rule, rows), rows[-1])
        for name, rule in rules().items()
        for rows in hostile_rows(name, shop, other)
    ]
    assert [(name, found, row) for name, found, row in said if found != name] == []
    assert factories.row_counts(session) == before


@pytest.mark.parametrize("engine_name", ["postgres"], indirect=True)
def test_it_is_that_rule_alone_which_refuses_it(session, shop, other, engine_name):
    taken = [
        (name, broken_rule(session, rule, rows, dropped=True), rows[-1])
        for name, rule in rules().items()
        for rows in hostile_rows(name, shop, other)
    ]
    assert [(name, found, row) for name, found, row in taken if found] == []


def test_a_reference_to_nothing_is_refused_at_the_latest_at_the_commit(session, shop, other):
    references = [name for name, rule in rules().items() if isinstance(rule, ForeignKeyConstraint)]
    for name in references:
        for [row] in hostile_rows(name, shop, other):
            with pytest.raises(IntegrityError, match=r"(?i)foreign key"), unit_of_work(session):
                session.execute(adding(rules()[name].table.name, row))


def test_an_instant_without_a_zone_is_refused(session, shop):
    naive = NOW.replace(tzinfo=None) + timedelta(days=1)
    with pytest.raises(StatementError, match="an instant needs a time zone"), unit_of_work(session):
        session.execute(update(Merchant).values(created_at=naive))
