"""Postings, acceptances, events and settled payments are never changed or removed: both databases refuse by name."""

import pytest
from sqlalchemy import delete, select, text, update
from sqlalchemy.exc import DBAPIError

from portal.models import Acceptance, Event, Payment, Posting
from portal.services.transaction import unit_of_work
from tests import factories
from tests.factories import NOW, accepted_plan, choose_card, pay

CHANGES = {
    "a posting's amount": (Posting, update(Posting).values(amount=Posting.amount + 1)),
    "a posting's accounts": (Posting, update(Posting).values(debit="refunds", credit="cash")),
    "a posting to what it is": (Posting, update(Posting).values(amount=Posting.amount)),
    "a posting away": (Posting, delete(Posting)),
    "the terms agreed to": (Acceptance, update(Acceptance).values(terms="{}")),
    "the time of an acceptance": (Acceptance, update(Acceptance).values(accepted_at=NOW)),
    "an acceptance away": (Acceptance, delete(Acceptance)),
    "who did it": (Event, update(Event).values(actor_id=None)),
    "an event away": (Event, delete(Event)),
    "a settled payment's amount": (Payment, update(Payment).values(amount=1)),
    "a settled payment to running": (
        Payment,
        update(Payment).values(state="processing", number=None, settled_at=None, settled_on=None),
    ),
    "a settled payment away": (Payment, delete(Payment)),
}


@pytest.fixture
def paid_plan(session, shop, ada):
    plan_id = accepted_plan(session, shop, ada)
    pay(session, ada, plan_id, 1)
    return plan_id


def test_the_database_refuses_every_change_by_name(session, paid_plan):
    rows = {table: session.execute(select(table.__table__)).all() for table, _ in CHANGES.values()}
    assert all(rows.values())
    for change, (table, statement) in CHANGES.items():
        refused = pytest.raises(DBAPIError, match=f"{table.__tablename__} are append-only")
        with refused, unit_of_work(session):
            session.execute(statement)
            pytest.fail(f"the database let change {change}")
    assert {table: session.execute(select(table.__table__)).all() for table in rows} == rows


def test_a_declined_payment_is_settled_too(session, shop, ada):
    plan_id = accepted_plan(session, shop, ada)
    choose_card(session, ada, "declined")
    pay(session, ada, plan_id, 1)
    with pytest.raises(DBAPIError, match="payments are append-only"), unit_of_work(session):
        session.execute(update(Payment).values(state="succeeded", number=1))


def test_a_payment_that_is_processing_can_be_settled_but_not_removed(session, shop, ada):
    plan_id = accepted_plan(session, shop, ada)
    choose_card(session, ada, "times_out")
    pay(session, ada, plan_id, 1)
    with pytest.raises(DBAPIError, match="payments are append-only"), unit_of_work(session):
        session.execute(delete(Payment))
    with unit_of_work(session):
        session.execute(update(Payment).values(test_card="succeeds"))


@pytest.mark.parametrize("engine_name", ["postgres"], indirect=True)
def test_nor_can_they_be_truncated(session, paid_plan, engine_name):
    for table in ("postings", "acceptances", "events", "payments"):
        with pytest.raises(DBAPIError, match="are append-only"), unit_of_work(session):
            session.execute(text(f"TRUNCATE {table} CASCADE"))
        assert factories.row_counts(session)[table]
