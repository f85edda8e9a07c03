"""Any owed installment, all that is overdue, or everything left is paid whole, at exactly the amount that was shown."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from portal.adapters.payments.simulator import Simulator
from portal.core.errors import Conflict, Forbidden, NotFound
from portal.models import Event, Message, Payment
from portal.models.ledger import Posting
from portal.services import payments
from portal.services.payments import PaymentRequest, Scope
from tests import factories
from tests.factories import NOW, TODAY, accepted_plan, pay, payment_for, plan_of


def pay_order(session, customer, order, key=None, now=NOW):
    return payments.pay(session, Simulator(), customer, order, key, now)


def refused(session, customer, order):
    """The refusal, after seeing that it left nothing behind."""
    before = factories.row_counts(session)
    with pytest.raises(Conflict) as refusal:
        pay_order(session, customer, order)
    assert factories.row_counts(session) == before
    return refusal.value


def test_the_worked_example_until_its_first_payment(session, shop, ada):
    plan_id = accepted_plan(session, shop, ada)
    answer = pay(session, ada, plan_id, 1)
    assert (answer.status, answer.amount, answer.currency, answer.plan_id) == ("paid", 3334, "USD", plan_id)
    plan = plan_of(session, ada, plan_id)
    assert [(i.amount, i.paid, i.owed, i.status) for i in plan.installments] == [
        (3334, 3334, 0, "paid"),
        (3333, 0, 3333, "pending"),
        (3333, 0, 3333, "pending"),
    ]
    assert (plan.state, plan.paid, plan.owed, plan.paid_count, plan.count) == ("active", 3334, 6666, 1, 3)
    cash = session.scalars(select(Posting).where(Posting.debit == "cash")).one()
    assert (cash.credit, cash.amount, cash.payment_id) == ("receivable", 3334, answer.payment_id)
    assert cash.installment_id == plan.installments[0].id


def test_a_payment_is_dated_told_and_numbered(session, shop, ada):
    plan_id = accepted_plan(session, shop, ada)
    later = NOW + timedelta(days=3)
    answer = pay(session, ada, plan_id, 2, now=later)
    line = plan_of(session, ada, plan_id, later).installments[1]
    assert (line.paid_on, line.paid_at) == (later.date(), later)
    payment = session.scalars(select(Payment)).one()
    assert (payment.state, payment.number, payment.outcome, payment.settled_at) == (
        "succeeded",
        1,
        "succeeded",
        later,
    )
    email = session.scalars(select(Message).where(Message.kind == "payment_received")).one()
    assert (email.cause, email.user_id, email.facts["amount"]) == (answer.payment_id, ada.id, 3333)
    event = session.scalars(select(Event).where(Event.kind == "payment_succeeded")).one()
    assert (event.actor_id, event.facts["installments"]) == (ada.id, [2])


def test_the_day_of_a_payment_is_the_shops_day(session):
    now = datetime(2026, 3, 2, 10, 30, tzinfo=UTC)
    shop = factories.make_merchant(session, "Far Away", timezone="Pacific/Kiritimati")
    ada = factories.make_customer(session)
    plan_id = accepted_plan(session, shop, ada, now=now)
    pay(session, ada, plan_id, 1, now=now)
    assert str(plan_of(session, ada, plan_id, now).installments[0].paid_on) == "2026-03-03"
    assert {str(day) for day in session.scalars(select(Posting.posted_on))} == {"2026-03-03"}


def test_everything_left_is_one_payment_with_a_posting_per_installment(session, shop, ada):
    plan_id = accepted_plan(session, shop, ada)
    pay(session, ada, plan_id, 2)
    answer = pay(session, ada, plan_id)
    assert answer.amount == 6667
    posted = session.scalars(select(Posting.amount).where(Posting.payment_id == answer.payment_id)).all()
    assert sorted(posted) == [3333, 3334]
    assert plan_of(session, ada, plan_id).state == "completed"


def test_all_that_is_overdue_leaves_what_is_not_due_alone(session, shop, ada):
    plan_id = accepted_plan(session, shop, ada, parts=4, first=TODAY - timedelta(days=40))
    plan = plan_of(session, ada, plan_id)
    assert plan.overdue_amount == 5000
    answer = pay_order(session, ada, PaymentRequest(plan_id, Scope.OVERDUE, 5000))
    assert answer.amount == 5000
    assert [i.status for i in plan_of(session, ada, plan_id).installments] == [
        "paid",
        "paid",
        "pending",
        "pending",
    ]


def test_the_last_payment_completes_the_plan_once(session, shop, ada):
    plan_id = accepted_plan(session, shop, ada)
    for number in (3, 1):
        pay(session, ada, plan_id, number)
        assert plan_of(session, ada, plan_id).state == "active"
    pay(session, ada, plan_id, 2)
    assert plan_of(session, ada, plan_id).state == "completed"
    events = session.scalars(select(Event.kind).where(Event.plan_id == plan_id)).all()
    assert events.count("plan_completed") == 1
    assert sorted(session.scalars(select(Payment.number))) == [1, 2, 3]


def test_another_amount_than_is_owed_is_a_conflict_that_names_the_figure(session, shop, ada):
    plan_id = accepted_plan(session, shop, ada)
    line = plan_of(session, ada, plan_id).installments[0]
    for shown in (0, 3333, 3335, 10000, -3334):
        refusal = refused(session, ada, PaymentRequest(plan_id, Scope.INSTALLMENT, shown, line.id))
        assert (refusal.code, refusal.figure) == ("other_amount", 3334)


def test_what_became_overdue_after_the_page_was_shown_is_not_charged_unseen(session, shop, ada):
    plan_id = accepted_plan(session, shop, ada, first=TODAY - timedelta(days=40))
    stale = payment_for(plan_of(session, ada, plan_id))
    pay(session, ada, plan_id, 3)
    refusal = refused(session, ada, stale)
    assert (refusal.code, refusal.figure) == ("other_amount", 6667)


def test_paying_what_is_paid_is_a_conflict_and_changes_nothing(session, shop, ada):
    plan_id = accepted_plan(session, shop, ada)
    order = payment_for(plan_of(session, ada, plan_id), 1)
    pay_order(session, ada, order)
    assert refused(session, ada, order).code == "already_paid"


def test_a_completed_plan_and_one_without_anything_overdue_refuse(session, shop, ada):
    plan_id = accepted_plan(session, shop, ada)
    assert refused(session, ada, PaymentRequest(plan_id, Scope.OVERDUE, 0)).code == "already_paid"
    order = payment_for(plan_of(session, ada, plan_id))
    pay_order(session, ada, order)
    assert refused(session, ada, order).code == "plan_completed"


def test_an_offer_cannot_be_paid_by_the_button(session, shop, ada):
    plan_id = factories.offered_plan(session, shop, ada.email)
    line = plan_of(session, ada, plan_id).installments[0]
    assert (
        refused(session, ada, PaymentRequest(plan_id, Scope.INSTALLMENT, 3334, line.id)).code
        == "plan_offered"
    )


def test_nobody_else_can_pay_and_anothers_installment_is_not_found(session, shop, ada):
    plan_id = accepted_plan(session, shop, ada)
    order = payment_for(plan_of(session, ada, plan_id), 1)
    eve = factories.make_customer(session, "Eve Stranger")
    eves_plan = accepted_plan(session, shop, eve)
    for somebody, refusal in ((shop, Forbidden), (factories.make_admin(session), NotFound), (eve, NotFound)):
        with pytest.raises(refusal):
            pay_order(session, somebody, order)
    with pytest.raises(NotFound):
        pay_order(session, eve, PaymentRequest(eves_plan, Scope.INSTALLMENT, 3334, order.installment_id))
    assert factories.row_counts(session)["payments"] == 0


def test_a_deactivated_shops_customer_can_still_pay(session, shop, ada):
    plan_id = accepted_plan(session, shop, ada)
    admin = factories.make_admin(session)
    with factories.unit_of_work(session):
        factories.accounts.deactivate(session, admin, shop.id, NOW)
    assert pay(session, ada, plan_id, 1).status == "paid"
