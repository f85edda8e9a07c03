"""A customer pays an amount of their own: what is due first is paid first, the buttons beside it pay what is left."""

from __future__ import annotations

import pytest

from portal.extensions import now
from tests import factories
from tests.browserlike import form_at, sign_in, text
from tests.integration.test_web_merchant_recording import HTMX, shown_form, words_of


@pytest.fixture
def customer(client, ada):
    sign_in(client, ada)
    return client


@pytest.fixture
def url(plan):
    return f"/customer/plans/{plan.id}/amount"


@pytest.fixture
def form(customer, plan, url):
    assert f'href="{url}"' in text(customer.get("/customer/"))
    return form_at(customer, url, url)


def owed(session, ada, plan):
    return [i.owed for i in factories.plan_of(session, ada, plan.id, now()).installments]


@pytest.mark.parametrize(
    ("page", "back"),
    [("/customer/plans/{}/amount", "/customer/"), ("/customer/plans/{}", "/customer/plans/{}")],
)
def test_an_amount_is_paid_on_its_own_page_and_on_that_of_the_plan(
    session, ada, customer, plan, url, page, back
):
    page, back = page.format(plan.id), back.format(plan.id)
    assert "Pay another amount" in text(customer.get(page))
    answer = customer.post(url, data=form_at(customer, page, url) | {"amount": "40"})
    assert (answer.status_code, answer.location) == (303, back)
    assert owed(session, ada, plan) == [0, 2667, 3333]
    shown = words_of(customer.get(back))
    for words in ("Thank you. $40.00 is paid.", "$6.66 of $33.33 paid", "Pay $26.67"):
        assert words in shown, words


def test_the_button_of_an_installment_pays_the_rest_of_it(session, ada, customer, plan, url, form):
    customer.post(url, data=form | {"amount": "10"})
    first = f"/customer/installments/{plan.installments[0].id}/pay"
    fields = form_at(customer, "/customer/", first)
    assert fields["amount"] == "2334"
    assert customer.post(first, data=fields).status_code == 303
    assert owed(session, ada, plan) == [0, 3333, 3333]


def test_the_preview_shows_what_it_pays_and_writes_nothing(session, customer, plan, url, form):
    before = factories.row_counts(session)
    part = customer.post(f"{url}/preview", data=form | {"amount": "40"}, headers=HTMX)
    assert "<h1" not in text(part)
    whole = customer.post(f"{url}/preview", data=form | {"amount": "40"})
    assert "<h1" in text(whole)
    for shown in map(words_of, (part, whole)):
        for words in ("$33.34 paid, $0.00 left", "$6.66 paid, $26.67 left"):
            assert words in shown, words
    assert factories.row_counts(session) == before


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("100.01", "At most 100.00 is owed."),
        ("0.99", "Enter at least 1.00, or all that is owed."),
        ("much", "Enter an amount in digits"),
        ("", "Enter an amount in digits"),
    ],
)
def test_what_cannot_be_paid_is_said_at_the_field(session, customer, url, form, typed, message):
    before = factories.row_counts(session)
    for address in (url, f"{url}/preview"):
        answer = customer.post(address, data=form | {"amount": typed})
        assert (answer.status_code, 'id="amount-error"' in text(answer)) == (422, True)
        assert message in text(answer) and f'value="{typed}"' in text(answer)
    assert factories.row_counts(session) == before


def test_one_form_pays_once(session, ada, customer, plan, url, form):
    assert [customer.post(url, data=form | {"amount": "40"}).status_code for _ in range(2)] == [303, 303]
    assert sum(owed(session, ada, plan)) == 6000


def test_what_was_recorded_meanwhile_is_shown_before_anything_is_charged(
    session, ada, shop, customer, plan, url, form
):
    factories.record(session, shop, plan.id, 5000, now=now())
    refused = customer.post(url, data=form | {"amount": "40"})
    assert (refused.status_code, "The amount owed has changed" in text(refused)) == (409, True)
    assert sum(owed(session, ada, plan)) == 5000
    again = shown_form(refused, url) | {"amount": "40"}
    assert (again["owed"], customer.post(url, data=again).status_code) == ("5000", 303)


def test_a_declined_card_and_no_answer_say_so(session, ada, customer, plan, url, form):
    for card, status in (("declined", 402), ("times_out", 202)):
        factories.choose_card(session, ada, card)
        assert customer.post(url, data=form | {"amount": "40", "key": card}).status_code == status
    # While it has no answer there is nothing to choose.
    assert url not in text(customer.get("/customer/"))
    assert sum(owed(session, ada, plan)) == 10000
