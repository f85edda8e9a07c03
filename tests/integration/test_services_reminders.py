"""Reminders are queued once per installment and step, from the rows alone; paid and unaccepted ones are left alone."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from portal.models import Message
from portal.services import plans, reminders
from portal.services.transaction import unit_of_work
from tests import factories
from tests.factories import NOW, TODAY, accepted_plan, choose_card, pay

DAY = timedelta(days=1)
DUE = TODAY + 10 * DAY
STEPS = ("due_soon", "due_today", "overdue_1", "overdue_7", "overdue_14")


def remind(session, shop, today):
    """Queue every page's reminders; returns how many were written."""
    written, after = 0, None
    while True:
        with unit_of_work(session):
            more, after = reminders.queue(session, shop.id, today, NOW, after)
        written += more
        if after is None:
            return written


def sent(session, plan_id):
    session.rollback()
    query = (
        select(Message.kind).where(Message.plan_id == plan_id, Message.kind.in_(STEPS)).order_by(Message.id)
    )
    return session.scalars(query).all()


@pytest.fixture
def plan_id(session, shop, ada):
    """One installment of 100.00, due in ten days."""
    return accepted_plan(session, shop, ada, parts=1, first=DUE)


def test_each_step_is_written_on_its_day(session, shop, plan_id):
    written = {day: remind(session, shop, DUE + day * DAY) for day in range(-10, 40)}
    assert [day for day, count in written.items() if count] == [-3, 0, 1, 7, 14]
    assert tuple(sent(session, plan_id)) == STEPS


def test_a_reminder_says_what_is_owed_and_when_to_its_customer(session, shop, ada, plan_id):
    remind(session, shop, DUE)
    letter = session.scalars(select(Message).where(Message.kind == "due_today")).one()
    assert (letter.user_id, letter.merchant_id, letter.plan_id) == (ada.id, shop.id, plan_id)
    assert (letter.facts["amount"], letter.facts["currency"]) == (10000, "USD")
    assert (letter.facts["number"], letter.facts["due_on"]) == (1, DUE.isoformat())


def test_running_twice_on_a_day_writes_nothing_new(session, shop, plan_id):
    assert [remind(session, shop, DUE - 3 * DAY) for _ in range(3)] == [1, 0, 0]


def test_a_missed_week_is_caught_up_with_the_newest_step_only(session, shop, plan_id):
    remind(session, shop, DUE - 3 * DAY)
    assert remind(session, shop, DUE + 8 * DAY) == 1
    assert sent(session, plan_id) == ["due_soon", "overdue_7"]


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


def test_while_a_payment_is_processing_nobody_is_reminded(session, shop, ada, plan_id):
    choose_card(session, ada, "times_out")
    pay(session, ada, plan_id)
    assert remind(session, shop, DUE) == 0


def test_offers_and_other_shops_are_left_alone(session, shop, ada):
    other = factories.make_merchant(session, "Other Shop")
    accepted_plan(session, other, ada, parts=1, first=DUE)
    factories.offered_plan(session, shop, ada.email, parts=1, first=DUE)
    assert remind(session, shop, DUE) == 0


def test_a_plan_accepted_after_its_dates_is_reminded_of_later_steps_only(session, shop, ada):
    plan_id = accepted_plan(session, shop, ada, parts=1, first=TODAY - 5 * DAY)
    assert [remind(session, shop, TODAY + day * DAY) for day in (0, 1, 2, 9)] == [0, 0, 1, 1]
    assert sent(session, plan_id) == ["overdue_7", "overdue_14"]


def test_more_installments_than_fit_a_page_are_all_reminded_of(session, shop, ada, monkeypatch):
    monkeypatch.setattr(reminders, "BATCH", 7)
    for _ in range(2):
        accepted_plan(session, shop, ada, parts=10, first=DUE, frequency="weekly")
    assert remind(session, shop, DUE + 100 * DAY) == 20
    assert remind(session, shop, DUE + 100 * DAY) == 0
