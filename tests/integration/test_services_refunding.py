"""A refund cancels what is owed from the end, returns the rest newest first, and does exactly what was previewed."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from portal.adapters.payments.simulator import Simulator
from portal.core.errors import Conflict, Forbidden, InvalidInput, NotFound
from portal.models import Event, Installment, Message, Refund
from portal.models.ledger import Posting
from portal.services import daily_run, plans, refunds
from tests import factories
from tests.factories import NOW, TODAY, accepted_plan, pay, plan_of


def refund(session, merchant, plan_id, amount, key=None, *, now=NOW):
    """Look at the preview and confirm it, as the form does."""
    session.rollback()
    shown = refunds.preview(session, merchant, plan_id, amount).fingerprint
    return refunds.refund(session, Simulator(), merchant, refunds.Request(plan_id, amount, shown), key, now)


def balances(session):
    """Every account's balance, debits less credits, in minor units."""
    session.rollback()
    sums = session.execute(
        select(Posting.debit, Posting.credit, func.sum(Posting.amount)).group_by(
            Posting.debit, Posting.credit
        )
    )
    accounts = dict.fromkeys(("receivable", "cash", "sales", "refunds"), 0)
    for debit, credit, amount in sums:
        accounts[debit] += int(amount)
        accounts[credit] -= int(amount)
    return tuple(accounts.values())


def rows(session, customer, plan_id):
    lines = plan_of(session, customer, plan_id).installments
    return [(i.amount, i.paid, i.cancelled, i.returned) for i in lines]


def test_the_worked_example_to_the_cent(session, shop, ada):
    plan_id = accepted_plan(session, shop, ada)
    assert balances(session) == (10000, 0, -10000, 0)
    pay(session, ada, plan_id, 1)
    assert balances(session) == (6666, 3334, -10000, 0)

    first = refund(session, shop, plan_id, 5000)
    assert (first.status, first.cancelled, first.to_return, first.returned) == ("succeeded", 5000, 0, 0)
    assert rows(session, ada, plan_id) == [(3334, 3334, 0, 0), (3333, 0, 1667, 0), (3333, 0, 3333, 0)]
    assert balances(session) == (1666, 3334, -10000, 5000)
    assert plan_of(session, ada, plan_id).state == "active"

    assert pay(session, ada, plan_id).amount == 1666
    assert balances(session) == (0, 5000, -10000, 5000)
    assert plan_of(session, ada, plan_id).state == "completed"

    rest = refund(session, shop, plan_id, 5000)
    assert (rest.status, rest.cancelled, rest.to_return, rest.returned) == ("succeeded", 0, 5000, 5000)
    assert rows(session, ada, plan_id) == [
        (3334, 3334, 0, 3334),
        (3333, 1666, 1667, 1666),
        (3333, 0, 3333, 0),
    ]
    assert balances(session) == (0, 0, -10000, 10000)
    assert plan_of(session, ada, plan_id).state == "completed"
    back = session.execute(select(Posting.amount).where(Posting.credit == "cash").order_by(Posting.id))
    assert [amount for (amount,) in back] == [1666, 3334]


def test_eighty_of_a_hundred_in_four_cancels_three_and_gives_five_back(session, shop, ada):
    plan_id = accepted_plan(session, shop, ada, parts=4)
    pay(session, ada, plan_id, 1)
    answer = refund(session, shop, plan_id, 8000)
    assert (answer.status, answer.cancelled, answer.returned) == ("succeeded", 7500, 500)
    assert rows(session, ada, plan_id) == [(2500, 2500, 0, 500), *[(2500, 0, 2500, 0)] * 3]
    assert balances(session) == (0, 2000, -10000, 8000)
    plan = plan_of(session, ada, plan_id)
    assert (plan.state, plan.paid_count, plan.count) == ("completed", 1, 1)


