"""A shop writes off what is owed: a loss and no sales return, once, told to the customer, and never collected again."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from portal.core.errors import Conflict, Forbidden, InvalidInput, NotFound
from portal.models import Event, Message, Reminder
from portal.models.ledger import Posting
from portal.queries import metrics
from portal.services import reminders, write_offs
from portal.services.transaction import unit_of_work
from portal.services.write_offs import WriteOff
from tests import factories
from tests.factories import NOW, TODAY, accepted_plan, pay, plan_of

DAY = timedelta(days=1)


def write_off(session, actor, plan_id, shown=None, reason="", key=None):
    with unit_of_work(session):
        write_offs.write_off(session, actor, WriteOff(plan_id, reason, shown), NOW, key)


def test_what_is_owed_becomes_a_loss_and_what_was_paid_stays(session, shop, ada):
    plan_id = accepted_plan(session, shop, ada)
    pay(session, ada, plan_id, 1)
    factories.record(session, shop, plan_id, 1234)
    assert sum(write_offs.preview(session, shop, plan_id).values()) == 5432
    write_off(session, shop, plan_id, 5432)
    plan = plan_of(session, ada, plan_id)
    assert (plan.state, plan.owed, plan.written_off) == ("written_off", 0, 5432)
    assert [(i.paid, i.cancelled, i.written_off, i.status) for i in plan.installments] == [
        (3334, 0, 0, "paid"),
        (1234, 0, 2099, "written_off"),
        (0, 0, 3333, "written_off"),
    ]
    posted = session.execute(
        select(Posting.debit, Posting.credit, func.sum(Posting.amount)).group_by("debit", "credit")
    )
    assert set(map(tuple, posted)) == {
        ("receivable", "sales", 10000),
        ("cash", "receivable", 4568),
        ("write_offs", "receivable", 5432),
    }


def test_the_customer_is_told_and_the_activity_says_how_much_and_why(session, shop, ada):
    plan_id = accepted_plan(session, shop, ada)
    write_off(session, shop, plan_id, reason="  Moved away  ")
    email = session.scalars(select(Message).where(Message.kind == "plan_written_off")).one()
    assert (email.user_id, email.facts["owed"], email.facts["reason"]) == (ada.id, 10000, "Moved away")
    event = session.scalars(select(Event).where(Event.kind == "plan_written_off")).one()
    assert (event.actor_id, event.facts) == (shop.id, {"owed": 10000, "reason": "Moved away"})


def test_another_amount_than_the_preview_showed_is_a_conflict_with_the_figure(session, shop, ada):
    plan_id = accepted_plan(session, shop, ada)
    pay(session, ada, plan_id, 1)
    with pytest.raises(Conflict) as refused:
        write_off(session, shop, plan_id, 10000)
    assert (refused.value.code, refused.value.figure) == ("other_amount", 6666)
    assert plan_of(session, ada, plan_id).state == "active"


def test_while_a_payment_is_processing_nothing_is_written_off(session, shop, ada):
    plan_id = accepted_plan(session, shop, ada)
    factories.choose_card(session, ada, "times_out")
    pay(session, ada, plan_id, 1)
    for act in (write_offs.preview, write_off):
        with pytest.raises(Conflict) as refused:
            act(session, shop, plan_id)
        assert refused.value.code == "processing"
    assert plan_of(session, ada, plan_id).owed == 10000


def test_only_an_active_plan_can_be_written_off_and_only_once(session, shop, ada):
    offer = factories.offered_plan(session, shop, ada.email)
    completed, written_off = accepted_plan(session, shop, ada), accepted_plan(session, shop, ada)
    pay(session, ada, completed)
    write_off(session, shop, written_off)
    before = factories.row_counts(session)
    for plan_id, code in (
        (offer, "plan_offered"),
        (completed, "plan_completed"),
        (written_off, "plan_written_off"),
    ):
        with pytest.raises(Conflict) as refused:
            write_off(session, shop, plan_id)
        assert refused.value.code == code
    assert factories.row_counts(session) == before


def test_only_the_plans_shop_can_write_off(session, shop, ada):
    plan_id = accepted_plan(session, shop, ada)
    other = factories.make_merchant(session, "Other Shop")
    for actor, refusal in ((ada, Forbidden), (factories.make_admin(session), Forbidden), (other, NotFound)):
        with pytest.raises(refusal):
            write_off(session, actor, plan_id)


@pytest.mark.parametrize("reason", ["x" * 201, "two\nlines", "4111 1111 1111 1111"])
def test_a_bad_reason_is_named_and_changes_nothing(session, shop, ada, reason):
    plan_id = accepted_plan(session, shop, ada)
    with pytest.raises(InvalidInput) as refused:
        write_off(session, shop, plan_id, reason=reason)
    assert list(refused.value.errors) == ["reason"]
    assert plan_of(session, ada, plan_id).state == "active"


def test_the_same_key_again_changes_nothing(session, shop, ada):
    plan_id = accepted_plan(session, shop, ada)
    write_off(session, shop, plan_id, key="k")
    before = factories.row_counts(session)
    write_off(session, shop, plan_id, key="k")
    assert factories.row_counts(session) == before


def test_a_written_off_plan_cannot_be_paid_or_cancelled_and_nobody_is_reminded(session, shop, ada):
    plan_id = accepted_plan(session, shop, ada, first=TODAY + DAY)
    shown = factories.payment_for(plan_of(session, ada, plan_id), 1)
    write_off(session, shop, plan_id)
    with pytest.raises(Conflict) as refused:
        factories.payments.pay(session, factories.Simulator(), ada, shown, None, NOW)
    assert refused.value.code == "plan_written_off"
    with pytest.raises(Conflict), unit_of_work(session):
        factories.recording.record(
            session, shop, factories.Recording(plan_id, 100, factories.Method.CASH, TODAY), NOW
        )
    for day in range(40):
        for lines in reminders.batches(session, shop.id, shop.timezone, TODAY + day * DAY):
            with unit_of_work(session):
                reminders.queue(session, shop.id, TODAY + day * DAY, NOW, lines)
    assert session.scalar(select(func.count()).select_from(Reminder)) == 0


def test_what_was_paid_of_a_written_off_plan_can_be_refunded(session, shop, ada):
    plan_id = accepted_plan(session, shop, ada)
    pay(session, ada, plan_id, 1)
    write_off(session, shop, plan_id)
    with pytest.raises(InvalidInput):
        factories.refund(session, shop, plan_id, 3335)
    factories.refund(session, shop, plan_id, 3334)
    plan = plan_of(session, ada, plan_id)
    assert (plan.state, [i.returned for i in plan.installments]) == ("written_off", [3334, 0, 0])


def test_the_rates_count_it_as_not_paid(session, shop, ada):
    """Of three installments one was paid in time, one was due and one is due later; both of these were written off."""
    plan_id = accepted_plan(session, shop, ada, first=TODAY)
    pay(session, ada, plan_id, 1)
    later = NOW + 40 * DAY
    before = metrics.dashboard(session, shop, later, "90d")
    assert (str(before.success_rate), str(before.on_time_rate)) == ("50.00", "50.00")
    session.rollback()
    factories.write_off(session, shop, plan_id, now=later)
    after = metrics.dashboard(session, shop, later, "90d")
    assert (str(after.success_rate), str(after.success_rate_due)) == ("33.33", "50.00")
    assert (str(after.on_time_rate), after.overdue, after.outstanding) == ("50.00", 0, 0)
    assert (after.written_off, after.recovered, after.total_revenue) == (6666, 0, 3334)


@pytest.mark.parametrize("period", ["30d", "90d", "all"])
def test_each_number_of_it_is_the_sum_of_its_rows(session, shop, ada, period):
    for days in (0, 35):
        plan_id = accepted_plan(session, shop, ada, total=100 + days, parts=2)
        factories.write_off(session, shop, plan_id, now=NOW + days * DAY)
    later = NOW + 50 * DAY
    numbers = metrics.dashboard(session, shop, later, period)
    rows = metrics.rows(session, shop, later, "written_off", period).rows
    assert sum(row.value for row in rows) == numbers.written_off == {"30d": 135}.get(period, 235)
    rates = metrics.rows(session, shop, later, "success_rate", period).rows
    assert (len(rates), sum(row.value for row in rates), numbers.success_rate) == (4, 0, 0)


def test_a_reversal_opens_it_again_and_it_can_be_written_off_once_more(session, shop, ada):
    plan_id = accepted_plan(session, shop, ada, parts=1)
    payment_id = factories.record(session, shop, plan_id, 4000)
    write_off(session, shop, plan_id)
    factories.reverse(session, shop, plan_id, payment_id)
    plan = plan_of(session, ada, plan_id)
    assert (plan.state, plan.owed, plan.installments[0].status) == ("active", 4000, "pending")
    write_off(session, shop, plan_id, 4000)
    plan = plan_of(session, ada, plan_id)
    assert (plan.state, plan.written_off, plan.paid) == ("written_off", 10000, 0)
    emails = select(Message.facts).where(Message.kind == "plan_written_off").order_by(Message.id)
    assert [facts["owed"] for facts in session.scalars(emails)] == [6000, 4000]
