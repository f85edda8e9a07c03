"""Paying on the provider's page: opened, paid, declined, left, stopped and expired; real HTTP to a stand-in."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from portal.adapters.payments import Outcome
from portal.extensions import now
from portal.models import Event, Message, Payment, ProviderEvent
from portal.services import checkout_pages, provider_keys
from portal.services.payment_settlement import settle as settle_payment
from portal.services.payment_settlement import settle_pending
from portal.services.provider_events import settle_events
from portal.services.transaction import unit_of_work
from tests import factories
from tests.browserlike import form_at, sign_in, text


@pytest.fixture
def page_of(session, client, connected, ada, plan):
    """Begin to pay the first installment, and give the page's name at the provider."""
    sign_in(client, ada)

    def begin():
        answer = pay(client, plan)
        assert answer.status_code == 303, text(answer)
        return answer.headers["Location"].rpartition("/")[2]

    return begin


def pay(client, plan, **headers):
    url = f"/customer/installments/{plan.installments[0].id}/pay"
    page = f"/customer/plans/{plan.id}"
    return client.post(url, data=form_at(client, page, url), headers=headers)


def settle(session, doors):
    return settle_events(session, doors.gateway, now())


def payments_of(session):
    session.rollback()
    found = session.execute(select(*Payment.__table__.c).order_by(Payment.id)).all()
    session.rollback()
    return found


def state_of(session):
    return [p.state for p in payments_of(session)]


def kinds(session, table):
    found = list(session.scalars(select(table.kind).order_by(table.id)))
    session.rollback()
    return found


def test_paying_leads_to_the_page_and_a_signed_event_books_it(
    session, doors, client, standin, provider, page_of, plan
):
    page = page_of()
    assert state_of(session) == ["processing"]
    provider.pay(page)
    standin.send_webhooks()
    standin.send_webhooks()
    assert standin.answers == [200, 200], "the page, and the payment made on it"
    assert settle(session, doors) == {"events_handled": 2, "events_waiting": 0}
    (paid,) = payments_of(session)
    assert (paid.state, paid.provider, paid.provider_reference) == ("succeeded", "stripe_test", page)
    assert "payment_received" in kinds(session, Message)


def test_coming_back_proves_nothing(session, doors, client, page_of, plan):
    page_of()
    (begun,) = payments_of(session)
    assert client.get(f"/customer/payments/{begun.id}/return").status_code == 303
    assert state_of(session) == ["processing"]
    assert settle_pending(session, doors.gateway, now(), timedelta(0)) == {"settled": 0, "waiting": 1}


def test_with_htmx_the_browser_is_sent_by_a_header(client, connected, ada, plan):
    sign_in(client, ada)
    answer = pay(client, plan, **{"HX-Request": "true"})
    assert answer.status_code == 204 and "/pay/cs_test_" in answer.headers["HX-Redirect"]


def test_a_second_click_leads_to_the_same_page(session, client, standin, connected, ada, plan):
    sign_in(client, ada)
    url, page = f"/customer/installments/{plan.installments[0].id}/pay", f"/customer/plans/{plan.id}"
    form = form_at(client, page, url)
    first, second = (client.post(url, data=form).headers["Location"] for _ in range(2))
    assert first == second and len(payments_of(session)) == 1


def test_forms_may_lead_to_the_provider_only_where_it_takes_the_payments(
    client, standin, connected, ada, plan
):
    sign_in(client, ada)
    policy = client.get(f"/customer/plans/{plan.id}").headers["Content-Security-Policy"]
    assert f"form-action 'self' {standin.url};" in policy
    assert "form-action 'self';" in client.get("/account").headers["Content-Security-Policy"]


def test_the_customer_goes_on_to_the_same_page(session, client, page_of, plan):
    page = page_of()
    (begun,) = payments_of(session)
    assert "Stop this payment" in text(client.get("/customer/"))
    url = f"/customer/payments/{begun.id}/continue"
    answer = client.post(url, data=form_at(client, f"/customer/plans/{plan.id}", url))
    assert answer.headers["Location"].endswith(page)


