"""Who owes what is overdue, by its age: the few who owe most, found among a bounded number of installments."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Subquery, func, literal, select, union_all
from sqlalchemy.orm import Session

from portal.core.calendar import business_date
from portal.core.periods import Frame
from portal.core.roles import Actor
from portal.models import Installment, Plan, User

from .selections import Condition, aged

# Of an age that holds more than these, those that were due first are looked at: so this costs the same in a large shop.
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
    """At most ``SHOWN`` customers of each age of overdue installments, whoever owes most first: one statement.

    Ages in which nothing is overdue are left out.
    """
    frame = Frame(business_date(now, merchant.timezone))
    stretches = [_stretch(merchant.id, days, late) for days, late in aged(frame)]
    late = union_all(*(select(stretch) for stretch in stretches)).subquery()
    total = func.sum(late.c.owed)
    place = func.row_number().over(partition_by=late.c.days, order_by=(total.desc(), late.c.customer_id))
    summed = (
        select(late.c.days, late.c.customer_id, func.max(late.c.email).label("email"), total.label("owed"),
               func.count().label("lines"), place.label("place"))
        .group_by(late.c.days, late.c.customer_id)
        .subquery()
    )  # fmt: skip
    query = (
        select(summed.c.days, User.name, summed.c.email, summed.c.owed, summed.c.lines)
        .join(User, User.id == summed.c.customer_id)
        .where(summed.c.place <= SHOWN)
        .order_by(summed.c.days, summed.c.place)
    )
    found: dict[str, list[Debtor]] = defaultdict(list)
    for days, name, email, owed, count in session.execute(query):
        found[days].append(Debtor(name, email, int(owed), count))
    return dict(found)


def _stretch(merchant_id: UUID, days: str, late: Condition) -> Subquery:
    """What of accepted plans is late in one stretch of the index of owed installments."""
    return (
        select(
            literal(days).label("days"),
            Plan.customer_id,
            Plan.customer_email.label("email"),
            (Installment.amount - Installment.paid - Installment.cancelled).label("owed"),
        )
        .join(Plan, (Plan.merchant_id == Installment.merchant_id) & (Plan.id == Installment.plan_id))
        .where(Installment.merchant_id == merchant_id, Plan.acceptance_id.is_not(None), late)
        .order_by(Installment.due_on, Installment.id)
        .limit(LOOKED_AT)
        .subquery()
    )
