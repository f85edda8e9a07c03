"""A customer pays on the web, with and without script; money moves once, and only the amount that was shown."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from portal.extensions import now
from tests import factories
from tests.browserlike import form_at, sign_in, text

HTMX = {"HX-Request": "true"}


def test_one_click_pays_one_installment(client, session, ada, plan, pay_first, count_statements):
    sign_in(client, ada)
    fields = form_at(client, "/customer/", pay_first)
    with count_statements() as statements:
        paid = client.post(pay_first, data=fields)
    assert (paid.status_code, paid.location) == (303, "/customer/")
    assert len(statements) <= 16, "\n".join(statements)
    home = text(client.get("/customer/"))
    assert "Thank you. $33.34 is paid." in home
    assert "1 of 3 paid" in home
    assert pay_first not in home
    assert factories.cash(session) == 3334


def test_the_plan_page_is_where_its_forms_lead_back_to(client, session, ada, plan, pay_first):
    sign_in(client, ada)
    page = f"/customer/plans/{plan.id}"
    fields = form_at(client, page, pay_first)
    paid = client.post(pay_first, data=fields)
    assert (paid.status_code, paid.location) == (303, page)
    assert f"{plan.reference}-1" in text(client.get(page))


def test_htmx_swaps_the_card_and_the_totals(client, session, ada, plan, pay_first, count_statements):
    sign_in(client, ada)
    fields = form_at(client, "/customer/", pay_first)
    with count_statements() as statements:
        paid = client.post(pay_first, data=fields, headers=HTMX)
    answer = text(paid)
    assert paid.status_code == 200
    assert len(statements) <= 18, "\n".join(statements)
    assert answer.lstrip().startswith(f'<article id="plan-{plan.id}"')
    assert '<section id="totals" class="due" hx-swap-oob="true"' in answer
    assert "1 of 3 paid" in answer
    assert "<html" not in answer
    assert json.loads(paid.headers["HX-Trigger"])["toast"]["text"] == "Thank you. $33.34 is paid."
    assert factories.cash(session) == 3334


def test_htmx_on_the_plan_page_swaps_the_card_and_has_the_history_follow(
    client, session, ada, plan, pay_first, count_statements
):
    sign_in(client, ada)
    page = f"/customer/plans/{plan.id}"
    fields = form_at(client, page, pay_first)
    with count_statements() as statements:
        paid = client.post(pay_first, data=fields, headers=HTMX)
    assert len(statements) <= 18, "\n".join(statements)
    assert text(paid).lstrip().startswith(f'<article id="plan-{plan.id}"')
    assert paid.headers["HX-Trigger-After-Settle"] == "plan-changed"
    history = text(client.get(page, headers=HTMX))
    assert 'hx-trigger="plan-changed from:body"' in history
    assert f"receipt {plan.reference}-1" in history
    assert "<html" not in history


@pytest.mark.parametrize(("headers", "most"), [({}, 17), (HTMX, 19)])
def test_the_last_payment_stays_within_its_statements(
    client, session, ada, plan, count_statements, headers, most
):
    factories.pay(session, ada, plan.id, 1, now=now())
    factories.pay(session, ada, plan.id, 2, now=now())
    sign_in(client, ada)
    action = f"/customer/installments/{plan.installments[2].id}/pay"
    fields = form_at(client, "/customer/", action)
    with count_statements() as statements:
        paid = client.post(action, data=fields, headers=headers)
    assert len(statements) <= most, "\n".join(statements)
    after = text(paid) if headers else text(client.get("/customer/"))
    assert "Everything is paid" in after
    assert "Nothing is due." in after


def test_a_program_need_not_name_the_plan(client, session, ada, plan, pay_first):
    sign_in(client, ada)
    fields = form_at(client, "/customer/", pay_first)
    del fields["plan"]
    assert client.post(pay_first, data=fields).status_code == 303
    assert factories.cash(session) == 3334


def test_naming_another_plan_finds_nothing(client, session, shop, ada, plan, pay_first):
    other = factories.accepted_plan(session, shop, ada, now=now(), first=now().date())
    sign_in(client, ada)
    fields = form_at(client, "/customer/", pay_first)
    assert client.post(pay_first, data=fields | {"plan": str(other)}).status_code == 404
    assert factories.cash(session) == 0


def test_the_same_key_pays_once_and_answers_alike(client, session, ada, plan, pay_first):
    sign_in(client, ada)
    fields = form_at(client, "/customer/", pay_first)
    answers = [client.post(pay_first, data=fields) for _ in range(3)]
    assert [a.status_code for a in answers] == [303, 303, 303]
    assert factories.cash(session) == 3334


def test_without_a_key_what_is_paid_is_not_paid_again(client, session, ada, plan, pay_first):
    sign_in(client, ada)
    fields = form_at(client, "/customer/", pay_first)
    del fields["key"]
    assert client.post(pay_first, data=fields).status_code == 303
    again = client.post(pay_first, data=fields)
    assert again.status_code == 409
    assert "already paid" in text(again)
    assert factories.cash(session) == 3334


def test_the_buttons_of_a_form_have_keys_of_their_own(client, session, ada, plan, pay_first):
    """A page that is shown again by the browser's back button still has the buttons of what is not paid."""
    sign_in(client, ada)
    fields = form_at(client, "/customer/", pay_first)
    other = f"/customer/installments/{plan.installments[1].id}/pay"
    answers = [
        client.post(pay_first, data=fields),
        *(client.post(other, data=fields | {"amount": "3333"}) for _ in "12"),
    ]
    assert [answer.status_code for answer in answers] == [303, 303, 303]
    assert factories.cash(session) == 3334 + 3333


def test_a_key_for_another_amount_is_refused(client, session, ada, plan, pay_first):
    sign_in(client, ada)
    fields = form_at(client, "/customer/", pay_first)
    client.post(pay_first, data=fields)
    assert client.post(pay_first, data=fields | {"amount": "3333"}).status_code == 422
    assert factories.cash(session) == 3334


def test_all_that_is_late_and_all_that_is_left(client, session, shop, ada):
    past = now() - timedelta(days=40)
    plan_id = factories.accepted_plan(session, shop, ada, now=past, first=past.date())
    sign_in(client, ada)
    overdue, rest = f"/customer/plans/{plan_id}/pay-overdue", f"/customer/plans/{plan_id}/pay-off"
    assert form_at(client, "/customer/", overdue)["amount"] == "6667"
    assert client.post(overdue, data=form_at(client, "/customer/", overdue)).status_code == 303
    assert factories.cash(session) == 6667
    home = text(client.get("/customer/"))
    assert "Pay overdue" not in home
    assert "Pay off" not in home, "one installment is left, and it has a button of its own"
    fields = {"csrf_token": form_at(client, "/customer/", "/logout")["csrf_token"], "amount": "3333"}
    assert client.post(rest, data=fields).status_code == 303
    assert "Everything is paid" in text(client.get(f"/customer/plans/{plan_id}"))


def test_a_receipt_names_who_what_and_when(client, session, shop, ada, plan):
    answer = factories.pay(session, ada, plan.id, now=now())
    sign_in(client, ada)
    receipt = text(client.get(f"/customer/payments/{answer.payment_id}"))
    for words in (f"Receipt {plan.reference}-1", "$100.00", "Corner Shop", "Ada Buyer", ada.email, "$33.34"):
        assert words in receipt
    assert receipt.count("$33.33") == 2