def test_the_preview_is_what_is_done(session, shop, ada):
    plan_id = accepted_plan(session, shop, ada, parts=4)
    pay(session, ada, plan_id, 2)
    pay(session, ada, plan_id, 1)
    shown = refunds.preview(session, shop, plan_id, 7600)
    assert (shown.most, shown.state) == (10000, "completed")
    answer = refunds.refund(
        session, Simulator(), shop, refunds.Request(plan_id, 7600, shown.fingerprint), None, NOW
    )
    assert answer.split == refunds.split_facts(shown.split)
    numbers = {i.id: i.number for i in plan_of(session, ada, plan_id).installments}
    assert [(numbers[i], amount) for i, amount in shown.split.cancelled] == [(4, 2500), (3, 2500)]
    # The second payment was for the first installment, so that is what goes back first.
    assert [(numbers[r.installment_id], r.amount) for r in shown.split.returned] == [(1, 2500), (2, 100)]
    assert [line[3] for line in rows(session, ada, plan_id)] == [2500, 100, 0, 0]


def test_a_preview_writes_nothing(session, shop, ada):
    plan_id = accepted_plan(session, shop, ada)
    before = factories.row_counts(session)
    refunds.preview(session, shop, plan_id, 5000)
    assert refunds.most_refundable(session, shop, plan_id) == 10000
    assert not session.new | session.dirty
    assert factories.row_counts(session) == before


@pytest.mark.parametrize(
    ("paid", "amount", "state"),
    [
        ((), 9999, "active"),
        ((), 10000, "cancelled"),
        ((1,), 6666, "completed"),
        ((1,), 9999, "completed"),
        ((1,), 10000, "cancelled"),
        ((1, 2, 3), 10000, "completed"),
    ],
)
def test_the_state_afterwards_follows_from_what_is_owed_and_kept(session, shop, ada, paid, amount, state):
    plan_id = accepted_plan(session, shop, ada)
    for number in paid:
        pay(session, ada, plan_id, number)
    assert refunds.preview(session, shop, plan_id, amount).state == state
    refund(session, shop, plan_id, amount)
    assert plan_of(session, ada, plan_id).state == state
    kinds = session.scalars(select(Event.kind).where(Event.plan_id == plan_id)).all()
    ended = {"active": [], "cancelled": ["plan_cancelled"], "completed": ["plan_completed"]}[state]
    assert [kind for kind in kinds if kind in ("plan_cancelled", "plan_completed")] == ended


def test_what_was_kept_when_a_plan_was_cancelled_can_be_refunded_and_it_stays_cancelled(session, shop, ada):
    plan_id = accepted_plan(session, shop, ada)
    pay(session, ada, plan_id, 1)
    with factories.unit_of_work(session):
        plans.cancel(session, shop, plan_id, 6666, NOW)
    assert refunds.most_refundable(session, shop, plan_id) == 3334
    session.rollback()
    assert refund(session, shop, plan_id, 3334).returned == 3334
    assert plan_of(session, ada, plan_id).state == "cancelled"
    assert balances(session) == (0, 0, -10000, 10000)


def test_the_customer_gets_one_email_with_the_old_and_the_new_schedule(session, shop, ada):
    plan_id = accepted_plan(session, shop, ada)
    pay(session, ada, plan_id, 1)
    answer = refund(session, shop, plan_id, 5000)
    email = session.scalars(select(Message).where(Message.kind == "refund_made")).one()
    assert (email.user_id, email.cause, email.state) == (ada.id, answer.refund_id, "queued")
    assert [email.facts[name] for name in ("amount", "cancelled", "to_return")] == [5000, 5000, 0]
    lines = [(i["number"], i["due_on"], i["cancelled"], i["returned"]) for i in email.facts["changes"]]
    assert lines == [(2, "2026-04-02", 1667, 0), (3, "2026-05-02", 3333, 0)]


def test_the_timeline_says_who_refunded_and_what_came_back(session, shop, ada):
    plan_id = accepted_plan(session, shop, ada)
    pay(session, ada, plan_id)
    answer = refund(session, shop, plan_id, 4000)
    made = session.scalars(select(Event).where(Event.kind == "refund_made")).one()
    assert (made.actor_id, made.facts["refund"], made.facts["amount"]) == (
        shop.id,
        str(answer.refund_id),
        4000,
    )
    back = session.scalars(select(Event).where(Event.kind == "refund_returned")).one()
    assert (back.facts["returned"], back.facts["to_return"], back.facts["currency"]) == (4000, 4000, "USD")


