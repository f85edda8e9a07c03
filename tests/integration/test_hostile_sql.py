"""Statements that go round the rules: rows replaced by rows, refunds that do not add up, keys taken over."""

import re
from uuid import uuid4

import pytest
from sqlalchemy import delete, insert, select, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from portal.adapters.gateway import Simulator
from portal.models import (
    Acceptance,
    Event,
    IdempotencyKey,
    Installment,
    Merchant,
    Payment,
    Plan,
    Posting,
    Refund,
)
from portal.services import refunds
from portal.services.transaction import insert_once, unit_of_work
from tests import factories
from tests.factories import NOW, TODAY, accepted_plan, offered_plan, pay

APPEND_ONLY = {"postings": "amount", "acceptances": "terms", "events": "kind", "payments": "amount"}


@pytest.fixture
def books(session, shop, ada):
    """An offer, and a plan that was paid in part with a key and refunded in part."""
    offered_plan(session, shop, ada.email)
    plan_id = accepted_plan(session, shop, ada)
    pay(session, ada, plan_id, 1, key="once")
    pay(session, ada, plan_id, 2)
    refunds.refund(session, Simulator(), shop, refunds.Request(plan_id, 5000), None, NOW)
    session.rollback()
    return session


def said(session: Session, statement) -> str:
    """What the database says to a statement; everything is as it was before."""
    try:
        with unit_of_work(session):
            done = session.execute(statement).rowcount
            raise LookupError(f"{done} done")
    except (DBAPIError, LookupError) as answer:
        return str(getattr(answer, "orig", answer))


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
@pytest.mark.parametrize("table", APPEND_ONLY)
@pytest.mark.parametrize("verb", ["INSERT OR REPLACE", "REPLACE"])
def test_a_row_that_is_never_changed_cannot_be_replaced(books, engine_name, table, verb):
    columns = [row.name for row in books.execute(text(f"PRAGMA table_info({table})"))]
    hostile = [f"{name} || '1'" if name == APPEND_ONLY[table] else name for name in columns]
    statement = text(f"{verb} INTO {table} ({', '.join(columns)}) SELECT {', '.join(hostile)} FROM {table}")
    assert said(books, statement) == f"{table} are append-only"


@pytest.mark.parametrize("table", APPEND_ONLY)
def test_nor_can_it_be_changed_by_an_insert_that_becomes_an_update(books, table):
    model = {"postings": Posting, "acceptances": Acceptance, "events": Event, "payments": Payment}[table]
    columns = [column.name for column in model.__table__.columns]
    key = ", ".join(column.name for column in model.__table__.primary_key)
    changed = APPEND_ONLY[table]
    statement = text(
        f"INSERT INTO {table} ({', '.join(columns)}) SELECT {', '.join(columns)} FROM {table} WHERE true "
        f"ON CONFLICT ({key}) DO UPDATE SET {changed} = excluded.{changed}"
    )
    assert f"{table} are append-only" in said(books, statement)


def test_writing_a_row_again_as_the_outbox_does_changes_nothing(books):
    row = books.execute(select(IdempotencyKey.__table__)).mappings().one()
    with unit_of_work(books):
        assert insert_once(books, IdempotencyKey, [dict(row) | {"request_hash": "another"}]) == []
    assert books.scalars(select(IdempotencyKey.request_hash)).one() == row["request_hash"]


def a_refund(**values):
    row = {
        "merchant_id": select(Plan.merchant_id).limit(1).scalar_subquery(),
        "id": uuid4(),
        "plan_id": select(Plan.id).limit(1).scalar_subquery(),
        "amount": 2,
        "cancelled": 1,
        "to_return": 1,
        "returned": 0,
        "split": {},
        "currency": "USD",
        "state": "processing",
        "created_at": NOW,
        "settled_at": None,
    }
    return insert(Refund).values(row | values)


