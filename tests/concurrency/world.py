"""Shops, customers and accepted plans to be paid under load, made by the services; and what each of them owes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.orm import Session

from portal.adapters.payments.simulator import TestCard
from tests import factories

SHOPS = 2
LINES_OF_A_PLAN = 5
PLANS_OF_A_CUSTOMER = 2
# One plan in so many begins in the past, so that a part of it is overdue.
OVERDUE_ONE_IN = 4


@dataclass(frozen=True, slots=True)
class Line:
    """An installment as it was at first: what it owes, in minor units, and whether that is overdue."""

    id: UUID
    owed: int
    overdue: bool


@dataclass(frozen=True, slots=True)
class Target:
    """A plan to be paid, by the customer with this address and this test card."""

    plan_id: UUID
    email: str
    card: TestCard
    lines: tuple[Line, ...]


def build(session: Session, installments: int, now: datetime) -> list[Target]:
    """Plans of together so many installments; of the customers one has a card that is declined, one that times out."""
    shops = [factories.make_merchant(session, f"Shop {number}", now=now) for number in range(SHOPS)]
    plans = installments // LINES_OF_A_PLAN
    targets: list[Target] = []
    customers = -(-plans // PLANS_OF_A_CUSTOMER)
    cards = {0: TestCard.DECLINED, 1: TestCard.TIMES_OUT}
    for number in range(customers):
        customer = factories.make_customer(session, f"Customer {number}", now=now)
        card = cards.get(number, TestCard.SUCCEEDS)
        factories.choose_card(session, customer, card)
        while len(targets) < min(plans, (number + 1) * PLANS_OF_A_CUSTOMER):
            late = len(targets) % OVERDUE_ONE_IN == 0
            first = now.date() - timedelta(days=40 if late else 0)
            plan_id = factories.accepted_plan(
                session,
                shops[len(targets) % SHOPS],
                customer,
                now=now,
                total=10003 + len(targets),
                parts=LINES_OF_A_PLAN,
                first=first,
            )
            view = factories.plan_of(session, customer, plan_id, now)
            lines = tuple(Line(i.id, i.owed, i.due_on < view.today) for i in view.installments)
            targets.append(Target(plan_id, customer.email, card, lines))
    return targets
