"""A key moves money once: the same request gets the same answer, another request is refused."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from portal.adapters.payments.simulator import Simulator
from portal.core.errors import Conflict, KeyReused
from portal.models import IdempotencyKey
from portal.services import daily_run, payment_settlement, payments
from tests import factories
from tests.factories import NOW, accepted_plan, choose_card, payment_for, plan_of

KEY = "7f0c2f5e-one-click"


def pay_order(session, customer, order, key=KEY, now=NOW):
    return payments.pay(session, Simulator(), customer, order, key, now)


def test_the_same_key_and_request_give_the_same_answer_and_nothing_more(session, shop, ada):
    plan_id = accepted_plan(session, shop, ada)
    order = payment_for(plan_of(session, ada, plan_id), 1)
    first = pay_order(session, ada, order)
    before = factories.row_counts(session)
    again = pay_order(session, ada, order, now=NOW + timedelta(hours=5))
    assert again == first
    assert factories.row_counts(session) == before


def test_the_answer_is_the_same_even_after_the_plan_was_completed(session, shop, ada):
    plan_id = accepted_plan(session, shop, ada)
    order = payment_for(plan_of(session, ada, plan_id), 1)
    first = pay_order(session, ada, order)
    factories.pay(session, ada, plan_id)
    assert pay_order(session, ada, order) == first


def test_the_same_key_with_another_request_is_refused(session, shop, ada):
    plan_id = accepted_plan(session, shop, ada)
    plan = plan_of(session, ada, plan_id)
    pay_order(session, ada, payment_for(plan, 1))
    before = factories.row_counts(session)
    for other in (payment_for(plan, 2), payment_for(plan)):
        with pytest.raises(KeyReused):
            pay_order(session, ada, other)
    assert factories.row_counts(session) == before


def test_without_a_key_paying_again_is_a_conflict(session, shop, ada):
    plan_id = accepted_plan(session, shop, ada)
    order = payment_for(plan_of(session, ada, plan_id), 1)
    pay_order(session, ada, order, key=None)
    with pytest.raises(Conflict):
        pay_order(session, ada, order, key=None)


def test_another_key_does_not_pay_again_either(session, shop, ada):
    plan_id = accepted_plan(session, shop, ada)
    order = payment_for(plan_of(session, ada, plan_id), 1)
    pay_order(session, ada, order, key="first")
    with pytest.raises(Conflict) as refused:
        pay_order(session, ada, order, key="second")
    assert refused.value.code == "already_paid"
    assert session.scalars(select(IdempotencyKey.key)).all() == ["first"]


def test_a_declined_payments_key_is_answered_declined_and_a_new_key_pays(session, shop, ada):
    plan_id = accepted_plan(session, shop, ada)
    choose_card(session, ada, "declined")
    order = payment_for(plan_of(session, ada, plan_id), 1)
    first = pay_order(session, ada, order)
    choose_card(session, ada, "succeeds")
    assert pay_order(session, ada, order) == first
    assert first.status == "declined"
    assert pay_order(session, ada, order, key="another").status == "paid"


def test_while_processing_the_key_is_answered_processing_and_then_paid(session, shop, ada):
    plan_id = accepted_plan(session, shop, ada)
    choose_card(session, ada, "times_out")
    order = payment_for(plan_of(session, ada, plan_id), 1)
    first = pay_order(session, ada, order)
    again = pay_order(session, ada, order)
    assert first.status == "processing"
    assert again == first
    payment_settlement.settle_pending(session, Simulator(), NOW + timedelta(minutes=5))
    settled = pay_order(session, ada, order)
    assert (settled.status, settled.payment_id) == ("paid", first.payment_id)


def test_a_refused_request_leaves_its_key_free(session, shop, ada):
    plan_id = accepted_plan(session, shop, ada)
    plan = plan_of(session, ada, plan_id)
    good = payment_for(plan, 1)
    bad = payments.PaymentRequest(plan_id, good.scope, good.expected_amount + 1, good.installment_id)
    with pytest.raises(Conflict):
        pay_order(session, ada, bad)
    assert pay_order(session, ada, good).status == "paid"


def test_keys_belong_to_a_user_and_a_shop(session, shop, ada):
    eve = factories.make_customer(session, "Eve Stranger")
    other = factories.make_merchant(session, "Other Shop")
    for merchant, customer in ((shop, ada), (shop, eve), (other, ada)):
        plan_id = accepted_plan(session, merchant, customer)
        order = payment_for(plan_of(session, customer, plan_id), 1)
        assert pay_order(session, customer, order).status == "paid"
    assert factories.row_counts(session)["idempotency_keys"] == 3


def test_one_key_for_two_plans_of_one_shop_is_refused(session, shop, ada):
    first, second = accepted_plan(session, shop, ada), accepted_plan(session, shop, ada)
    pay_order(session, ada, payment_for(plan_of(session, ada, first), 1))
    with pytest.raises(KeyReused):
        pay_order(session, ada, payment_for(plan_of(session, ada, second), 1))


def test_a_key_is_kept_for_thirty_days_and_then_forgotten_and_the_payment_stays(session, shop, ada):
    plan_id = accepted_plan(session, shop, ada)
    order = payment_for(plan_of(session, ada, plan_id), 1)
    first = pay_order(session, ada, order)
    last_moment = NOW + timedelta(days=30)
    daily_run.run(session, last_moment)
    assert pay_order(session, ada, order, now=last_moment) == first
    daily_run.run(session, last_moment + timedelta(seconds=1))
    assert session.scalars(select(IdempotencyKey.key)).all() == []
    with pytest.raises(Conflict) as refused:
        pay_order(session, ada, order, now=last_moment)
    assert refused.value.code == "already_paid"
