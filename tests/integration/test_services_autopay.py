"""Automatic payments with the simulator: consent, what is taken and when, failures, and the end in one click."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from portal.adapters.payments.simulator import Simulator
from portal.core.errors import Conflict, Forbidden, NotFound
from portal.core.terms import hash_text
from portal.models import Attempt, Event, Installment, Mandate, Message, Payment, Reminder
from portal.services import autopay, mandates, payment_settlement, plans, reminders, shops
from portal.services.transaction import unit_of_work
from tests import factories
from tests.factories import NOW, ORIGIN, TODAY

TEXT = "The shop may take each installment."
# The first line is due today, the others a month and two later.
DAY = timedelta(days=1)
NINE = datetime(2026, 4, 2, 9, tzinfo=UTC)


def agree(session, customer, plan_id, *, now=NOW, text=TEXT, shown=None):
    return mandates.give(session, Simulator(), customer, plan_id, text, shown or hash_text(text), ORIGIN, now)


def take(session, now, gateway=None):
    return autopay.take_due(session, gateway or Simulator(), now)["attempted"]


@pytest.fixture
def plan(session, shop, ada):
    """A plan whose first installment is paid, and the second due on 2 April."""
    plan_id = factories.accepted_plan(session, shop, ada)
    factories.pay(session, ada, plan_id, 1)
    return plan_id


def attempts(session):
    session.rollback()
    rows = session.execute(
        select(Attempt.number, Attempt.made_on, Payment.outcome)
        .join(Payment, Payment.id == Attempt.payment_id)
        .order_by(Attempt.made_on)
    ).all()
    session.rollback()
    return [tuple(row) for row in rows]


def emails(session, kind):
    session.rollback()
    found = session.scalars(select(Message).where(Message.kind == kind).order_by(Message.id)).all()
    facts = [message.facts for message in found]
    session.rollback()
    return facts


def test_what_is_due_is_taken_at_nine_as_a_normal_payment_and_only_once(session, ada, plan):
    agree(session, ada, plan)
    assert take(session, NINE - timedelta(minutes=1)) == 0
    assert take(session, NINE) == 1
    assert take(session, NINE) == take(session, NINE + DAY) == 0
    assert attempts(session) == [(1, NINE.date(), "succeeded")]
    lines = factories.plan_of(session, ada, plan, NINE).installments
    assert [line.owed for line in lines] == [0, 0, 3333]
    assert emails(session, "payment_received")[-1]["amount"] == 3333
    assert factories.broken_invariants(session) == []


def test_the_consent_keeps_its_text_its_hash_and_its_evidence(session, ada, plan):
    agree(session, ada, plan)
    mandate = session.scalars(select(Mandate)).one()
    assert (mandate.text, mandate.text_hash, mandate.customer_id) == (TEXT, hash_text(TEXT), ada.id)
    assert (mandate.address, mandate.user_agent, mandate.last_four) == (*_origin(), "4242")
    session.rollback()
    assert agree(session, ada, plan, now=NOW + DAY) is None
    assert session.scalars(select(Mandate.given_at)).all() == [NOW]
    assert len(emails(session, "autopay_on")) == 1


def _origin():
    return ORIGIN.address, ORIGIN.user_agent


def test_nobody_but_the_customer_agrees_and_to_nothing_but_what_was_shown(session, shop, ada, plan):
    with pytest.raises(Forbidden):
        agree(session, shop, plan)
    with pytest.raises(NotFound):
        agree(session, factories.make_customer(session, "Another Person"), plan)
    with pytest.raises(Conflict, match="has changed"):
        agree(session, ada, plan, shown=hash_text("Another text."))
    offer = factories.offered_plan(session, shop, ada.email)
    with pytest.raises(Conflict):
        agree(session, ada, offer)
    session.rollback()
    assert session.scalars(select(Mandate.id)).all() == []


def test_an_ordinary_failure_is_repeated_after_two_four_and_seven_days_with_an_email_each(session, ada, plan):
    agree(session, ada, plan)
    factories.choose_card(session, ada, "insufficient_funds")
    for day in range(20):
        take(session, NINE + day * DAY)
    days = [NINE.date() + days * DAY for days in (0, 2, 4, 7)]
    assert attempts(session) == [(n, day, "insufficient_funds") for n, day in enumerate(days, start=1)]
    notices = emails(session, "autopay_notice")
    assert [facts["next_on"] for facts in notices] == [*(day.isoformat() for day in days[1:]), None]
    assert emails(session, "payment_declined") == []


def test_a_card_that_is_no_longer_valid_ends_it_and_another_consent_tries_again(session, ada, plan):
    agree(session, ada, plan)
    factories.choose_card(session, ada, "unusable")
    assert [take(session, NINE + day * DAY) for day in range(9)] == [1, *[0] * 8]
    assert [facts["next_on"] for facts in emails(session, "autopay_notice")] == [None]
    kinds = select(Event.facts).where(Event.kind == "autopay_off")
    assert session.scalars(kinds).all() == [{"reason": "card_unusable"}]
    session.rollback()
    factories.choose_card(session, ada, "succeeds")
    agree(session, ada, plan, now=NINE + 9 * DAY)
    assert take(session, NINE + 10 * DAY) == 1
    assert [number for number, _, _ in attempts(session)] == [1, 2]


def test_a_card_that_needs_the_customer_is_not_tried_again_and_the_customer_pays(session, ada, plan):
    agree(session, ada, plan)
    factories.choose_card(session, ada, "needs_customer")
    assert [take(session, NINE + day * DAY) for day in range(9)] == [1, *[0] * 8]
    [notice] = emails(session, "autopay_notice")
    assert (notice["outcome"], notice["next_on"]) == ("needs_customer", None)
    assert factories.pay(session, ada, plan, 2, now=NINE + 9 * DAY).status == "paid"


def test_nothing_is_taken_after_stop(session, ada, plan):
    agree(session, ada, plan)
    mandates.stop(session, Simulator(), ada, plan, NOW + DAY)
    mandates.stop(session, Simulator(), ada, plan, NOW + DAY)
    assert take(session, NINE) == 0
    assert len(emails(session, "autopay_off")) == 1


def test_a_stop_between_finding_and_locking_is_seen(session, ada, plan):
    agree(session, ada, plan)
    [due] = autopay._due_plans(session, NINE)
    session.rollback()
    mandates.stop(session, Simulator(), ada, plan, NINE)
    assert autopay._take(session, Simulator(), due, NINE) is None
    assert attempts(session) == []


def test_what_is_overdue_is_taken_one_line_a_day_from_the_morning_after_the_consent(session, shop, ada):
    plan_id = factories.accepted_plan(session, shop, ada)
    agreed = NINE + timedelta(hours=3)
    agree(session, ada, plan_id, now=agreed)
    assert take(session, agreed) == 0
    assert [take(session, NINE + day * DAY) for day in (1, 1, 2, 3)] == [1, 0, 1, 0]
    assert [line.owed for line in factories.plan_of(session, ada, plan_id).installments] == [0, 0, 3333]


def test_a_payment_without_an_answer_is_settled_later_and_none_follows(session, ada, plan):
    agree(session, ada, plan)
    factories.choose_card(session, ada, "times_out")
    assert take(session, NINE) == 1
    assert take(session, NINE + 3 * DAY) == 0
    payment_settlement.settle_pending(session, Simulator(), NINE + DAY)
    assert attempts(session) == [(1, NINE.date(), "succeeded")]


def test_a_suspended_shop_takes_nothing(session, shop, ada, plan):
    agree(session, ada, plan)
    boss = factories.make_admin(session)
    with unit_of_work(session):
        shops.suspend(session, boss, shop.id, NOW)
    assert take(session, NINE) == 0


def test_the_reminder_says_what_will_be_taken(session, shop, ada, plan):
    agree(session, ada, plan)
    today = NINE.date() - 3 * DAY
    for batch in reminders.batches(session, shop.id, "UTC", today):
        with unit_of_work(session):
            reminders.queue(session, shop.id, today, NINE - 3 * DAY, batch)
    [reminder] = emails(session, "reminder")
    assert reminder["lines"][0]["takes"] == {"brand": "test", "last_four": "4242"}
    assert today > TODAY


def _cancel(session, shop, ada, plan_id):
    with unit_of_work(session):
        plans.cancel(session, shop, plan_id, None, NINE)


def _write_off(session, shop, ada, plan_id):
    factories.write_off(session, shop, plan_id, now=NINE)


def _pay_off(session, shop, ada, plan_id):
    for number in (2, 3):
        factories.pay(session, ada, plan_id, number, now=NINE)


def _refund(session, shop, ada, plan_id):
    factories.refund(session, shop, plan_id, 10000, now=NINE)


@pytest.mark.parametrize("end", [_cancel, _write_off, _pay_off, _refund])
def test_a_consent_ends_with_its_plan_and_does_not_come_back(session, shop, ada, plan, end):
    agree(session, ada, plan)
    end(session, shop, ada, plan)
    assert session.scalars(select(Mandate.revoked_at)).all() == [NINE]
    ended = select(Event.facts).where(Event.kind == "autopay_off")
    assert session.scalars(ended).all() == [{"reason": "plan_ended"}]
    session.rollback()
    assert emails(session, "autopay_off") == []
    assert take(session, NINE + DAY) == 0


def test_the_payment_that_completes_the_plan_ends_the_consent(session, ada, plan):
    agree(session, ada, plan)
    for days in (0, 30):
        assert take(session, NINE + days * DAY) == 1
    assert factories.plan_of(session, ada, plan).state == "completed"
    assert len(session.scalars(select(Mandate.id).where(Mandate.revoked_at.is_not(None))).all()) == 1
    assert factories.broken_invariants(session) == []


def notices(session, shop, days):
    """What is queued about the plan's second line on each of these days after its due date, as its day and step."""
    for day in days:
        today = NINE.date() + day * DAY
        take(session, NINE + day * DAY)
        for batch in reminders.batches(session, shop.id, "UTC", today):
            with unit_of_work(session):
                reminders.queue(session, shop.id, today, NINE + day * DAY, batch)
    query = select(Reminder.sent_on, Reminder.kind).join(
        Installment, Installment.id == Reminder.installment_id
    )
    rows = session.execute(query.where(Installment.number == 2).order_by(Reminder.sent_on)).all()
    session.rollback()
    return [((day - NINE.date()).days, kind) for day, kind in rows]


def test_overdue_notices_wait_until_the_attempts_have_ended(session, shop, ada, plan):
    agree(session, ada, plan)
    factories.choose_card(session, ada, "declined")
    assert notices(session, shop, range(1, 16)) == [(8, "overdue_1"), (14, "overdue_7")]
    assert len(attempts(session)) == 4


@pytest.mark.parametrize(("card", "first"), [("needs_customer", 1), ("unusable", 1)])
def test_after_a_last_attempt_the_notices_go_on(session, shop, ada, plan, card, first):
    agree(session, ada, plan)
    factories.choose_card(session, ada, card)
    take(session, NINE)
    assert notices(session, shop, range(1, 4)) == [(first, "overdue_1")]


def test_after_stop_the_notices_go_on(session, shop, ada, plan):
    agree(session, ada, plan)
    factories.choose_card(session, ada, "declined")
    take(session, NINE)
    mandates.stop(session, Simulator(), ada, plan, NINE)
    assert notices(session, shop, range(1, 4)) == [(1, "overdue_1")]
