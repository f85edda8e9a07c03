"""What a shop recorded and did not come in is reversed: owed again, told, and a plan that had ended is active again."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import select

from portal.core.errors import Conflict, InvalidInput, NotFound
from portal.models import Event, Message, Reversal
from portal.queries import metrics
from portal.services import plans
from portal.services.transaction import unit_of_work
from tests import factories
from tests.factories import NOW, TODAY, accepted_plan, pay, plan_of, record, refund, reverse
from tests.integration.test_services_recording import refused


@pytest.fixture
def plan_id(session, shop, ada):
    """100.00 in three, accepted today; the first is due today."""
    return accepted_plan(session, shop, ada)


def lines(session, ada, plan_id):
    return [(i.owed, i.status, i.paid_on) for i in plan_of(session, ada, plan_id).installments]


def kinds(session):
    session.rollback()
    return list(session.scalars(select(Event.kind).order_by(Event.id)))


def test_what_was_reversed_is_owed_again_and_counts_nowhere(session, shop, ada, plan_id):
    pay(session, ada, plan_id, 2)
    payment = record(session, shop, plan_id, 5000)
    before = plan_of(session, ada, plan_id)
    assert before.owed == 10000 - 3333 - 5000
    reverse(session, shop, plan_id, payment)
    assert lines(session, ada, plan_id) == [
        (3334, "pending", None),
        (0, "paid", TODAY),
        (3333, "pending", None),
    ]
    numbers = metrics.dashboard(session, shop, NOW)
    assert (numbers.total_revenue, numbers.outstanding) == (3333, 6667)
    row = session.scalars(select(Reversal)).one()
    assert (row.amount, row.reason, row.reversed_by, row.reversed_on) == (5000, "Bounced", shop.id, TODAY)


def test_the_customer_is_told_and_the_event_says_why(session, shop, ada, plan_id):
    payment = record(session, shop, plan_id, 5000)
    reverse(session, shop, plan_id, payment, "Typed twice")
    email = session.scalars(select(Message).where(Message.kind == "payment_reversed")).one()
    assert (email.user_id, email.facts["reason"]) == (ada.id, "Typed twice")
    assert [(line["number"], line["amount"], line["owed"]) for line in email.facts["changed"]] == [
        (1, 3334, 3334),
        (2, 1666, 3333),
    ]
    event = session.scalars(select(Event).where(Event.kind == "payment_reversed")).one()
    assert (event.actor_id, event.facts["reason"], event.facts["amount"]) == (shop.id, "Typed twice", 5000)


def test_reversing_what_completed_a_plan_opens_it_again(session, shop, ada, plan_id):
    pay(session, ada, plan_id, 1)
    payment = record(session, shop, plan_id, 6666)
    assert plan_of(session, ada, plan_id).state == "completed"
    reverse(session, shop, plan_id, payment)
    assert plan_of(session, ada, plan_id).state == "active"
    assert kinds(session)[-2:] == ["payment_reversed", "plan_reopened"]
    record(session, shop, plan_id, 6666)
    assert plan_of(session, ada, plan_id).state == "completed"


def test_reversing_a_payment_of_a_cancelled_plan_leaves_the_rest_cancelled(session, shop, ada, plan_id):
    payment = record(session, shop, plan_id, 5000)
    with unit_of_work(session):
        plans.cancel(session, shop, plan_id, None, NOW)
    assert lines(session, ada, plan_id)[1] == (0, "paid", TODAY)
    reverse(session, shop, plan_id, payment)
    assert [owed for owed, _, _ in lines(session, ada, plan_id)] == [3334, 1666, 0]
    assert plan_of(session, ada, plan_id).state == "active"


def test_at_most_what_a_refund_has_left_is_reversed(session, shop, ada, plan_id):
    record(session, shop, plan_id, 9000)
    payment = record(session, shop, plan_id, 1000)
    refund(session, shop, plan_id, 400)
    reverse(session, shop, plan_id, payment)
    assert session.scalars(select(Reversal.amount)).one() == 600
    assert plan_of(session, ada, plan_id).owed == 600
    error = refused(session, shop, lambda: reverse(session, shop, plan_id, payment), Conflict)
    assert error.code == "nothing_left"


def test_what_was_returned_whole_cannot_be_reversed(session, shop, plan_id):
    payment = record(session, shop, plan_id, 10000)
    refund(session, shop, plan_id, 10000)
    assert (
        refused(session, shop, lambda: reverse(session, shop, plan_id, payment), Conflict).code
        == "nothing_left"
    )


def test_what_was_reversed_cannot_be_refunded(session, shop, plan_id):
    reverse(session, shop, plan_id, record(session, shop, plan_id, 10000))
    made = refund(session, shop, plan_id, 10000)
    assert (made.cancelled, made.to_return) == (10000, 0)


def test_an_installment_paid_again_counts_the_day_of_what_stayed(session, shop, ada, plan_id):
    first = record(session, shop, plan_id, 3334)
    reverse(session, shop, plan_id, first)
    later = NOW + timedelta(days=5)
    record(session, shop, plan_id, 3334, received_on=TODAY + timedelta(days=4), now=later)
    line = plan_of(session, ada, plan_id, later).installments[0]
    assert (line.paid_on, line.paid_at) == (TODAY + timedelta(days=4), later)


def test_a_card_payment_is_not_reversed_by_the_shop(session, shop, ada, plan_id):
    paid = pay(session, ada, plan_id, 1)
    act = partial(reverse, session, shop, plan_id, paid.payment_id)
    assert refused(session, shop, act, Conflict).code == "not_recorded"


@pytest.mark.parametrize("reason", ["", "   ", "...", "x" * 201, "4111 1111 1111 1111"])
def test_a_reversal_says_why(session, shop, plan_id, reason):
    payment = record(session, shop, plan_id, 5000)
    act = partial(reverse, session, shop, plan_id, payment, reason)
    assert list(refused(session, shop, act, InvalidInput).errors) == ["reason"]


def test_nothing_is_reversed_while_a_card_payment_waits(session, shop, ada, plan_id):
    payment = record(session, shop, plan_id, 1000)
    factories.choose_card(session, ada, "times_out")
    pay(session, ada, plan_id, 3)
    act = partial(reverse, session, shop, plan_id, payment)
    assert refused(session, shop, act, Conflict).code == "processing"


def test_anothers_payment_and_one_of_another_plan_are_not_found(session, shop, ada, plan_id):
    payment = record(session, shop, plan_id, 5000)
    other = factories.make_merchant(session, "Other Shop")
    refused(session, shop, lambda: reverse(session, other, plan_id, payment), NotFound)
    second = accepted_plan(session, shop, ada)
    refused(session, shop, lambda: reverse(session, shop, second, payment), NotFound)


def test_another_amount_than_was_shown_is_refused(session, shop, plan_id):
    payment = record(session, shop, plan_id, 10000)
    refund(session, shop, plan_id, 400)
    act = partial(reverse, session, shop, plan_id, payment, shown=10000)
    error = refused(session, shop, act, Conflict)
    assert (error.code, error.figure) == ("other_amount", 9600)


def test_the_rest_of_five_cents_and_of_a_yen_goes_the_same_way_back(session, ada):
    for currency, total in (("JPY", 100), ("KWD", 10005), ("USD", 10005)):
        shop = factories.make_merchant(session, f"Shop {currency}", currency=currency)
        plan_id = accepted_plan(session, shop, ada, total=total)
        payment = record(session, shop, plan_id, total)
        reverse(session, shop, plan_id, payment)
        assert plan_of(session, ada, plan_id).owed == total
    assert factories.broken_invariants(session) == []


@pytest.mark.parametrize("ending", ["completed", "cancelled"])
def test_an_ended_plan_is_not_opened_by_accepting_it_again(session, shop, ada, plan_id, ending):
    if ending == "completed":
        record(session, shop, plan_id, 10000)
    else:
        with unit_of_work(session):
            plans.cancel(session, shop, plan_id, None, NOW)
    error = refused(session, shop, lambda: factories.accept(session, ada, plan_id), Conflict)
    assert error.code == f"plan_{ending}"