def a_key(**values):
    row = {
        "merchant_id": select(Plan.merchant_id).limit(1).scalar_subquery(),
        "key": "another",
        "user_id": select(Plan.customer_id).limit(1).scalar_subquery(),
        "request_hash": "0" * 64,
        "created_at": NOW,
    }
    return insert(IdempotencyKey).values(row | values)


FIRST = (Installment.number == 1) & (Installment.paid > 0)
HOSTILE = {
    "a refund of nothing": ("ck_refunds_amount", a_refund(amount=0, cancelled=0, to_return=0)),
    "a refund that cancels less than nothing": ("ck_refunds_amount", a_refund(cancelled=-1, to_return=3)),
    "a refund that does not add up": ("ck_refunds_sum", a_refund(amount=3)),
    "a refund that returned too much": ("ck_refunds_returned", a_refund(returned=2)),
    "a refund that took": ("ck_refunds_returned", a_refund(returned=-1)),
    "a refund that is done before it is": (
        "ck_refunds_succeeded",
        a_refund(state="succeeded", settled_at=NOW),
    ),
    "a refund that ended at no time": ("ck_refunds_settled_at", a_refund(state="declined")),
    "a refund that ended while it runs": ("ck_refunds_settled_at", a_refund(settled_at=NOW)),
    "a refund in an unknown state": ("ck_refunds_state", a_refund(state="lost", settled_at=NOW)),
    "a refund of no plan": ("(?i)foreign key", a_refund(plan_id=uuid4())),
    "a refund of no shop": ("(?i)foreign key", a_refund(merchant_id=uuid4())),
    "a refund away that moved money": ("refunds_stay", delete(Refund)),
    "a refund turned to more": (
        "refunds_stay_settled",
        update(Refund).values(to_return=Refund.to_return + 1),
    ),
    "a key twice": ("idempotency_keys", a_key(key="once")),
    "another answer under a key": (
        "stay_answered",
        update(IdempotencyKey).values(answer={"status": "declined"}),
    ),
    "a key for another request": ("stay_answered", update(IdempotencyKey).values(request_hash="0" * 64)),
    "a key of nobody": ("(?i)foreign key", a_key(user_id=uuid4())),
    "a key of no shop": ("(?i)foreign key", a_key(merchant_id=uuid4())),
    "a cancellation undone": ("only_grow", update(Installment).values(cancelled=0)),
    "a return undone": ("only_grow", update(Installment).values(returned=0)),
    "an installment away": ("installments_stay", delete(Installment)),
    "an installment without a plan": (
        "installments_keep_terms",
        update(Installment).where(FIRST).values(plan_id=uuid4()),
    ),
    "a plan for another customer": ("plans_keep_terms", update(Plan).values(customer_id=uuid4())),
    "a debt raised": ("installments_keep_terms", update(Installment).values(amount=Installment.amount + 1)),
    "a due date moved": ("installments_keep_terms", update(Installment).values(due_on=TODAY)),
    "other terms than were agreed to": ("plans_keep_terms", update(Plan).values(terms="{}")),
    "a shop in another currency": ("merchants_keep_currency", update(Merchant).values(currency="EUR")),
    "two plans of one reference": ("plans_keep_terms", update(Plan).values(reference="AAAAAAAA")),
}


def test_the_database_refuses_every_one_of_them_by_name(books):
    before = factories.row_counts(books)
    answers = {hostile: said(books, statement) for hostile, (_, statement) in HOSTILE.items()}
    wrong = {
        hostile: answers[hostile]
        for hostile, (rule, _) in HOSTILE.items()
        if not re.search(rule, answers[hostile])
    }
    assert wrong == {}
    assert factories.row_counts(books) == before


def test_a_key_for_a_payment_that_never_was_is_refused_at_the_commit(books):
    with pytest.raises(DBAPIError, match=r"(?i)foreign key"), unit_of_work(books):
        books.execute(a_key(payment_id=uuid4()))
