"""A suspended shop sells nothing and reminds nobody; what is owed to it is paid, and receipts go on."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from portal.adapters.payments.simulator import Simulator
from portal.core.errors import Conflict
from portal.extensions import now
from portal.models import Event, Merchant, Message, Reminder
from portal.services import accounts, daily_run, offers, outbox, payments, shops
from portal.services.transaction import unit_of_work
from tests import factories
from tests.browserlike import sign_in
from tests.factories import NOW, accepted_plan, offered_plan, payment_for, plan_of

LATER = NOW + timedelta(days=40)


@pytest.fixture
def boss(session):
    return factories.make_admin(session)


def suspend(session, boss, shop):
    with unit_of_work(session):
        shops.suspend(session, boss, shop.id, NOW)


def deactivate(session, boss, person):
    with unit_of_work(session):
        accounts.deactivate(session, boss, person.id, NOW)


@pytest.fixture(params=["suspended", "owner deactivated"])
def stop(request, session, boss):
    return {"suspended": suspend, "owner deactivated": deactivate}[request.param]


def code_of(act):
    with pytest.raises(Conflict) as conflict:
        act()
    return conflict.value.code


def test_its_offers_cannot_be_accepted_or_paid_into(session, shop, ada, boss, stop):
    plan_id = offered_plan(session, shop, ada.email)
    order = payment_for(plan_of(session, ada, plan_id), 1)
    stop(session, boss, shop)
    before = factories.row_counts(session)
    assert code_of(lambda: factories.accept(session, ada, plan_id)) == "shop_suspended"
    pay = lambda: payments.pay(session, Simulator(), ada, order, None, NOW, factories.ORIGIN)  # noqa: E731
    assert code_of(pay) == "shop_suspended"
    assert factories.row_counts(session) == before
    assert plan_of(session, ada, plan_id).state == "offered"
    with unit_of_work(session):
        offers.decline(session, ada, plan_id, NOW)


def test_it_sends_no_offers_until_the_suspension_is_lifted(session, shop, ada, boss):
    suspend(session, boss, shop)
    assert code_of(lambda: offered_plan(session, shop, ada.email)) == "shop_suspended"
    with unit_of_work(session):
        shops.lift_suspension(session, boss, shop.id, NOW)
    accepted_plan(session, shop, ada)
    kinds = session.scalars(select(Event.kind).where(Event.merchant_id == shop.id).order_by(Event.id)).all()
    assert kinds[:2] == ["shop_suspended", "shop_suspension_lifted"]


def test_what_is_owed_is_paid_and_receipted(session, shop, ada, boss, stop, delivered):
    plan_id = accepted_plan(session, shop, ada)
    stop(session, boss, shop)
    assert factories.pay(session, ada, plan_id, 1).status == "paid"
    assert "payment_received" in delivered()
    assert factories.broken_invariants(session) == []


def test_reminders_stop_and_go_on_again(session, shop, ada, boss):
    accepted_plan(session, shop, ada)
    suspend(session, boss, shop)
    daily_run.run(session, LATER, at_any_hour=True)
    assert session.scalars(select(Reminder.kind)).all() == []
    session.rollback()
    with unit_of_work(session):
        shops.lift_suspension(session, boss, shop.id, NOW)
    assert daily_run.run(session, LATER, at_any_hour=True)["reminders"] > 0


@pytest.fixture
def delivered(app, session):
    """Runs the delivery, and returns the kinds of emails that were sent."""

    def deliver():
        session.rollback()
        with app.test_request_context():
            real = app.extensions["adapters"]
            outbox.deliver(session, real.mailer, real.emails.write, lambda: LATER)
        sent = select(Message.kind).where(Message.state == "sent").order_by(Message.id)
        return session.scalars(sent).all()

    return deliver


def test_an_offer_that_waited_in_the_outbox_is_not_sent(session, shop, ada, boss, stop, delivered):
    offered_plan(session, shop, ada.email)
    stop(session, boss, shop)
    assert delivered() == []
    (message,) = session.scalars(select(Message).where(Message.kind == "offer_sent"))
    assert (message.state, message.error) == ("failed", "Not sent: the shop is suspended.")


def test_a_deactivated_customer_gets_no_emails_and_the_shop_does(session, shop, ada, boss, delivered):
    plan_id = accepted_plan(session, shop, ada)
    factories.pay(session, ada, plan_id, 1)
    deactivate(session, boss, ada)
    assert delivered() == ["plan_accepted_shop"]
    errors = session.scalars(select(Message.error).where(Message.user_id == ada.id)).all()
    assert set(errors) == {"Not sent: the recipient's account is deactivated."}


def test_the_parties_are_told_on_their_pages(session, app, shop, ada, boss):
    offer, plan_id = offered_plan(session, shop, ada.email, now=now()), accepted_plan(session, shop, ada)
    suspend(session, boss, shop)
    customer, merchant = app.test_client(), app.test_client()
    sign_in(customer, ada)
    sign_in(merchant, shop)
    card = "This shop is suspended. Your payments still count, and you can pay what you owe."
    assert card in customer.get(f"/customer/plans/{plan_id}").get_data(as_text=True)
    page = customer.get(f"/customer/plans/{offer}").get_data(as_text=True)
    assert "so its offers cannot be accepted" in page and "Accept plan" not in page
    assert "Your shop is suspended" in merchant.get(f"/merchant/plans/{plan_id}").get_data(as_text=True)
    deactivate(session, boss, ada)
    page = merchant.get(f"/merchant/plans/{plan_id}").get_data(as_text=True)
    assert "account is deactivated" in page
    assert "account is deactivated" not in merchant.get(f"/merchant/plans/{offer}").get_data(as_text=True)


def test_an_admin_suspends_and_lifts_on_the_shops_page(session, client, shop, boss):
    sign_in(client, boss)
    page = f"/admin/shops/{shop.id}"
    assert client.submit(f"{page}/suspend", {}, page=page).status_code == 303
    assert "Suspended on" in client.get(page).get_data(as_text=True)
    assert client.submit(f"{page}/lift", {}, page=page).status_code == 303
    assert client.submit(f"{page}/offers-per-day", {"offers_per_day": "7"}, page=page).status_code == 303
    assert session.get_one(Merchant, shop.id).offers_per_day == 7
    answer = client.submit(f"{page}/offers-per-day", {"offers_per_day": "many"}, page=page)
    assert answer.status_code == 422 and 'value="many"' in answer.get_data(as_text=True)
    session.rollback()
    assert "Shop suspension lifted" in client.get("/admin/audit").get_data(as_text=True)
