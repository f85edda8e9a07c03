"""What is overdue is stamped once with the shop's day, by rows alone: missed days, repeats and a clock gone back."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from portal.models import Event, Installment
from portal.services import overdue
from portal.services.transaction import unit_of_work
from tests import factories
from tests.factories import NOW, TODAY, accepted_plan, pay, plan_of

DAY = timedelta(days=1)


def mark(session, shop, today, **more):
    with unit_of_work(session):
        return overdue.mark(session, shop.id, "UTC", today, NOW, **more)[0]


def stamps(session, plan_id):
    session.rollback()
    query = select(Installment.late_on).where(Installment.plan_id == plan_id).order_by(Installment.number)
    return [late_on and (late_on - TODAY).days for late_on in session.scalars(query)]


@pytest.fixture
def plan_id(session, shop, ada):
    """Three installments, due today, in seven and in fourteen days."""
    return accepted_plan(session, shop, ada, frequency="weekly")


def test_an_installment_is_stamped_the_day_after_it_was_due_with_an_event(session, shop, plan_id):
    assert mark(session, shop, TODAY) == 0
    assert mark(session, shop, TODAY + DAY) == 1
    assert stamps(session, plan_id) == [1, None, None]
    event = session.scalars(select(Event).where(Event.kind == "installment_late")).one()
    assert (event.plan_id, event.actor_id, event.facts["number"]) == (plan_id, None, 1)
    assert event.facts["day"] == (TODAY + DAY).isoformat()


def test_marking_twice_on_a_day_and_again_later_changes_nothing(session, shop, plan_id):
    mark(session, shop, TODAY + DAY)
    before = factories.row_counts(session)
    for days in (1, 1, 2, 5):
        assert mark(session, shop, TODAY + days * DAY) == 0
    assert factories.row_counts(session) == before
    assert stamps(session, plan_id) == [1, None, None]


def test_a_missed_week_is_caught_up_in_one_run(session, shop, plan_id):
    assert mark(session, shop, TODAY + 10 * DAY) == 2
    assert stamps(session, plan_id) == [10, 10, None]


def test_a_stamp_stays_when_the_day_goes_back(session, shop, ada, plan_id):
    mark(session, shop, TODAY + DAY)
    assert mark(session, shop, TODAY - DAY) == 0
    assert stamps(session, plan_id) == [1, None, None]
    assert plan_of(session, ada, plan_id).installments[0].status == "late"


def test_what_is_paid_is_left_alone_and_paying_takes_the_stamp_away(session, shop, ada, plan_id):
    pay(session, ada, plan_id, 1)
    assert mark(session, shop, TODAY + 8 * DAY) == 1
    assert stamps(session, plan_id) == [None, 8, None]
    pay(session, ada, plan_id, 2)
    assert stamps(session, plan_id) == [None, None, None]


def test_offers_and_other_shops_are_left_alone(session, shop, ada, plan_id):
    other = factories.make_merchant(session, "Other Shop")
    elsewhere = accepted_plan(session, other, ada)
    offered = factories.offered_plan(session, shop, ada.email)
    assert mark(session, shop, TODAY + DAY) == 1
    assert stamps(session, elsewhere) == stamps(session, offered) == [None] * 3


def test_a_page_shows_late_whether_the_job_has_run_or_not(session, shop, ada, plan_id):
    tomorrow = NOW + DAY
    before = plan_of(session, ada, plan_id, tomorrow)
    mark(session, shop, TODAY + DAY)
    after = plan_of(session, ada, plan_id, tomorrow)
    assert before == after
    assert (before.status, before.overdue_amount) == ("overdue", 3334)


def test_marking_goes_in_batches(session, shop, plan_id):
    assert [mark(session, shop, TODAY + 30 * DAY, batch=2) for _ in range(3)] == [2, 1, 0]


def test_marking_sends_as_many_statements_however_many_are_late(
    session, shop, ada, count_statements, engine_name
):
    accepted_plan(session, shop, ada, parts=60, frequency="weekly")
    with count_statements() as statements:
        assert mark(session, shop, TODAY + 700 * DAY) == 60
    assert len(statements) == {"postgres": 1, "sqlite": 6}[engine_name]
