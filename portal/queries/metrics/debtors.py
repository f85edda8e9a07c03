"""Top debtors per aging bucket, found among a bounded number of installments."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Date,
    Select,
    Subquery,
    Uuid,
    bindparam,
    func,
    literal,
    select,
    union_all,
)
from sqlalchemy.orm import Session

from portal.core.periods import AGING_BUCKETS, ReportingPeriod
from portal.core.roles import Actor
from portal.models import Installment, Plan, User

from .selections import today_of
from .sources import frame_of

# Of a larger bucket only the earliest due are read, which bounds the cost in a large shop.
LOOKED_AT = 250
SHOWN = 3


@dataclass(frozen=True, slots=True)
class Debtor:
    """A customer and what is overdue of one age: minor units, of so many installments."""

    name: str
    email: str
    amount: int
    installments: int


def debtors(session: Session, merchant: Actor, now: datetime) -> dict[str, list[Debtor]]:
    """At most ``SHOWN`` customers of each age of overdue installments, the largest debt first: one statement.

    Ages in which nothing is overdue are left out.
    """
    frame = frame_of(merchant, now)
    days: dict[str, date] = {"today": frame.today}
    for place, span in enumerate(frame.ages.values()):
        days |= {f"first{place}": span.first, f"last{place}": span.last}
    statement = _statement(frame) if frame.elsewhere else _usual_statement()
    found: dict[str, list[Debtor]] = defaultdict(list)
    for age, name, email, owed, count in session.execute(
        statement, {"merchant": merchant.merchant_id} | days
    ):
        found[age].append(Debtor(name, email, int(owed), count))
    return dict(found)


@cache
def _usual_statement() -> Select[Any]:
    """Cached: building the statement costs more than running it."""
    return _statement(None)


def _statement(frame: ReportingPeriod | None) -> Select[Any]:
    """With a ``frame``, what is late is judged by the date in each plan's zone."""
    late = union_all(*(select(bucket) for bucket in _buckets(frame))).subquery()
    total = func.sum(late.c.owed)
    place = func.row_number().over(partition_by=late.c.age, order_by=(total.desc(), late.c.customer_id))
    summed = (
        select(
            late.c.age,
            late.c.customer_id,
            func.max(late.c.email).label("email"),
            total.label("owed"),
            func.count().label("lines"),
            place.label("place"),
        )
        .group_by(late.c.age, late.c.customer_id)
        .subquery()
    )
    return (
        select(summed.c.age, User.name, summed.c.email, summed.c.owed, summed.c.lines)
        .join(User, User.id == summed.c.customer_id)
        .where(summed.c.place <= SHOWN)
        .order_by(summed.c.age, summed.c.place)
    )


def _buckets(frame: ReportingPeriod | None) -> Iterator[Subquery]:
    """Late installments, one index range per aging bucket; those not yet due at the shop's date count as the newest."""
    due, marked = Installment.due_on, Installment.late_on.is_not(None)
    past = [marked | (due < today_of(frame))] if frame else []
    for place, age in enumerate(AGING_BUCKETS):
        late = _late(age, due >= _day(f"first{place}"), due <= _day(f"last{place}"), *past)
        yield late.order_by(due, Installment.id).subquery()
    newest = next(iter(AGING_BUCKETS))
    yield _late(newest, marked, due >= _day("today")).subquery()
    if frame:
        yield _late(newest, ~marked, due >= _day("today"), due <= frame.undecided.last, *past).subquery()


def _late(age: str, *late: ColumnElement[bool]) -> Select[Any]:
    return (
        select(
            literal(age).label("age"),
            Plan.customer_id,
            Plan.customer_email.label("email"),
            Installment.owed,
        )
        .join(Plan)
        .where(
            Installment.merchant_id == bindparam("merchant", type_=Uuid),
            Installment.owed > 0,
            Plan.acceptance_id.is_not(None),
            *late,
        )
        .limit(LOOKED_AT)
    )


def _day(name: str) -> BindParameter[date]:
    return bindparam(name, type_=Date)