def test_the_customer_stops_it_and_may_pay_again(session, client, provider, page_of, plan):
    page = page_of()
    (begun,) = payments_of(session)
    url = f"/customer/payments/{begun.id}/stop"
    client.post(url, data=form_at(client, f"/customer/plans/{plan.id}", url))
    assert state_of(session) == ["abandoned"] and provider.things[page]["status"] == "expired"
    assert page_of() != page and state_of(session) == ["abandoned", "processing"]


def test_what_was_paid_before_it_was_stopped_counts(session, client, provider, page_of, plan):
    page = page_of()
    (begun,) = payments_of(session)
    url = f"/customer/payments/{begun.id}/stop"
    form = form_at(client, f"/customer/plans/{plan.id}", url)
    provider.pay(page)
    client.post(url, data=form)
    assert state_of(session) == ["succeeded"]


def test_the_shop_stops_it_too(session, client, shop, page_of, plan):
    page_of()
    (begun,) = payments_of(session)
    client.delete_cookie("session")
    sign_in(client, shop)
    url = f"/merchant/plans/{plan.id}/payments/{begun.id}/stop"
    assert client.post(url, data=form_at(client, f"/merchant/plans/{plan.id}", url)).status_code == 303
    assert state_of(session) == ["abandoned"]


def test_after_thirty_minutes_the_job_closes_it(session, doors, provider, page_of):
    page = page_of()
    half_an_hour = now() + timedelta(minutes=30)
    assert settle_pending(session, doors.gateway, half_an_hour) == {"settled": 1, "waiting": 0}
    assert state_of(session) == ["abandoned"] and provider.things[page]["status"] == "expired"


def test_who_is_sent_to_the_page_after_the_payment_ended_finds_it_closed(
    session, doors, provider, connected, shop, ada, plan
):
    class Stalled:
        """So slow that the payment was given up meanwhile."""

        def __getattr__(self, name):
            return getattr(doors.gateway, name)

        def begin(self, charge):
            there = doors.gateway.begin(charge)
            ids = (shop.merchant_id, plan.id, charge.reference)
            settle_payment(session, *ids, Outcome.ABANDONED, now(), later=True)
            return there

    answer = factories.pay(session, ada, plan.id, 1, gateway=Stalled(), now=now())
    assert (answer.status, answer.url) == ("abandoned", None)
    assert [page["status"] for page in provider.all("checkout.session")] == ["expired"]


def test_a_page_whose_answer_was_lost_is_found_by_its_payment(
    session, doors, client, standin, provider, connected, ada, plan
):
    sign_in(client, ada)
    standin.faults.cut = 1
    assert pay(client, plan).status_code in (202, 303)
    standin.faults.cut = 0
    (page,) = provider.all("checkout.session")
    assert payments_of(session)[0].provider_reference is None
    provider.pay(page["id"])
    assert settle_pending(session, doors.gateway, now(), timedelta(0))["settled"] == 1
    assert state_of(session) == ["succeeded"] and len(provider.all("checkout.session")) == 1


@pytest.mark.parametrize("minutes", [9, 11, 29])
def test_a_page_that_was_never_opened_is_opened_soon_or_the_payment_ends(
    session, doors, standin, provider, connected, ada, plan, minutes
):
    """The provider opens no page that closes in less than thirty minutes, and none is asked for twice."""
    begun = now() - timedelta(minutes=minutes)
    standin.faults.unheard = 1
    asked = factories.pay(session, ada, plan.id, 1, gateway=doors.gateway, now=begun)
    standin.faults.unheard = 0
    assert asked.status == "processing" and provider.all("checkout.session") == []
    answer = checkout_pages.resume(session, doors.gateway, ada, asked.payment_id, now())
    assert answer.status == ("continue" if minutes < 10 else "abandoned")
    assert len(provider.all("checkout.session")) == (minutes < 10)
    again = factories.pay(session, ada, plan.id, 2, gateway=doors.gateway, now=now())
    assert again.status == "continue"


