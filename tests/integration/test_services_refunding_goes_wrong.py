"""A refund that is stale, repeated, unanswered or declined: no cent goes back twice or is lost."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from portal.adapters.payments import Outcome
from portal.adapters.payments.simulator import Simulator
from portal.core.errors import Conflict, KeyReused
from portal.models import Event, Message, Refund
from portal.models.ledger import Posting
from portal.services import payment_settlement, plans, refund_settlement, refunds
from tests import factories
from tests.factories import NOW, accepted_plan, choose_card, pay, payment_for, plan_of, refund, returned
from tests.providers import Provider

SOON = NOW + timedelta(minutes=5)


def refused(session, code, act):
    """Do what must be refused with this code and leave nothing behind."""
    before = factories.row_counts(session)
    with pytest.raises(Conflict) as refusal:
        act()
    assert refusal.value.code == code
    assert factories.row_counts(session) == before


def test_a_preview_that_no_longer_holds_is_a_conflict(session, shop, ada):
    plan_id = accepted_plan(session, shop, ada)
    shown = refunds.preview(session, shop, plan_id, 8000).fingerprint
    pay(session, ada, plan_id, 1)
    refused(session, "other_preview", lambda: refund(session, shop, plan_id, 8000, shown=shown))
    assert plan_of(session, ada, plan_id).owed == 6666


def test_a_preview_of_another_amount_is_a_conflict(session, shop, ada):
    plan_id = accepted_plan(session, shop, ada)
    shown = refunds.preview(session, shop, plan_id, 8000).fingerprint
    refused(session, "other_preview", lambda: refund(session, shop, plan_id, 8001, shown=shown))


def test_a_preview_that_was_confirmed_once_does_not_hold_again(session, shop, ada):
    plan_id = accepted_plan(session, shop, ada)
    shown = refunds.preview(session, shop, plan_id, 100).fingerprint
    refund(session, shop, plan_id, 100, shown=shown)
    refused(session, "other_preview", lambda: refund(session, shop, plan_id, 100, shown=shown))
    assert plan_of(session, ada, plan_id).owed == 9900


def test_a_preview_that_another_change_left_true_still_holds(session, shop, ada):
    plan_id = accepted_plan(session, shop, ada)
    shown = refunds.preview(session, shop, plan_id, 3000).fingerprint
    pay(session, ada, plan_id, 1)
    assert refund(session, shop, plan_id, 3000, shown=shown).cancelled == 3000


def test_the_same_key_gives_the_same_answer_and_refunds_once(session, shop, ada, paid_in_two):
    plan_id, _ = paid_in_two
    provider = Provider()
    shown = refunds.preview(session, shop, plan_id, 3000).fingerprint
    answers = [
        refund(session, shop, plan_id, 3000, key="once", gateway=provider, shown=shown, now=now)
        for now in (NOW, SOON, NOW + timedelta(days=29))
    ]
    assert answers[1:] == answers[:1] * 2
    assert list(provider.given_back.values()) == [3000]
    assert returned(session, ada, plan_id) == [0, 3000]


def test_the_same_key_repeats_a_refund_that_only_cancelled(session, shop, ada):
    plan_id = accepted_plan(session, shop, ada)
    first, again = (refund(session, shop, plan_id, 3000, key="once") for _ in range(2))
    assert first == again
    assert plan_of(session, ada, plan_id).owed == 7000


def test_a_key_with_another_request_is_refused(session, shop, ada):
    plan_id, other_plan = accepted_plan(session, shop, ada), accepted_plan(session, shop, ada)
    refund(session, shop, plan_id, 3000, key="once")
    for request in ((plan_id, 3001, None), (other_plan, 3000, None), (plan_id, 3000, "another preview")):
        with pytest.raises(KeyReused):
            refund(session, shop, request[0], request[1], key="once", shown=request[2])
    with pytest.raises(KeyReused), factories.unit_of_work(session):
        plans.cancel(session, shop, plan_id, 7000, NOW, key="once")
    assert plan_of(session, ada, plan_id).owed == 7000


def test_a_refused_refund_leaves_its_key_free(session, shop, ada):
    plan_id = accepted_plan(session, shop, ada)
    refused(
        session, "other_preview", lambda: refund(session, shop, plan_id, 3000, key="once", shown="old one")
    )
    assert refund(session, shop, plan_id, 3000, key="once").cancelled == 3000


def test_while_a_payment_is_processing_nothing_is_previewed_or_refunded(session, shop, ada):
    plan_id = accepted_plan(session, shop, ada)
    choose_card(session, ada, "times_out")
    pay(session, ada, plan_id, 1)
    for act in (
        lambda: refunds.preview(session, shop, plan_id, 1000),
        lambda: refund(session, shop, plan_id, 1000),
    ):
        refused(session, "processing", act)
    payment_settlement.settle_pending(session, Simulator(), SOON)
    assert refund(session, shop, plan_id, 1000).cancelled == 1000


def test_while_money_is_on_its_way_back_there_is_nothing_to_pay_cancel_or_refund(session, shop, ada):
    plan_id = accepted_plan(session, shop, ada)
    choose_card(session, ada, "times_out")
    pay(session, ada, plan_id, 1)
    payment_settlement.settle_pending(session, Simulator(), SOON)
    order = payment_for(plan_of(session, ada, plan_id))
    assert refund(session, shop, plan_id, 8000, gateway=Simulator()).status == "processing"

    def cancel():
        with factories.unit_of_work(session):
            plans.cancel(session, shop, plan_id, 0, SOON)

    # Whoever returns money has cancelled all that was owed before.
    for act in (lambda: factories.payments.pay(session, Simulator(), ada, order, None, SOON), cancel):
        refused(session, "plan_completed", act)
    refused(session, "processing", lambda: refund(session, shop, plan_id, 1))


def test_a_return_without_an_answer_is_processing_until_the_job_settles_it(session, shop, ada):
    plan_id = accepted_plan(session, shop, ada)
    choose_card(session, ada, "times_out")
    pay(session, ada, plan_id, 1)
    payment_settlement.settle_pending(session, Simulator(), SOON)

    answer = refund(session, shop, plan_id, 8000, key="once", gateway=Simulator(), now=SOON)
    assert (answer.status, answer.cancelled, answer.to_return, answer.returned) == (
        "processing",
        6666,
        1334,
        0,
    )
    plan = plan_of(session, ada, plan_id)
    assert (plan.state, plan.owed, returned(session, ada, plan_id)) == ("completed", 0, [0, 0, 0])
    assert refund(session, shop, plan_id, 8000, key="once") == answer

    for seconds, settled in ((0, 0), (59, 0), (60, 1), (61, 0)):
        later = SOON + timedelta(seconds=seconds)
        counts = refund_settlement.settle_pending(session, Simulator(), later)
        assert counts == {"refunds_settled": settled, "refunds_waiting": 0}
    assert returned(session, ada, plan_id) == [1334, 0, 0]
    again = refund(session, shop, plan_id, 8000, key="once")
    assert (again.status, again.refund_id, again.returned) == ("succeeded", answer.refund_id, 1334)


def test_a_declined_return_keeps_what_was_cancelled_and_leaves_the_plan_refundable(session, shop, ada):
    plan_id = accepted_plan(session, shop, ada)
    payment = pay(session, ada, plan_id, 1).payment_id
    answer = refund(session, shop, plan_id, 8000, gateway=Provider(declining=[payment]))
    assert (answer.status, answer.cancelled, answer.to_return, answer.returned) == ("declined", 6666, 1334, 0)
    assert returned(session, ada, plan_id) == [0, 0, 0]
    assert session.scalars(select(Posting).where(Posting.credit == "cash")).all() == []
    email = session.scalars(select(Message).where(Message.kind == "refund_declined")).one()
    assert (email.user_id, email.facts["to_return"], email.facts["returned"]) == (shop.id, 1334, 0)
    event = session.scalars(select(Event).where(Event.kind == "refund_declined")).one()
    assert event.facts["refund"] == str(answer.refund_id)

    assert refunds.most_refundable(session, shop, plan_id) == 3334
    session.rollback()
    assert refund(session, shop, plan_id, 1334).status == "succeeded"
    assert returned(session, ada, plan_id) == [1334, 0, 0]


def test_of_two_returns_the_one_that_is_declined_stays_with_the_shop(session, shop, ada, paid_in_two):
    plan_id, (older, _) = paid_in_two
    answer = refund(session, shop, plan_id, 8000, gateway=Provider(declining=[older]))
    assert (answer.status, answer.to_return, answer.returned) == ("declined", 8000, 5000)
    assert returned(session, ada, plan_id) == [0, 5000]
    assert refunds.most_refundable(session, shop, plan_id) == 5000


def test_settling_twice_changes_nothing_whoever_brings_the_answer(session, shop, ada, paid_in_two):
    plan_id, payments = paid_in_two
    first = refund(session, shop, plan_id, 8000)
    before = factories.row_counts(session)
    for outcome in (Outcome.SUCCEEDED, Outcome.DECLINED):
        outcomes = dict.fromkeys(payments, outcome)
        again = refund_settlement.settle(session, shop.id, plan_id, first.refund_id, outcomes, SOON)
        assert again == first
    assert factories.row_counts(session) == before
    assert session.scalars(select(Refund.settled_at)).one() == NOW
