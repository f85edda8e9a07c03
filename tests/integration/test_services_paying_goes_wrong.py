"""A payment that is declined or unanswered, at once or later: installments are free again, nothing is settled twice."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from portal.adapters.payments import Outcome
from portal.adapters.payments.simulator import Simulator
from portal.core.errors import Conflict
from portal.models import Event, Message, Payment
from portal.services import payment_settlement
from tests import factories
from tests.factories import NOW, accepted_plan, choose_card, pay, plan_of

SOON = NOW + timedelta(minutes=5)


@pytest.mark.parametrize("card", ["declined", "insufficient_funds"])
def test_a_declined_payment_frees_the_installments_and_posts_nothing(session, shop, ada, card):
    plan_id = accepted_plan(session, shop, ada)
    choose_card(session, ada, card)
    answer = pay(session, ada, plan_id)
    assert (answer.status, answer.outcome) == ("declined", card)
    plan = plan_of(session, ada, plan_id)
    assert (plan.state, plan.owed, plan.processing) == ("active", 10000, False)
    payment = session.scalars(select(Payment)).one()
    assert (payment.state, payment.number, payment.outcome) == ("declined", None, card)
    # The page has said so; an email goes out only when the answer came later.
    assert "payment_declined" not in session.scalars(select(Message.kind)).all()
    assert factories.row_counts(session)["postings"] == 3
    choose_card(session, ada, "succeeds")
    assert pay(session, ada, plan_id).status == "paid"
    assert session.scalars(select(Payment.number).where(Payment.state == "succeeded")).all() == [1]


def test_a_payment_without_an_answer_is_processing_until_the_job_settles_it(session, shop, ada):
    plan_id = accepted_plan(session, shop, ada)
    choose_card(session, ada, "times_out")
    answer = pay(session, ada, plan_id, 1)
    assert answer.status == "processing"
    plan = plan_of(session, ada, plan_id)
    assert [i.processing for i in plan.installments] == [True, False, False]
    assert plan.owed == 10000
    assert payment_settlement.settle_pending(session, Simulator(), SOON) == {"settled": 1, "waiting": 0}
    line = plan_of(session, ada, plan_id).installments[0]
    assert (line.status, line.processing, line.paid_at) == ("paid", False, SOON)


def test_a_payment_that_is_declined_later_is_freed_and_told_by_mail(session, shop, ada):
    plan_id = accepted_plan(session, shop, ada)
    choose_card(session, ada, "times_out")
    payment_id = pay(session, ada, plan_id).payment_id

    class Declining(Simulator):
        def get(self, charge):
            return Outcome.INSUFFICIENT_FUNDS

    payment_settlement.settle_pending(session, Declining(), SOON)
    plan = plan_of(session, ada, plan_id)
    assert (plan.state, plan.owed, plan.processing) == ("active", 10000, False)
    assert session.scalars(select(Message.kind).where(Message.cause == payment_id)).all() == [
        "payment_declined"
    ]


def test_while_processing_the_same_installments_cannot_be_paid_but_others_can(session, shop, ada):
    plan_id = accepted_plan(session, shop, ada)
    choose_card(session, ada, "times_out")
    pay(session, ada, plan_id, 1)
    choose_card(session, ada, "succeeds")
    for number in (1, None):
        with pytest.raises(Conflict) as refused:
            pay(session, ada, plan_id, number)
        assert refused.value.code == "processing"
    assert pay(session, ada, plan_id, 2).status == "paid"


def test_settling_twice_changes_nothing_whoever_brings_the_answer(session, shop, ada):
    plan_id = accepted_plan(session, shop, ada)
    first = pay(session, ada, plan_id, 1)
    before = factories.row_counts(session)
    for outcome in (Outcome.SUCCEEDED, Outcome.DECLINED):
        again = payment_settlement.settle(session, shop.id, plan_id, first.payment_id, outcome, SOON)
        assert (again.status, again.payment_id, again.amount) == ("paid", first.payment_id, 3334)
    assert factories.row_counts(session) == before
    assert plan_of(session, ada, plan_id).installments[0].paid_at == NOW


def test_a_declined_payment_cannot_be_settled_as_paid_afterwards(session, shop, ada):
    plan_id = accepted_plan(session, shop, ada)
    choose_card(session, ada, "declined")
    first = pay(session, ada, plan_id, 1)
    again = payment_settlement.settle(session, shop.id, plan_id, first.payment_id, Outcome.SUCCEEDED, SOON)
    assert again.status == "declined"
    assert plan_of(session, ada, plan_id).owed == 10000
    assert "payment_succeeded" not in session.scalars(select(Event.kind)).all()