def test_a_page_whose_answer_was_lost_is_continued_later(
    session, doors, standin, provider, connected, ada, plan
):
    standin.faults.cut = 1
    asked = factories.pay(session, ada, plan.id, 1, gateway=doors.gateway, now=now())
    standin.faults.cut = 0
    (page,) = provider.all("checkout.session")
    page["created"] -= 15 * 60
    with unit_of_work(session):
        session.execute(update(Payment).values(created_at=now() - timedelta(minutes=15)))
    answer = checkout_pages.resume(session, doors.gateway, ada, asked.payment_id, now())
    assert answer.url == page["url"] and len(provider.all("checkout.session")) == 1


def test_events_doubled_late_and_out_of_order_book_once(session, doors, standin, provider, page_of):
    page = page_of()
    provider.tell("checkout.session.expired", provider.things[page])
    provider.pay(page)
    standin.faults.doubled = 1
    provider.tell("checkout.session.completed", provider.things[page])
    standin.send_webhooks()
    settle(session, doors)
    assert state_of(session) == ["succeeded"]
    assert kinds(session, Event).count("payment_succeeded") == 1


def test_an_event_of_another_amount_books_nothing(session, doors, standin, provider, page_of):
    page = page_of()
    provider.tell("checkout.session.completed", provider.things[page] | {"amount_total": 1})
    standin.send_webhooks()
    settle(session, doors)
    assert session.scalars(select(ProviderEvent.result)).all() == ["mismatch"]
    assert state_of(session) == ["processing"]


def test_money_that_comes_after_it_was_stopped_goes_back(
    session, doors, client, standin, provider, page_of, plan
):
    page = page_of()
    settle_pending(session, doors.gateway, now() + timedelta(minutes=30))
    provider.things[page] |= {"status": "open"}
    provider.pay(page)
    standin.send_webhooks()
    settle(session, doors)
    assert state_of(session) == ["returned"]
    assert [r["amount"] for r in provider.all("refund")] == [plan.installments[0].amount]
    assert {"payment_returned", "payment_returned_shop"} <= set(kinds(session, Message))
    settle(session, doors)
    assert len(provider.all("refund")) == 1


@pytest.mark.parametrize("ended", [Outcome.ABANDONED, Outcome.DECLINED])
def test_a_card_that_is_charged_after_cash_paid_the_rest_goes_back(
    session, doors, shop, ada, standin, provider, page_of, plan, ended
):
    page = page_of()
    (begun,) = payments_of(session)
    settle_payment(session, shop.merchant_id, plan.id, begun.id, ended, now(), later=True)
    assert state_of(session) == [str(ended)]
    factories.record(session, shop, plan.id, plan.total, now=now())
    provider.pay(page)
    standin.send_webhooks()
    settle(session, doors)
    assert state_of(session) == ["returned", "succeeded"]
    assert [r["amount"] for r in provider.all("refund")] == [plan.installments[0].amount]
    assert {"payment_returned", "payment_returned_shop"} <= set(kinds(session, Message))
    left = factories.plan_of(session, ada, plan.id, now())
    assert (left.state, left.owed, left.paid) == ("completed", 0, plan.total)
    assert factories.cash(session) == plan.total and factories.broken_invariants(session) == []


@pytest.fixture
def came_late(doors, session, shop, standin, provider, page_of, plan):
    """The page is paid after its payment had ended here and cash had paid the rest; what then comes is reported."""
    page = page_of()
    settle_pending(session, doors.gateway, now() + timedelta(minutes=30))
    factories.record(session, shop, plan.id, plan.total, now=now())
    provider.things[page] |= {"status": "open"}
    provider.pay(page)
    standin.send_webhooks()


