"""How transactions begin: reading holds none on PostgreSQL, changing needs a unit of work on both databases."""

from __future__ import annotations

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from portal.models import User
from portal.services.transaction import unit_of_work
from tests.factories import make_customer


def test_a_change_outside_of_a_unit_of_work_is_refused(session: Session) -> None:
    customer = make_customer(session)
    with pytest.raises(RuntimeError, match="a change"):
        session.execute(update(User).values(name="Somebody else"))
    session.rollback()
    assert session.scalars(select(User.name).where(User.id == customer.id)).one() == customer.name


@pytest.mark.parametrize("engine_name", ["postgres"], indirect=True)
def test_a_lock_of_rows_outside_of_a_unit_of_work_is_refused(session: Session) -> None:
    with pytest.raises(RuntimeError, match="a lock outside of a unit of work"):
        session.execute(select(User.id).with_for_update(key_share=True))


def test_a_unit_of_work_that_fails_changes_nothing(session: Session) -> None:
    customer = make_customer(session)
    # A connection that has just read without a transaction begins one for the unit of work.
    session.scalars(select(User.name)).all()
    with pytest.raises(ZeroDivisionError), unit_of_work(session):
        session.execute(update(User).values(name="Somebody else"))
        raise ZeroDivisionError
    assert session.scalars(select(User.name).where(User.id == customer.id)).one() == customer.name


def test_reading_on_postgres_holds_no_transaction(session: Session) -> None:
    session.scalars(select(User.name)).all()
    raw = session.connection().connection.dbapi_connection
    if session.get_bind().dialect.name == "postgresql":
        assert raw.autocommit
        with unit_of_work(session):
            assert not session.connection().connection.dbapi_connection.autocommit
    else:
        assert raw.in_transaction
