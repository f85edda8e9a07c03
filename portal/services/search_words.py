"""The words that find a plan: written with its offer, and again whenever one of its texts changes."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import Uuid, literal, text, tuple_, update
from sqlalchemy.orm import Session

from portal.core import search_words
from portal.core.money import decimal_text
from portal.core.schedule import Line
from portal.database import is_postgresql
from portal.models import Plan, PlanWords
from portal.models.search import TEXTS, words_row

from .transaction import insert_once, insert_rows

BATCH = 1000


def add(session: Session, plan: Plan, shop_name: str, lines: tuple[Line, ...]) -> None:
    """Write the words of an offer, of which the shop does not know yet whom it has reached."""
    amounts = sorted({line.amount for line in lines} - {plan.total})
    words = search_words.words_of_plan(
        description=plan.description,
        email=plan.customer_email,
        reference=plan.reference,
        amounts=[decimal_text(amount, plan.currency) for amount in (plan.total, *amounts)],
        name=None,
    )
    row = {
        "merchant_id": plan.merchant_id,
        "plan_id": plan.id,
        "words": words,
        "shop_words": search_words.words_of([shop_name]),
    }
    insert_rows(session, PlanWords, [row])


def rewrite_plan(session: Session, plan: Plan) -> None:
    """After a plan got installments of other amounts."""
    own = TEXTS.where(Plan.merchant_id == plan.merchant_id, Plan.id == plan.id)
    _change(session, [words_row(row) for row in session.execute(own)])


def name_customer(session: Session, plan: Plan, name: str) -> None:
    """From the agreement on, the shop knows the customer's name."""
    own = PlanWords.merchant_id == plan.merchant_id, PlanWords.plan_id == plan.id
    session.execute(
        update(PlanWords).where(*own).values(words=PlanWords.words.concat(search_words.named(name)))
    )


def rename_customer(session: Session, user_id: UUID) -> None:
    """After a customer's name changed; plans that were not agreed hold none."""
    renamed = TEXTS.where(Plan.customer_id == user_id, Plan.acceptance_id.is_not(None))
    _change(session, [words_row(plan) for plan in session.execute(renamed)])


def rewrite(session: Session) -> None:
    """Write the words of every plan anew, after the rules of folding changed."""
    place: tuple[UUID, UUID] | None = None
    while True:
        query = TEXTS.order_by(Plan.merchant_id, Plan.id).limit(BATCH)
        if place:
            last = (literal(value, Uuid()) for value in place)
            query = query.where(tuple_(Plan.merchant_id, Plan.id) > tuple_(*last))
        rows = [words_row(plan) for plan in session.execute(query)]
        insert_once(session, PlanWords, rows)
        _change(session, rows)
        if len(rows) < BATCH:
            break
        place = rows[-1]["merchant_id"], rows[-1]["plan_id"]
    if not is_postgresql(session):
        # Many small parts of the index become one, which is read several times as fast.
        session.execute(text("INSERT INTO plan_words_index (plan_words_index) VALUES ('optimize')"))


def _change(session: Session, rows: list[dict[str, Any]]) -> None:
    """One statement for all rows, by the ORM's update by primary key."""
    if rows:
        session.execute(update(PlanWords), rows)
