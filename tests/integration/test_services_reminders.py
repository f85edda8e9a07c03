"""Reminders: one email for each customer, shop and day, from the rows alone; nothing about what is not owed."""

from datetime import timedelta
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from portal.core.reminders import STEPS, reminder_due
from portal.models import Installment, Message, Reminder
from portal.services import accounts, plans, reminders
from portal.services.transaction import unit_of_work
from tests import factories
from tests.factories import NOW, TODAY, accepted_plan, choose_card, pay

DAY = timedelta(days=1)
DUE = TODAY + 10 * DAY
NUMBERS = count()


def remind(session, shop, today):
    """Queue the reminders of a day; returns how many installments they are about."""
    written = 0
    for installments in reminders.batches(session, shop.id, shop.timezone, today):
        with unit_of_work(session):
            written += reminders.queue(session, shop.id, today, NOW, installments)
    session.rollback()
    return written


def steps(session, plan_id):
    """The reminders about a plan, in the order of their days."""
    session.rollback()
    query = (
        select(Reminder.kind)
        .join(Installment, Installment.id == Reminder.installment_id)
        .where(Installment.plan_id == plan_id)
        .order_by(Reminder.sent_on, Installment.number)
    )
    return session.scalars(query).all()


def emails(session):
    session.rollback()
    return session.scalars(select(Message).where(Message.kind == "reminder").order_by(Message.id)).all()


@pytest.fixture
def plan_id(session, shop, ada):
    """One installment of 100.00, due in ten days."""
    return accepted_plan(session, shop, ada, parts=1, first=DUE)


def test_each_step_is_written_on_its_day(session, shop, plan_id):
    written = {day: remind(session, shop, DUE + day * DAY) for day in range(-10, 40)}
    assert [day for day, count in written.items() if count] == [-3, 0, 1, 7, 14]
    assert steps(session, plan_id) == list(STEPS)


def test_a_reminder_says_what_is_owed_and_when_to_its_customer(session, shop, ada, plan_id):
    remind(session, shop, DUE)
    (email,) = emails(session)
    assert (email.user_id, email.merchant_id, email.plan_id) == (ada.id, shop.id, plan_id)
    (line,) = email.facts["lines"]
    assert (line["step"], line["amount"], line["currency"]) == ("due_today", 10000, "USD")
    assert (line["number"], line["due_on"], line["plan"]) == (1, DUE.isoformat(), str(plan_id))


def test_running_twice_on_a_day_writes_nothing_new(session, shop, plan_id):
    assert [remind(session, shop, DUE - 3 * DAY) for _ in range(3)] == [1, 0, 0]


def test_one_email_a_day_lists_all_installments_of_all_plans(session, shop, ada):
    weekly = accepted_plan(session, shop, ada, parts=4, first=DUE, frequency="weekly")
    single = accepted_plan(session, shop, ada, parts=1, first=DUE + 2 * DAY)
    assert remind(session, shop, DUE + 40 * DAY) == 5
    (email,) = emails(session)
    dues = [line["due_on"] for line in email.facts["lines"]]
    assert dues == sorted(dues)
    assert {line["plan"] for line in email.facts["lines"]} == {str(weekly), str(single)}
    assert email.plan_id is None


def test_customers_and_shops_have_emails_of_their_own(session, shop, ada):
    other, bob = factories.make_merchant(session, "Other Shop"), factories.make_customer(session, "Bob Buyer")
    for merchant, customer in ((shop, ada), (shop, bob), (other, ada)):
        accepted_plan(session, merchant, customer, parts=1, first=DUE)
    assert (remind(session, shop, DUE), remind(session, other, DUE)) == (2, 1)
    assert {(email.merchant_id, email.user_id) for email in emails(session)} == {
        (shop.id, ada.id),
        (shop.id, bob.id),
        (other.id, ada.id),
    }


def test_what_is_found_later_on_a_day_waits_for_the_next(session, shop, ada, plan_id):
    assert remind(session, shop, DUE) == 1
    later = accepted_plan(session, shop, ada, parts=1, first=DUE)
    assert remind(session, shop, DUE) == 0
    assert remind(session, shop, DUE + DAY) == 2
    assert (steps(session, plan_id), steps(session, later)) == (["due_today", "overdue_1"], ["overdue_1"])


def test_what_was_due_before_the_agreement_brings_one_gentle_email_a_day_later(session, shop, ada):
    plan_id = accepted_plan(session, shop, ada, parts=4, first=TODAY - 30 * DAY, frequency="weekly")
    assert remind(session, shop, TODAY) == 0
    assert remind(session, shop, TODAY + DAY) == 4
    assert steps(session, plan_id) == ["overdue_1"] * 4
    assert len(emails(session)) == 1


