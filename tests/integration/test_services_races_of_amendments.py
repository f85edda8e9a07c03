"""Both sides change the dates of one plan, answer and pay at the same moments: nothing is lost, doubled or forgiven."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from random import Random

import pytest
from sqlalchemy import func, select

from portal.adapters.payments.simulator import Simulator
from portal.core.errors import Busy, Forbidden, InvalidInput, NotFound
from portal.core.ledger import Account
from portal.models import Amendment, AmendmentLine, Installment, Payment
from portal.models.ledger import Posting
from portal.services import amendments, payments
from portal.services.payments import PaymentRequest, Scope
from portal.services.transaction import unit_of_work
from tests import factories
from tests.factories import NOW, ORIGIN, TODAY, accepted_plan, plan_of
from tests.integration.test_services_races import at_once

ROUNDS, AT_ONCE = 20, 4
TOTAL = 12_000


def day(ahead):
    return TODAY + timedelta(days=ahead)


class Sides:
    """The acts of a plan's shop and customer, each drawn at random; an act is done in a session of its own."""

    def __init__(self, session, shop, ada, plan_id, seed):
        self.session, self.shop, self.ada, self.plan_id = session, shop, ada, plan_id
        self.random = Random(seed)

    def acts(self, now):
        """So many acts on the plan as it is now."""
        plan = plan_of(self.session, self.ada, self.plan_id, now)
        self.session.rollback()
        return [self._checked(self._act(plan, now)) for _ in range(AT_ONCE)] if plan.owed else []

    def _act(self, plan, now):
        drawn, owing = self.random, [line for line in plan.installments if line.owed]
        side = drawn.choice([self.shop, self.ada])
        line, last = drawn.choice(owing), max(line.due_on for line in owing)
        proposal = drawn.choice(
            [
                amendments.Proposal(
                    self.plan_id, ((line.id, line.due_on + timedelta(days=drawn.randint(-3, 9))),)
                ),
                amendments.Proposal(
                    self.plan_id, (), "", ((plan.owed - 500, last), (500, last + timedelta(days=9)))
                ),
            ]
        )
        newest = select(Amendment.number, Amendment.by_customer).order_by(Amendment.number.desc())
        latest, by_customer = self.session.execute(newest.limit(1)).one_or_none() or (1, False)
        self.session.rollback()
        # Mostly the one who was asked says yes.
        answer = drawn.choice([amendments.accept, amendments.accept, amendments.decline, amendments.withdraw])
        answering = self.shop if by_customer != (answer is amendments.withdraw) else self.ada
        more = (None, ORIGIN, now) if answer is amendments.accept else (now,)
        acts = {
            "propose": lambda own: amendments.propose(own, side, proposal, ORIGIN, now),
            "answer": lambda own: answer(own, answering, self.plan_id, latest, *more),
        }
        if drawn.random() < 0.25:
            part = PaymentRequest(self.plan_id, Scope.AMOUNT, None, part=drawn.choice([700, 1500]))
            return lambda own: payments.pay(own, Simulator(), self.ada, part, None, now)
        what = drawn.choice(["propose", "answer"])

        def act(own):
            with unit_of_work(own):
                acts[what](own)
            return what

        return act

    def _checked(self, act):
        """What may be refused, by its name."""

        def checked(own):
            try:
                return act(own)
            except (Busy, Forbidden, InvalidInput, NotFound) as refused:
                return type(refused).__name__

        return checked


@pytest.mark.parametrize("seed", range(4))
def test_dates_that_move_while_they_are_answered_and_paid_lose_and_double_nothing(session, shop, ada, seed):
    plan_id = accepted_plan(session, shop, ada, total=TOTAL, parts=4, first=day(10))
    sides, came_of_it = Sides(session, shop, ada, plan_id, seed), Counter()
    for second in range(ROUNDS):
        answers = at_once(session, *sides.acts(NOW + timedelta(seconds=second)) or [lambda _own: "over"])
        came_of_it.update(str(getattr(answer, "status", answer)) for answer in answers)
    assert came_of_it["propose"] >= 3 and came_of_it["paid"] >= 1, came_of_it

    rows = session.scalars(select(Installment)).all()
    assert sum(row.amount - row.moved for row in rows) == TOTAL, "the total stays the same"
    taken = session.scalars(select(func.sum(Payment.amount)).where(Payment.state == "succeeded")).one()
    assert taken == sum(row.paid for row in rows), "what was paid is paid once"
    clearing = {
        side: session.scalars(select(func.sum(Posting.amount)).where(side == Account.RESCHEDULED)).one() or 0
        for side in (Posting.debit, Posting.credit)
    }
    assert len(set(clearing.values())) == 1, "what moves away comes"
    moved_late = (
        select(Installment.number)
        .join(AmendmentLine, AmendmentLine.installment_id == Installment.id)
        .join(Amendment, Amendment.id == AmendmentLine.amendment_id)
        .where(Installment.paid_at < Amendment.ended_at, Installment.moved == 0)
    )
    assert session.scalars(moved_late).all() == [], "a paid installment never moves"
    assert factories.broken_invariants(session) == []