def test_what_was_late_and_is_cancelled_whole_is_late_no_more(session, shop, ada):
    plan_id = accepted_plan(session, shop, ada, first=TODAY - timedelta(days=70))
    daily_run.run(session, NOW)
    refund(session, shop, plan_id, 5000)
    plan = plan_of(session, ada, plan_id)
    assert [i.status for i in plan.installments] == ["late", "late", "cancelled"]
    assert plan.overdue_amount == 5000
    stamps = session.scalars(select(Installment.late_on).order_by(Installment.number)).all()
    assert stamps == [TODAY, TODAY, None]


@pytest.mark.parametrize("amount", [0, -1, 10001, 10**13])
def test_an_amount_that_cannot_be_refunded_is_refused_at_its_field(session, shop, ada, amount):
    plan_id = accepted_plan(session, shop, ada)
    before = factories.row_counts(session)
    for attempt in (
        lambda: refunds.preview(session, shop, plan_id, amount),
        lambda: refunds.refund(session, Simulator(), shop, refunds.Request(plan_id, amount), "key", NOW),
    ):
        with pytest.raises(InvalidInput) as refused:
            attempt()
        assert list(refused.value.errors) == ["amount"]
    assert factories.row_counts(session) == before


def test_no_more_than_the_rest_can_be_refunded_however_often(session, shop, ada):
    plan_id = accepted_plan(session, shop, ada)
    pay(session, ada, plan_id, 1)
    for amount in (4000, 3000, 2999):
        refund(session, shop, plan_id, amount)
    with pytest.raises(InvalidInput):
        refund(session, shop, plan_id, 2)
    refund(session, shop, plan_id, 1)
    with pytest.raises(InvalidInput):
        refund(session, shop, plan_id, 1)
    assert sum(session.scalars(select(Refund.amount))) == 10000


def test_only_the_plans_own_shop_can_refund_or_look(session, shop, ada):
    plan_id = accepted_plan(session, shop, ada)
    other = factories.make_merchant(session, "Other Shop")
    with pytest.raises(NotFound):
        refunds.preview(session, other, plan_id, 100)
    with pytest.raises(NotFound):
        refunds.most_refundable(session, other, plan_id)
    request = refunds.Request(plan_id, 100)
    admin = factories.make_admin(session)
    for actor, refusal in ((other, NotFound), (ada, Forbidden), (admin, Forbidden)):
        with pytest.raises(refusal):
            refunds.refund(session, Simulator(), actor, request, None, NOW)
    assert factories.row_counts(session)["refunds"] == 0


def test_an_offer_has_nothing_to_refund(session, shop, ada):
    plan_id = factories.offered_plan(session, shop, ada.email)
    assert refunds.most_refundable(session, shop, plan_id) == 0
    for attempt in (
        lambda: refunds.preview(session, shop, plan_id, 100),
        lambda: refunds.refund(session, Simulator(), shop, refunds.Request(plan_id, 100), None, NOW),
    ):
        with pytest.raises(Conflict) as refused:
            attempt()
        assert refused.value.code == "plan_offered"


def test_the_email_lists_the_installments_that_changed_and_no_other(session, shop, ada):
    """100.00 in three, the first two paid: 40.00 refunded cancels the third and takes the rest from the second."""
    plan_id = accepted_plan(session, shop, ada)
    for number in (1, 2):
        pay(session, ada, plan_id, number)
    refund(session, shop, plan_id, 4000)
    email = session.scalars(select(Message).where(Message.kind == "refund_made")).one()
    assert [(line["number"], line["cancelled"], line["returned"]) for line in email.facts["changes"]] == [
        (2, 0, 667),
        (3, 3333, 0),
    ]
