"""The words that find a plan, and where both engines keep their index of them."""

from __future__ import annotations

import uuid
from typing import Any

from sqlalchemy import (
    ForeignKeyConstraint,
    Row,
    Select,
    String,
    Text,
    case,
    cast,
    column,
    func,
    select,
    table,
)
from sqlalchemy import Uuid as Id
from sqlalchemy.orm import Mapped, mapped_column

from portal.core.search_words import amounts_of_plan, words_of, words_of_plan

from .base import Base
from .plans import Installment, Plan
from .users import User


class PlanWords(Base):
    """A plan's texts as ``core.search_words`` folds them: those that its shop searches, and the shop's own name."""

    __tablename__ = "plan_words"

    merchant_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    plan_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    words: Mapped[str] = mapped_column(Text)
    shop_words: Mapped[str] = mapped_column(Text)

    __table_args__ = (ForeignKeyConstraint(["merchant_id", "plan_id"], ["plans.merchant_id", "plans.id"]),)


_amounts = (
    select(func.aggregate_strings(cast(Installment.amount, String), ","))
    .where(Installment.merchant_id == Plan.merchant_id, Installment.plan_id == Plan.id)
    .scalar_subquery()
)
# What the words of a plan are made from.
TEXTS: Select[Any] = select(
    Plan.merchant_id,
    Plan.id,
    Plan.description,
    Plan.customer_email,
    Plan.reference,
    Plan.currency,
    Plan.total,
    Plan.shop_name,
    _amounts.label("amounts"),
    # Whether an address is registered, and its name, is shown to the shop only after acceptance.
    case((Plan.acceptance_id.is_not(None), User.name)).label("name"),
).join(User, User.id == Plan.customer_id)


def words_row(plan: Row[Any]) -> dict[str, Any]:
    """A row of ``plan_words`` from one of ``TEXTS``."""
    words = words_of_plan(
        description=plan.description,
        email=plan.customer_email,
        reference=plan.reference,
        amounts=amounts_of_plan(plan.total, plan.amounts, plan.currency),
        name=plan.name,
    )
    return {
        "merchant_id": plan.merchant_id,
        "plan_id": plan.id,
        "words": words,
        "shop_words": words_of([plan.shop_name]),
    }


# On SQLite, triggers keep an index of trigrams (FTS5, without the text) and the numbers of its rows.
words_index = table("plan_words_index", column("rowid"))
words_rows = table("plan_words_rows", column("number"), column("merchant_id", Id()), column("plan_id", Id()))


def is_described(name: str | None, kind: str, _parents: object) -> bool:
    """Whether a table or index of the database is one of the models'; not so what one engine alone searches with."""
    return not (kind in ("table", "index") and (name or "").startswith(("plan_words_", "ix_plan_words_")))
