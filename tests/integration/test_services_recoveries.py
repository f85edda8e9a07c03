"""Money that comes in on a written-off plan: at most what was lost, told at once, and never owed or refunded."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from portal.core.errors import Conflict, InvalidInput
from portal.models import Event, Message, Payment
from portal.models.ledger import Posting
from portal.queries import metrics
from tests import factories
from tests.factories import NOW, accepted_plan, pay, plan_of

DAY = timedelta(days=1)


@pytest.fixture
def lost(session, shop, ada):
    """A plan of 100.00 in three of which 33.34 were paid, and the rest written off."""
    plan_id = accepted_plan(session, shop, ada)
    pay(session, ada, plan_id, 1)
    factories.write_off(session, shop, plan_id, reason="Moved away")
    return plan_id


def recover(session, shop, plan_id, amount, **more):
    return factories.record(session, shop, plan_id, amount, recovery=True, **more)


def lines(session, ada, plan_id):
    plan = plan_of(session, ada, plan_id)
    assert (plan.state, plan.owed) == ("written_off", 0)
    return [(i.paid, i.written_off, i.recovered, i.status) for i in plan.installments]


def test_it_lowers_the_loss_oldest_first_and_counts_as_cash(session, shop, ada, lost):
    payment_id = recover(session, shop, lost, 4000)
    assert lines(session, ada, lost) == [
        (3334, 0, 0, "paid"),
        (0, 3333, 3333, "written_off"),
        (0, 3333, 667, "written_off"),
    ]
    posted = session.execute(
        select(Posting.debit, Posting.credit, Posting.amount).where(Posting.payment_id == payment_id)
    )
    assert sorted(map(tuple, posted)) == [("cash", "write_offs", 667), ("cash", "write_offs", 3333)]
    numbers = metrics.dashboard(session, shop, NOW)
    assert (numbers.written_off, numbers.recovered, numbers.total_revenue) == (6666, 4000, 7334)
    month = metrics.month(session, shop, NOW.date().replace(day=1))
    assert (month.figures["recovered"], month.cash, month.closing) == (4000, 7334, 0)


def test_the_customer_is_told_and_the_receipt_has_the_next_number(session, shop, ada, lost):
    payment_id = recover(session, shop, lost, 1000, note="At the counter")
    email = session.scalars(select(Message).where(Message.kind == "debt_recovered")).one()
    event = session.scalars(select(Event).where(Event.kind == "debt_recovered")).one()
    assert (email.user_id, email.cause, event.actor_id) == (ada.id, payment_id, shop.id)
    assert email.facts["receipt"] == event.facts["receipt"] and event.facts["receipt"].endswith("-2")
    assert (event.facts["amount"], event.facts["note"]) == (1000, "At the counter")


@pytest.mark.parametrize("amount", [6667, 99, 0])
def test_more_than_was_lost_and_less_than_the_smallest_part_are_refused(session, shop, ada, lost, amount):
    before = factories.row_counts(session)
    with pytest.raises(InvalidInput) as refused:
        recover(session, shop, lost, amount)
    assert list(refused.value.errors) == ["amount"]
    assert factories.row_counts(session) == before


def test_all_of_it_can_be_recovered_in_parts_and_no_more(session, shop, ada, lost):
    recover(session, shop, lost, 6000)
    recover(session, shop, lost, 666)
    with pytest.raises(InvalidInput):
        recover(session, shop, lost, 100)
    assert sum(recovered for _, _, recovered, _ in lines(session, ada, lost)) == 6666


def test_what_is_owed_is_no_recovery_and_what_was_lost_is_no_payment(session, shop, ada, lost):
    active = accepted_plan(session, shop, ada)
    paid = accepted_plan(session, shop, ada, parts=1)
    pay(session, ada, paid)
    offered = factories.offered_plan(session, shop, ada.email)
    for plan_id, code in ((active, "plan_active"), (paid, "plan_completed"), (offered, "plan_offered")):
        with pytest.raises(Conflict) as refused:
            recover(session, shop, plan_id, 100)
        assert refused.value.code == code
    with pytest.raises(Conflict) as refused:
        factories.record(session, shop, lost, 100)
    assert refused.value.code == "plan_written_off"


def reopened(session, shop, ada):
    """A plan of 100.00 in one: 40.00 recorded, 60.00 written off, and the 40.00 bounced."""
    plan_id = accepted_plan(session, shop, ada, parts=1)
    payment_id = factories.record(session, shop, plan_id, 4000)
    factories.write_off(session, shop, plan_id)
    factories.reverse(session, shop, plan_id, payment_id)
    return plan_id


def pay_the_rest(session, shop, ada, plan_id):
    pay(session, ada, plan_id)


def cancel_the_rest(session, shop, ada, plan_id):
    factories.refund(session, shop, plan_id, 4000)


def lose_the_rest(session, shop, ada, plan_id):
    factories.write_off(session, shop, plan_id)


@pytest.mark.parametrize(
    ("ending", "state", "lost_at_last"),
    [
        (pay_the_rest, "completed", 6000),
        (cancel_the_rest, "cancelled", 6000),
        (lose_the_rest, "written_off", 10000),
    ],
)
def test_a_plan_that_was_opened_again_recovers_once_nothing_is_owed_however_it_ended(
    session, shop, ada, ending, state, lost_at_last
):
    plan_id = reopened(session, shop, ada)
    with pytest.raises(Conflict) as refused:
        recover(session, shop, plan_id, 1000)
    assert refused.value.code == "plan_active"
    ending(session, shop, ada, plan_id)
    with pytest.raises(InvalidInput) as too_much:
        recover(session, shop, plan_id, lost_at_last + 1)
    assert "can be recovered" in str(too_much.value.errors["amount"])
    payment_id = recover(session, shop, plan_id, 1000)
    plan = plan_of(session, ada, plan_id)
    assert (plan.state, plan.owed, plan.lost, plan.recordable) == (state, 0, lost_at_last - 1000, plan.lost)
    factories.reverse(session, shop, plan_id, payment_id)
    plan = plan_of(session, ada, plan_id)
    assert (plan.state, plan.owed, plan.lost) == (state, 0, lost_at_last)
    assert metrics.dashboard(session, shop, NOW).recovered == 0


def test_a_recovery_is_never_refunded(session, shop, ada, lost):
    recover(session, shop, lost, 6666)
    assert plan_of(session, ada, lost).refundable == 3334
    with pytest.raises(InvalidInput):
        factories.refund(session, shop, lost, 3335)
    factories.refund(session, shop, lost, 3334)
    assert [i.returned for i in plan_of(session, ada, lost).installments] == [3334, 0, 0]


def test_a_recovery_is_reversed_once_and_the_plan_stays_written_off(session, shop, ada, lost):
    payment_id = recover(session, shop, lost, 4000)
    factories.reverse(session, shop, lost, payment_id)
    assert [recovered for _, _, recovered, _ in lines(session, ada, lost)] == [0, 0, 0]
    numbers = metrics.dashboard(session, shop, NOW)
    assert (numbers.recovered, numbers.total_revenue, numbers.outstanding) == (0, 3334, 0)
    email = session.scalars(select(Message).where(Message.kind == "payment_reversed")).one()
    assert email.facts["recovery"] is True
    with pytest.raises(Conflict):
        factories.reverse(session, shop, lost, payment_id)
    recover(session, shop, lost, 6666)


def test_a_payment_recorded_before_is_still_reversed_into_a_debt(session, shop, ada):
    plan_id = accepted_plan(session, shop, ada, parts=1)
    payment_id = factories.record(session, shop, plan_id, 4000)
    factories.write_off(session, shop, plan_id)
    recover(session, shop, plan_id, 6000, now=NOW + DAY)
    factories.reverse(session, shop, plan_id, payment_id)
    plan = plan_of(session, ada, plan_id)
    assert (plan.state, plan.owed, plan.recovered) == ("active", 4000, 6000)
    paid_on = NOW.date() + 2 * DAY
    factories.record(session, shop, plan_id, 4000, now=NOW + 2 * DAY, received_on=NOW.date())
    plan = plan_of(session, ada, plan_id)
    assert (plan.state, plan.installments[0].status) == ("completed", "written_off")
    assert plan.installments[0].paid_on == NOW.date() != paid_on
    assert session.scalar(select(Payment.recovery).where(Payment.id == payment_id)) is False