def test_after_an_outage_the_first_notice_is_the_first_step(session, shop, plan_id):
    remind(session, shop, DUE - 3 * DAY)
    assert [remind(session, shop, DUE + day * DAY) for day in (20, 25, 26, 31, 32)] == [1, 0, 1, 0, 1]
    assert steps(session, plan_id) == ["due_soon", "overdue_1", "overdue_7", "overdue_14"]


def test_when_the_day_goes_back_no_earlier_step_follows(session, shop, plan_id):
    remind(session, shop, DUE + 7 * DAY)
    for day in (-3, 0, 1, 7):
        assert remind(session, shop, DUE + day * DAY) == 0


def test_what_is_paid_or_cancelled_is_not_reminded_of(session, shop, ada, plan_id):
    cancelled = accepted_plan(session, shop, ada, parts=1, first=DUE)
    pay(session, ada, plan_id)
    with unit_of_work(session):
        plans.cancel(session, shop, cancelled, 10000, NOW)
    assert remind(session, shop, DUE) == 0


def test_what_is_paid_between_finding_and_queueing_is_not_reminded_of(session, shop, ada, plan_id):
    (found,) = reminders.batches(session, shop.id, shop.timezone, DUE)
    pay(session, ada, plan_id)
    with unit_of_work(session):
        assert reminders.queue(session, shop.id, DUE, NOW, found) == 0
    assert emails(session) == []


def test_while_a_payment_is_processing_nobody_is_reminded(session, shop, ada, plan_id):
    choose_card(session, ada, "times_out")
    pay(session, ada, plan_id)
    assert remind(session, shop, DUE) == 0


def test_offers_and_other_shops_are_left_alone(session, shop, ada):
    other = factories.make_merchant(session, "Other Shop")
    accepted_plan(session, other, ada, parts=1, first=DUE)
    factories.offered_plan(session, shop, ada.email, parts=1, first=DUE)
    assert remind(session, shop, DUE) == 0


def test_who_stopped_early_reminders_gets_the_overdue_notices_alone(session, shop, ada, plan_id):
    with unit_of_work(session):
        accounts.choose_early_reminders(session, ada.id, False, NOW)
    assert [remind(session, shop, DUE + day * DAY) for day in (-3, 0, 1, 7, 14)] == [0, 0, 1, 1, 1]
    assert steps(session, plan_id) == ["overdue_1", "overdue_7", "overdue_14"]


def test_a_customer_with_more_installments_than_a_batch_gets_one_email(session, shop, ada, monkeypatch):
    monkeypatch.setattr(reminders, "BATCH", 7)
    for _ in range(2):
        accepted_plan(session, shop, ada, parts=10, first=DUE, frequency="weekly")
    bob = factories.make_customer(session, "Bob Buyer")
    accepted_plan(session, shop, bob, parts=3, first=DUE, frequency="weekly")
    assert len(list(reminders.batches(session, shop.id, shop.timezone, DUE + 100 * DAY))) == 2
    assert remind(session, shop, DUE + 100 * DAY) == 23
    assert len(emails(session)) == 2
    assert remind(session, shop, DUE + 100 * DAY) == 0


def test_a_heavy_day_takes_four_statements_a_batch(session, shop, ada, count_statements):
    for _ in range(3):
        accepted_plan(session, shop, ada, parts=20, first=DUE, frequency="weekly")
    (found,) = reminders.batches(session, shop.id, shop.timezone, DUE + 400 * DAY)
    with unit_of_work(session), count_statements() as statements:
        assert reminders.queue(session, shop.id, DUE + 400 * DAY, NOW, found) == 60
    assert len(statements) == 4


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_the_rule_says_of_a_day_the_service_queues(data, session):
    """Any due date before or after the acceptance, over days with gaps: the rule alone decides."""
    number = next(NUMBERS)
    shop, buyer = (
        factories.make_merchant(session, f"Shop {number}"),
        factories.make_customer(session, f"Buyer {number}"),
    )
    plan_id = accepted_plan(
        session, shop, buyer, parts=1, first=TODAY + data.draw(st.integers(-20, 20)) * DAY
    )
    line = session.scalars(select(Installment).where(Installment.plan_id == plan_id)).one()
    due_on, installment_id, sent = line.due_on, line.id, {}
    for day in sorted(data.draw(st.sets(st.integers(0, 60), max_size=12))):
        today = TODAY + day * DAY
        expected = reminder_due(due_on, TODAY, today, sent)
        assert remind(session, shop, today) == (1 if expected else 0)
        sent |= {expected: today} if expected else {}
    query = select(Reminder.kind, Reminder.sent_on).where(Reminder.installment_id == installment_id)
    assert dict(session.execute(query).all()) == sent


def test_the_first_step_of_the_rule_is_the_first_day_that_is_looked_at(session, shop, plan_id):
    first = DUE + min(STEPS.values()) * DAY
    assert (remind(session, shop, first - DAY), remind(session, shop, first)) == (0, 1)
