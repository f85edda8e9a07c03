"""Cancelling a plan cancels all that is owed and returns nothing; a stale preview or a running payment refuses."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from portal.core.errors import Conflict, Forbidden, NotFound
from portal.models import Event, Message
from portal.models.ledger import Posting
from portal.services import plans
from portal.services.transaction import unit_of_work
from tests import factories
from tests.factories import NOW, TODAY, accepted_plan, pay, plan_of


def cancel(session, actor, plan_id, shown):
    with unit_of_work(session):
        plans.cancel(session, actor, plan_id, shown, NOW)


def test_what_is_still_owed_is_cancelled_and_what_was_paid_stays(session, shop, ada):
    plan_id = accepted_plan(session, shop, ada)
    pay(session, ada, plan_id, 1)
    cancel(session, shop, plan_id, 6666)
    plan = plan_of(session, ada, plan_id)
    assert (plan.state, plan.owed) == ("cancelled", 0)
    assert [(i.amount, i.paid, i.cancelled, i.returned, i.status) for i in plan.installments] == [
        (3334, 3334, 0, 0, "paid"),
        (3333, 0, 3333, 0, "cancelled"),
        (3333, 0, 3333, 0, "cancelled"),
    ]
    assert (plan.paid_count, plan.count) == (1, 1)
    posted = session.execute(select(Posting.debit, Posting.credit, Posting.amount)).all()
    assert posted.count(("refunds", "receivable", 3333)) == 2
    assert ("refunds", "cash", 3334) not in posted


def test_the_customer_is_told_and_the_timeline_says_how_much(session, shop, ada):
    plan_id = accepted_plan(session, shop, ada)
    cancel(session, shop, plan_id, 10000)
    email = session.scalars(select(Message).where(Message.kind == "plan_cancelled")).one()
    assert (email.user_id, email.facts["owed"]) == (ada.id, 10000)
    event = session.scalars(select(Event).where(Event.kind == "plan_cancelled")).one()
    assert (event.actor_id, event.facts["owed"]) == (shop.id, 10000)


def test_another_amount_than_the_preview_showed_is_a_conflict_with_the_figure(session, shop, ada):
    plan_id = accepted_plan(session, shop, ada)
    pay(session, ada, plan_id, 1)
    with pytest.raises(Conflict) as refused:
        cancel(session, shop, plan_id, 10000)
    assert (refused.value.code, refused.value.figure) == ("other_amount", 6666)
    assert plan_of(session, ada, plan_id).state == "active"


def test_while_a_payment_is_processing_nothing_is_cancelled(session, shop, ada):
    plan_id = accepted_plan(session, shop, ada)
    factories.choose_card(session, ada, "times_out")
    pay(session, ada, plan_id, 1)
    with pytest.raises(Conflict) as refused:
        cancel(session, shop, plan_id, 10000)
    assert refused.value.code == "processing"
    assert plan_of(session, ada, plan_id).owed == 10000


def test_an_offer_a_completed_and_a_cancelled_plan_cannot_be_cancelled(session, shop, ada):
    offer = factories.offered_plan(session, shop, ada.email)
    completed, cancelled = accepted_plan(session, shop, ada), accepted_plan(session, shop, ada)
    pay(session, ada, completed)
    cancel(session, shop, cancelled, 10000)
    for plan_id in (offer, completed, cancelled):
        with pytest.raises(Conflict):
            cancel(session, shop, plan_id, 0)


def test_only_the_plans_shop_can_cancel(session, shop, ada):
    plan_id = accepted_plan(session, shop, ada)
    other = factories.make_merchant(session, "Other Shop")
    for actor, refusal in ((ada, Forbidden), (factories.make_admin(session), Forbidden), (other, NotFound)):
        with pytest.raises(refusal):
            cancel(session, actor, plan_id, 10000)


def test_a_cancelled_plan_is_late_no_more_and_cannot_be_paid(session, shop, ada):
    plan_id = accepted_plan(session, shop, ada, first=TODAY - timedelta(days=5))
    shown = factories.payment_for(plan_of(session, ada, plan_id), 1)
    cancel(session, shop, plan_id, 10000)
    assert not plan_of(session, ada, plan_id).overdue
    with pytest.raises(Conflict) as refused:
        factories.payments.pay(session, factories.Simulator(), ada, shown, None, NOW)
    assert refused.value.code == "plan_cancelled"