@pytest.mark.parametrize("when", ["later", "at once", "before its end was noted"])
def test_a_return_of_money_that_came_late_is_reported_to_both_once_if_it_fails(
    session, doors, standin, provider, came_late, plan, when
):
    if when == "later":
        settle(session, doors)
        assert "payment_returned" in kinds(session, Message)
    else:
        provider.refund_status = "pending"
        assert settle(session, doors)["events_waiting"] == 2
    (back,) = provider.all("refund")
    provider.fail_refund(back["id"])
    provider.tell("refund.failed", back)
    if when != "at once":
        standin.send_webhooks()
    for _ in range(2):
        assert settle(session, doors)["events_waiting"] == 0
        standin.send_webhooks()
    failures = [kind for kind in kinds(session, Message) if kind.startswith("refund_failed")]
    assert failures == ["refund_failed_shop", "refund_failed"]
    assert kinds(session, Event).count("refund_failed") == 1
    assert "returned" in state_of(session) and len(provider.all("refund")) == 1
    assert factories.cash(session) == plan.total and factories.broken_invariants(session) == []


def test_a_return_of_money_that_came_late_that_the_provider_refuses_is_reported_too(
    session, doors, provider, came_late, plan
):
    paid = provider.all("payment_intent")[0]
    provider.refund({"payment_intent": paid["id"], "amount": paid["amount"]})
    assert settle(session, doors)["events_waiting"] == 0
    assert {"refund_failed_shop", "refund_failed"} <= set(kinds(session, Message))
    assert "payment_returned" not in kinds(session, Message) and "returned" in state_of(session)


def test_a_shop_whose_key_the_provider_refuses_takes_nothing(session, client, standin, connected, ada, plan):
    standin.closed = True
    sign_in(client, ada)
    answer = pay(client, plan)
    assert answer.status_code == 402 and "Nothing was charged" in text(answer)
    assert state_of(session) == ["declined"]


def test_a_live_key_that_was_removed_leaves_no_simulator_behind(
    session, doors, client, shop, standin, ada, plan
):
    provider_keys.connect(session, doors.stripe(), shop, "rk_live_harbor_1", now())
    provider_keys.remove(session, doors.stripe(), shop, now())
    sign_in(client, ada)
    answer = pay(client, plan)
    assert answer.status_code == 409 and "takes no card payments at the moment" in text(answer)
    assert payments_of(session) == []


def test_over_the_api_the_program_is_told_where_the_customer_pays(session, client, app, connected, ada, plan):
    fields = {"username": ada.username, "password": factories.PASSWORD}
    access = client.post("/api/token/", json=fields).json["access"]
    headers = {"Authorization": f"Bearer {access}", "Idempotency-Key": "once"}
    one = f"/api/plans/installments/{plan.installments[0].id}/pay/"
    answers = [client.post(one, headers=headers) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [202, 202]
    assert len({answer.json["continue_url"] for answer in answers}) == 1 and answers[0].json["processing"]
    some = client.post(
        f"/api/plans/{plan.id}/payments/",
        json={"amount": "1.00"},
        headers=headers | {"Idempotency-Key": "more"},
    )
    assert some.status_code == 409


@pytest.mark.parametrize(("currency", "total"), [("JPY", 100), ("KRW", 100), ("EUR", 10000)])
def test_amounts_are_told_in_the_units_of_the_currency(session, client, doors, standin, ada, currency, total):
    """Of a currency without decimals the provider takes whole units, as the portal counts them."""
    shop = factories.make_merchant(session, "Another Shop", now=now(), currency=currency)
    provider_keys.connect(session, doors.stripe(), shop, "rk_test_units_1", now())
    plan_id = factories.accepted_plan(session, shop, ada, now=now(), first=now().date(), total=total)
    plan = factories.plan_of(session, ada, plan_id, now())
    sign_in(client, ada)
    assert pay(client, plan).status_code == 303
    (page,) = standin.account("rk_test_units_1").all("checkout.session")
    assert page["currency"] == currency.lower()
    assert page["amount_total"] == plan.installments[0].amount == -(-total // 3)
