"""Statements that are compiled once give what SQLAlchemy would, and refuse and fail as it does, on both databases."""

from __future__ import annotations

import psycopg2
import pytest
from sqlalchemy import bindparam, literal, select, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from portal.core.errors import Busy
from portal.models import Event, Installment, Plan, User, new_id
from portal.services.transaction import unit_of_work
from portal.statements import Changing, Reading
from tests import factories
from tests.factories import make_customer

ON_POSTGRES = pytest.mark.parametrize("engine_name", ["postgres"], indirect=True)
RENAME = Changing(
    update(User)
    .where(User.id == bindparam("user"))
    .values(name=bindparam("called"))
    .returning(User.name, User.id)
)
NAMES = Reading(select(User.name).order_by(User.name))


@pytest.fixture
def plan_id(session, shop, ada):
    return factories.accepted_plan(session, shop, ada)


@pytest.mark.parametrize("table", [Plan, Installment, Event, User])
def test_values_are_those_that_sqlalchemy_gives(session, plan_id, table):
    """Ids, dates, instants, truth values, JSON, amounts and None."""
    query = select(table.__table__, literal(True)).order_by(table.id)
    expected = [tuple(row) for row in session.execute(query)]
    found = Reading(query)(session)
    assert found == expected
    assert [list(map(type, row)) for row in found] == [list(map(type, row)) for row in expected]
    nobody = Reading(query.where(table.id == bindparam("id")))
    assert nobody(session, id=new_id()) == []


def test_parameters_are_converted_as_sqlalchemy_does(session, plan_id):
    plan = session.execute(select(Plan.start_date, Plan.created_at, Plan.merchant_id)).one()
    query = select(Plan.id).where(
        Plan.id == bindparam("id"),
        Plan.start_date == bindparam("day"),
        Plan.created_at == bindparam("at"),
        Plan.merchant_id == plan.merchant_id,
        Plan.state == "active",
    )
    read = Reading(query)
    assert read(session, id=plan_id, day=plan.start_date, at=plan.created_at) == [(plan_id,)]
    with pytest.raises(KeyError):
        read(session, id=plan_id)


def test_a_list_of_values_cannot_be_compiled_once(session):
    with pytest.raises(ValueError, match="a list of values"):
        Reading(select(Plan.id).where(Plan.state.in_(["active", "offered"])))(session)


def test_a_change_outside_of_a_unit_of_work_is_refused(session: Session) -> None:
    customer = make_customer(session)
    with pytest.raises(RuntimeError, match="a change"):
        RENAME(session, user=customer.id, called="Somebody else")
    session.rollback()
    assert (customer.name,) in NAMES(session)
    session.rollback()
    with unit_of_work(session):
        assert RENAME(session, user=customer.id, called="Somebody else") == [("Somebody else", customer.id)]
    assert NAMES(session) == [("Somebody else",)]


@ON_POSTGRES
def test_a_lock_outside_of_a_unit_of_work_is_refused(session: Session) -> None:
    with pytest.raises(RuntimeError, match="a lock outside of a unit of work"):
        Reading(select(User.id).with_for_update(key_share=True))(session)


def test_what_is_read_is_seen_by_those_who_listen(session, count_statements):
    with count_statements() as statements:
        NAMES(session)
    assert [statement.split()[0] for statement in statements] == ["SELECT"]


@ON_POSTGRES
def test_a_lost_connection_is_busy_and_the_next_one_reads(session, postgres_database) -> None:
    NAMES(session)
    backend = session.scalars(text("SELECT pg_backend_pid()").columns()).one()
    _end(postgres_database, backend)
    with pytest.raises(DBAPIError) as failed:
        NAMES(session)
    assert failed.value.connection_invalidated
    session.rollback()
    assert NAMES(session) == []
    with pytest.raises(Busy), unit_of_work(session):
        _end(postgres_database, session.scalars(text("SELECT pg_backend_pid()").columns()).one())
        NAMES(session)


def _end(database, backend):
    with psycopg2.connect(database.superuser_url) as superuser, superuser.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s)", [backend])


def test_an_error_of_the_database_does_not_show_the_values(session: Session) -> None:
    customer = make_customer(session)
    with pytest.raises(DBAPIError) as failed, unit_of_work(session):
        RENAME(session, user=customer.id, called=None)
    assert "SQL parameters hidden" in str(failed.value)
