"""What is owed is spread over new installments: nothing is cancelled or forgiven, and a worse spread needs a yes."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from sqlalchemy import func, select

from portal.core.errors import Conflict, InvalidInput
from portal.core.ledger import Account
from portal.models import Amendment, Event, Message
from portal.models.ledger import Posting
from portal.queries import metrics
from portal.services import amendments, daily_run
from portal.services.transaction import unit_of_work
from tests import factories
from tests.factories import NOW, ORIGIN, accepted_plan, pay, plan_of

DAY = timedelta(days=1)
LATER = ((4000, date(2026, 6, 1)), (1666, date(2026, 7, 1)), (1000, date(2026, 8, 1)))
SOONER = ((6666, date(2026, 3, 9)),)


@pytest.fixture
def plan_id(session, shop, ada):
    """33.34 is paid; 33.33 is due on 2 April and on 2 May."""
    plan_id = accepted_plan(session, shop, ada)
    pay(session, ada, plan_id, 1)
    yield plan_id
    assert factories.broken_invariants(session) == []


def spread(session, actor, plan_id, lines=LATER, now=NOW):
    with unit_of_work(session):
        proposal = amendments.Proposal(plan_id, (), "Out of work until June", lines)
        return amendments.propose(session, actor, proposal, ORIGIN, now)


def accept(session, actor, plan_id, number=1, now=NOW):
    with unit_of_work(session):
        return amendments.accept(session, actor, plan_id, number, None, ORIGIN, now)


def shown(session, ada, plan_id, now=NOW):
    return [
        (line.number, line.owed, line.moved, str(line.status))
        for line in plan_of(session, ada, plan_id, now).installments
    ]


def test_what_is_owed_moves_to_the_new_installments_and_nothing_is_lost(session, shop, ada, plan_id):
    spread(session, shop, plan_id)
    assert shown(session, ada, plan_id) == [
        (1, 0, 0, "paid"),
        (2, 0, 3333, "moved"),
        (3, 0, 3333, "moved"),
        (4, 4000, 0, "pending"),
        (5, 1666, 0, "pending"),
        (6, 1000, 0, "pending"),
    ]
    plan = plan_of(session, ada, plan_id)
    assert (plan.owed, plan.count, plan.paid_count, plan.num_installments) == (6666, 4, 1, 3)
    cleared = session.execute(
        select(
            func.sum(Posting.amount).filter(Posting.debit == Account.RESCHEDULED),
            func.sum(Posting.amount).filter(Posting.credit == Account.RESCHEDULED),
        )
    ).one()
    session.rollback()
    assert tuple(cleared) == (6666, 6666)
    assert metrics.dashboard(session, shop, NOW).outstanding == 6666


def test_the_new_installments_are_paid_reminded_and_late_like_any(session, shop, ada, plan_id):
    spread(session, shop, plan_id)
    daily_run.run(session, NOW + 95 * DAY)
    then = NOW + 95 * DAY
    assert shown(session, ada, plan_id, then)[3] == (4, 4000, 0, "late")
    kinds = session.scalars(select(Message.kind).where(Message.kind == "reminder")).all()
    session.rollback()
    assert kinds
    pay(session, ada, plan_id, 4, now=then)
    pay(session, ada, plan_id, now=then)
    assert plan_of(session, ada, plan_id, then).state == "completed"


def test_a_worse_spread_waits_for_the_customer(session, shop, ada, plan_id):
    spread(session, shop, plan_id, SOONER)
    assert [line[1] for line in shown(session, ada, plan_id)] == [0, 3333, 3333]
    assert accept(session, ada, plan_id) == "in_force"
    assert [line[1] for line in shown(session, ada, plan_id)] == [0, 0, 0, 6666]
    kept = session.scalars(select(Amendment)).one()
    assert (kept.effect, kept.accepted_at) == ("worse", NOW)


def test_a_payment_meanwhile_withdraws_it(session, shop, ada, plan_id):
    spread(session, shop, plan_id, SOONER)
    factories.record(session, shop, plan_id, 500)
    assert accept(session, ada, plan_id) == "withdrawn"
    assert [line[1] for line in shown(session, ada, plan_id)] == [0, 2833, 3333]


def test_the_customer_asks_for_it_and_the_shops_yes_puts_it_in_force(session, shop, ada, plan_id):
    spread(session, ada, plan_id)
    assert len(shown(session, ada, plan_id)) == 3
    assert accept(session, shop, plan_id) == "in_force"
    assert len(shown(session, ada, plan_id)) == 6


def test_the_old_dates_come_back_as_new_installments_until_something_of_them_is_paid(
    session, shop, ada, plan_id
):
    spread(session, shop, plan_id)
    with unit_of_work(session):
        amendments.keep_old_dates(session, ada, plan_id, 1, ORIGIN, NOW + DAY)
    owing = [(line[0], line[1]) for line in shown(session, ada, plan_id) if line[1]]
    assert owing == [(7, 3333), (8, 3333)]
    spread(session, shop, plan_id)
    factories.record(session, shop, plan_id, 500)
    with pytest.raises(Conflict), unit_of_work(session):
        amendments.keep_old_dates(session, ada, plan_id, 3, ORIGIN, NOW + DAY)


def test_a_part_paid_installment_moves_its_rest_and_is_owed_again_when_the_payment_is_reversed(
    session, shop, ada, plan_id
):
    payment = factories.record(session, shop, plan_id, 500)
    spread(session, shop, plan_id, ((6166, date(2026, 6, 1)),))
    assert shown(session, ada, plan_id)[1] == (2, 0, 2833, "moved")
    factories.reverse(session, shop, plan_id, payment)
    assert shown(session, ada, plan_id)[1][1] == 500
    assert plan_of(session, ada, plan_id).owed == 6666


def test_a_refund_cancels_the_new_installments_from_the_end(session, shop, ada, plan_id):
    spread(session, shop, plan_id)
    factories.refund(session, shop, plan_id, 1500)
    assert [line[1] for line in shown(session, ada, plan_id)][3:] == [4000, 1166, 0]


@pytest.mark.parametrize(
    ("lines", "fields"),
    [
        ((), {"installments"}),
        (((6665, date(2026, 6, 1)),), {"installments"}),
        (((6667, date(2026, 6, 1)),), {"installments"}),
        (((6666, date(2026, 3, 1)),), {"installments.0.due_date"}),
        (((6665, date(2026, 6, 1)), (1, date(2026, 6, 1))), {"installments.1.due_date"}),
        (((6666, date(2026, 6, 1)), (0, date(2026, 7, 1))), {"installments.1.amount"}),
        (((3333, date(2026, 4, 2)), (3333, date(2026, 5, 2))), {"installments"}),
    ],
)
def test_lines_that_cannot_be_are_named(session, shop, ada, plan_id, lines, fields):
    with pytest.raises(InvalidInput) as refused:
        spread(session, shop, plan_id, lines)
    assert set(refused.value.errors) == fields
    session.rollback()


def test_the_event_says_over_how_many(session, shop, ada, plan_id):
    spread(session, shop, plan_id)
    facts = session.scalars(select(Event.facts).where(Event.kind == "amendment_in_force")).one()
    session.rollback()
    assert facts["spread"] == 3


def test_what_moved_stands_beside_what_is_overdue(session, shop, ada, plan_id):
    assert metrics.dashboard(session, shop, NOW).moved == 0
    spread(session, shop, plan_id)
    factories.record(session, shop, plan_id, 1500)
    assert metrics.dashboard(session, shop, NOW).moved == 5166
    rows = metrics.rows(session, shop, NOW, "moved", "30d")
    session.rollback()
    assert [row.value for row in rows.rows] == [2500, 1666, 1000]
