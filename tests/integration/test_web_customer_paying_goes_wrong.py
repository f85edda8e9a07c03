"""A payment that is refused, declined or not answered says so on the web; nothing is charged that was not shown."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from portal.adapters.payments.simulator import TestCard as Card
from portal.extensions import now
from portal.models import Payment
from tests import factories
from tests.browserlike import Forms, form_at, sign_in, text

HTMX = {"HX-Request": "true"}


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_another_amount_than_shown_charges_nothing(client, session, ada, plan, headers):
    """Two tabs: what is left was shown as 100.00, then one part was paid elsewhere."""
    sign_in(client, ada)
    action = f"/customer/plans/{plan.id}/pay-off"
    fields = form_at(client, "/customer/", action)
    assert fields["amount"] == "10000"
    factories.pay(session, ada, plan.id, 1, now=now())
    refused = client.post(action, data=fields, headers=headers)
    assert refused.status_code == 409
    assert "The amount owed has changed. You can pay 66.66 here." in text(refused)
    shown = next(f.fields for f in Forms(text(refused)).all if f.action == action)
    assert shown["amount"] == "6666"
    assert shown["key"] != fields["key"]
    assert factories.cash(session) == 3334


@pytest.mark.parametrize("headers", [{}, HTMX])
@pytest.mark.parametrize(
    ("card", "words"),
    [(Card.DECLINED, "Your card was declined"), (Card.INSUFFICIENT_FUNDS, "does not have enough money")],
)
def test_a_declined_payment_says_so_and_can_be_tried_again(
    client, session, ada, plan, pay_first, headers, card, words
):
    factories.choose_card(session, ada, card)
    sign_in(client, ada)
    fields = form_at(client, "/customer/", pay_first)
    declined = client.post(pay_first, data=fields, headers=headers)
    assert declined.status_code == 402
    assert words in text(declined)
    assert 'href="/account"' in text(declined)
    assert client.post(pay_first, data=fields).status_code == 402
    assert factories.cash(session) == 0
    factories.choose_card(session, ada, Card.SUCCEEDS)
    again = next(f.fields for f in Forms(text(declined)).all if f.action == pay_first)
    assert client.post(pay_first, data=fields | again).status_code == 303
    assert factories.cash(session) == 3334


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_a_payment_without_an_answer_is_processing(client, session, ada, plan, pay_first, headers):
    factories.choose_card(session, ada, Card.TIMES_OUT)
    sign_in(client, ada)
    fields = form_at(client, "/customer/", pay_first)
    waiting = client.post(pay_first, data=fields, headers=headers)
    assert waiting.status_code == 202
    assert "Processing" in text(waiting)
    assert pay_first not in text(waiting)
    assert "pay-off" not in text(waiting)
    assert client.post(pay_first, data=fields).status_code == 202
    refused = client.post(pay_first, data=fields | {"key": ""})
    assert refused.status_code == 409
    assert "already being processed" in text(refused)
    session.rollback()
    assert session.scalars(select(func.count()).select_from(Payment)).one() == 1
    assert factories.cash(session) == 0


def test_another_customers_plan_does_not_exist(client, session, shop, ada, plan, pay_first):
    factories.pay(session, ada, plan.id, 2, now=now())
    payment = session.scalars(select(Payment.id)).one()
    eve = factories.make_customer(session, "Eve Other")
    sign_in(client, eve)
    token = {"csrf_token": form_at(client, "/customer/", "/logout")["csrf_token"]}
    for path in (pay_first, f"/customer/plans/{plan.id}/pay-off", f"/customer/plans/{plan.id}/pay-overdue"):
        for amount in ("3334", "6667", "", "x"):
            for headers in ({}, HTMX):
                answer = client.post(path, data=token | {"amount": amount}, headers=headers)
                assert answer.status_code == 404, (path, amount)
    assert client.get(f"/customer/plans/{plan.id}").status_code == 404
    assert client.get(f"/customer/payments/{payment}").status_code == 404
    assert factories.cash(session) == 3333


def test_a_shop_cannot_pay(client, session, shop, plan, pay_first):
    sign_in(client, shop)
    token = {"csrf_token": form_at(client, "/merchant/", "/logout")["csrf_token"]}
    for path in (pay_first, f"/customer/plans/{plan.id}/pay-off"):
        assert client.post(path, data=token | {"amount": "3334"}).status_code == 403
    assert factories.cash(session) == 0


def test_opening_an_address_pays_nothing(client, session, ada, plan, pay_first):
    sign_in(client, ada)
    for path in (pay_first, f"/customer/plans/{plan.id}/pay-off", f"/customer/plans/{plan.id}/pay-overdue"):
        assert client.get(path).status_code == 405
    assert factories.cash(session) == 0


@pytest.mark.parametrize("bad", ["", "x", "1.5", "-3334", "٣٣٣٤", "3_334", "NaN", "9" * 5000, "\0", "\ud800"])
def test_an_amount_that_is_none_is_refused(client, session, ada, plan, pay_first, bad):
    sign_in(client, ada)
    fields = form_at(client, "/customer/", pay_first)
    raw = bad.encode("utf-8", "surrogatepass")
    for headers in ({}, HTMX):
        answer = client.post(pay_first, data=fields | {"amount": raw}, headers=headers)
        assert answer.status_code == 422
        assert "nothing was charged" in text(answer)
    assert factories.cash(session) == 0


@pytest.mark.parametrize("bad", ["\0", "k" * 256, "with space", "k\n", "ключ"])
def test_a_key_that_cannot_be_kept_is_refused(client, session, ada, plan, pay_first, bad):
    sign_in(client, ada)
    fields = form_at(client, "/customer/", pay_first)
    answer = client.post(pay_first, data=fields | {"key": bad.encode("utf-8", "surrogatepass")})
    assert answer.status_code == 422
    assert factories.cash(session) == 0


@pytest.mark.parametrize(
    ("card", "words"),
    [(Card.TIMES_OUT, "is being processed"), (Card.DECLINED, "Your card was declined. Nothing was charged.")],
)
def test_a_payment_that_moved_nothing_is_no_receipt(client, session, ada, plan, card, words):
    factories.choose_card(session, ada, card)
    answer = factories.pay(session, ada, plan.id, 1, now=now())
    sign_in(client, ada)
    page = text(client.get(f"/customer/payments/{answer.payment_id}"))
    assert words in page
    assert "Receipt" not in page
