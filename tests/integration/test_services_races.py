"""Threads that pay at the same moment: one installment is paid once, and no payment of another is lost."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.adapters.payments.simulator import Simulator
from portal.core.errors import Conflict, InvalidInput
from portal.core.roles import Role
from portal.models import Event, Installment, Payment, User
from portal.services import accounts, offers, overdue, payments, plans
from portal.services.transaction import unit_of_work
from tests import factories
from tests.factories import NOW, ORIGIN, TODAY, accepted_plan, payment_for, plan_of


def at_once(session, *acts):
    """Do each act in a thread and a session of its own, all started together; returns what came of them."""
    start, engine = Barrier(len(acts)), session.get_bind()
    session.rollback()

    def run(act):
        with Session(engine, expire_on_commit=False) as own:
            start.wait(10)
            try:
                return act(own)
            except Conflict as refused:
                return refused.code

    with ThreadPoolExecutor(len(acts)) as threads:
        return list(threads.map(run, acts))


def paying(customer, order, key=None):
    return lambda session: payments.pay(session, Simulator(), customer, order, key, NOW)


@pytest.mark.parametrize("attempt", range(3))
def test_two_clicks_on_one_installment_pay_it_once(session, shop, ada, attempt):
    plan_id = accepted_plan(session, shop, ada)
    order = payment_for(plan_of(session, ada, plan_id), 1)
    answers = at_once(session, paying(ada, order), paying(ada, order))
    came_of_it = [getattr(answer, "status", answer) for answer in answers]
    assert came_of_it.count("paid") == 1
    assert set(came_of_it) - {"paid"} <= {"already_paid", "processing"}
    assert plan_of(session, ada, plan_id).paid == 3334
    assert len(session.scalars(select(Payment)).all()) == 1


def test_the_same_key_sent_by_eight_at_once_is_one_payment_and_one_answer(session, shop, ada):
    plan_id = accepted_plan(session, shop, ada)
    order = payment_for(plan_of(session, ada, plan_id), 1)
    answers = at_once(session, *[paying(ada, order, "one-key")] * 8)
    assert {answer.status for answer in answers} <= {"paid", "processing"}
    assert len({answer.payment_id for answer in answers}) == 1
    assert plan_of(session, ada, plan_id).paid == 3334


def test_eight_installments_paid_at_once_are_all_paid_and_complete_the_plan(session, shop, ada):
    plan_id = accepted_plan(session, shop, ada, total=8001, parts=8)
    plan = plan_of(session, ada, plan_id)
    answers = at_once(session, *[paying(ada, payment_for(plan, number)) for number in range(1, 9)])
    assert [answer.status for answer in answers] == ["paid"] * 8
    plan = plan_of(session, ada, plan_id)
    assert (plan.state, plan.paid, plan.owed) == ("completed", 8001, 0)
    assert sorted(session.scalars(select(Payment.number))) == list(range(1, 9))
    assert session.scalars(select(Event.kind)).all().count("plan_completed") == 1


def test_one_installment_and_everything_left_at_once_never_pay_it_twice(session, shop, ada):
    plan_id = accepted_plan(session, shop, ada)
    plan = plan_of(session, ada, plan_id)
    answers = at_once(session, paying(ada, payment_for(plan)), paying(ada, payment_for(plan, 2)))
    assert [getattr(answer, "status", "refused") for answer in answers].count("paid") == 1
    paid = plan_of(session, ada, plan_id).paid
    assert paid == sum(session.scalars(select(Payment.amount).where(Payment.state == "succeeded")))


def test_accepting_and_revoking_at_once_leaves_one_of_the_two(session, shop, ada):
    plan_id = factories.offered_plan(session, shop, ada.email)
    shown = plan_of(session, ada, plan_id).terms_hash

    def accept(own):
        with unit_of_work(own):
            offers.accept(own, ada, plan_id, shown, ORIGIN, NOW)
        return "active"

    def revoke(own):
        with unit_of_work(own):
            offers.revoke(own, shop, plan_id, NOW)
        return "revoked"

    answers = at_once(session, accept, revoke)
    state = plan_of(session, ada, plan_id).state
    assert state in answers
    assert len(set(answers) & {"active", "revoked"}) == 1


def test_two_shops_inviting_one_address_at_once_invite_one_person(session, shop):
    other = factories.make_merchant(session, "Other Shop")

    def offering(merchant):
        return lambda own: factories.offered_plan(own, merchant, "new.person@example.com")

    plan_ids = at_once(session, offering(shop), offering(other))
    assert len(set(plan_ids)) == 2
    invited = session.scalars(select(User).where(User.email == "new.person@example.com"))
    assert len(invited.all()) == 1


@pytest.mark.parametrize("invited", [False, True])
def test_of_two_people_signing_up_with_one_address_the_second_waits_and_is_refused(session, shop, invited):
    new = accounts.check_account(factories.account(Role.CUSTOMER, "New Person"))
    if invited:
        factories.offered_plan(session, shop, new.email)

    def open_account(own):
        with unit_of_work(own):
            return accounts.sign_up(own, new, factories.password_hash(), NOW)

    with Session(session.get_bind()) as own, ThreadPoolExecutor(1) as threads:
        with unit_of_work(session):
            accounts.find_or_invite(session, new.email, "en", NOW)
            second = threads.submit(open_account, own)
            with pytest.raises(TimeoutError):
                second.result(0.4)
            accounts.sign_up(session, new, factories.password_hash(), NOW)
        with pytest.raises(InvalidInput) as refused:
            second.result(5)
    assert list(refused.value.errors) == ["email"]


def test_whoever_changes_a_plan_waits_for_whoever_holds_it(session, shop, ada):
    plan_id = accepted_plan(session, shop, ada)
    order = payment_for(plan_of(session, ada, plan_id), 1)
    with Session(session.get_bind()) as own, ThreadPoolExecutor(1) as threads:
        with unit_of_work(session):
            plans.lock(session, shop.id, plan_id, NOW)
            payment = threads.submit(payments.pay, own, Simulator(), ada, order, None, NOW)
            with pytest.raises(TimeoutError):
                payment.result(0.4)
        assert payment.result(5).status == "paid"


@pytest.mark.parametrize("engine_name", ["postgres"], indirect=True)
def test_what_is_cancelled_while_it_is_being_marked_is_late_no_more(session, shop, ada):
    """On SQLite, with its one writer, the two cannot meet."""
    plan_id = accepted_plan(session, shop, ada, first=TODAY - timedelta(days=70))

    def cancel(own):
        with unit_of_work(own):
            plans.cancel(own, shop, plan_id, 10000, NOW)

    with Session(session.get_bind()) as own, ThreadPoolExecutor(1) as threads:
        with unit_of_work(session):
            assert overdue.mark(session, shop.id, "UTC", TODAY, NOW)[0] == 3
            cancelling = threads.submit(cancel, own)
            with pytest.raises(TimeoutError):
                cancelling.result(0.4)
        cancelling.result(5)
    assert session.scalars(select(Installment.late_on)).all() == [None] * 3
