"""A shop refunds through its pages: what the preview shows is what is done, once, and nothing else."""

from __future__ import annotations

import pytest

from portal.adapters.payments.simulator import TestCard as Card
from portal.extensions import now
from portal.queries import self_check
from tests import factories
from tests.browserlike import Forms, text

HTMX = {"HX-Request": "true"}


@pytest.fixture
def plan(session, shop, ada):
    """100.00 in three, accepted today, the first part of 33.34 paid."""
    plan_id = factories.accepted_plan(session, shop, ada, now=now(), first=now().date())
    factories.pay(session, ada, plan_id, 1, now=now())
    return factories.plan_of(session, ada, plan_id, now())


@pytest.fixture
def merchant(client, shop):
    assert client.submit("/login", {"email": shop.email, "password": factories.PASSWORD}).status_code == 303
    return client


def previewed(client, plan, amount):
    """Where the preview's form goes, and its fields."""
    url = f"/merchant/plans/{plan.id}/refund"
    return url, next(
        f.fields for f in Forms(text(client.get(f"{url}?amount={amount}"))).all if "key" in f.fields
    )


@pytest.fixture
def refund(merchant, plan):
    """Asks for a preview of an amount and sends the form that it shows."""

    def send(shown, **changed):
        url, fields = previewed(merchant, plan, shown)
        return merchant.post(url, data=fields | changed)

    return send


@pytest.fixture(autouse=True)
def books_are_sound(session):
    yield
    session.rollback()
    assert [finding for finding in self_check.run(session) if finding.broken] == []


def rows(session, ada, plan):
    found = factories.plan_of(session, ada, plan.id, now())
    return [(i.paid, i.cancelled, i.returned) for i in found.installments]


def test_the_preview_shows_what_every_installment_loses(merchant, plan):
    page = text(merchant.get(f"/merchant/plans/{plan.id}/refund?amount=80", headers=HTMX))
    assert page.lstrip().startswith('<section id="refund-preview"')
    for shown in ("$66.66", "$13.34", "Refund $80.00", "Completed"):
        assert shown in page


@pytest.mark.parametrize("typed", ["80,00", "$80", "USD%2080", "80%C2%A0US$"])
def test_an_amount_is_typed_as_people_write_it(session, ada, refund, plan, typed):
    assert refund(typed).status_code == 303
    assert rows(session, ada, plan) == [(3334, 0, 1334), (0, 3333, 0), (0, 3333, 0)]


def test_a_refund_does_what_its_preview_showed(session, ada, refund, merchant, plan):
    answer = refund("80")
    assert answer.status_code == 303
    assert rows(session, ada, plan) == [(3334, 0, 1334), (0, 3333, 0), (0, 3333, 0)]
    page = text(merchant.get(answer.location))
    assert "$66.66 cancelled" in page
    assert "Completed" in page


def test_sending_the_same_form_twice_refunds_once(session, ada, merchant, plan):
    url, fields = previewed(merchant, plan, 50)
    assert [merchant.post(url, data=fields).status_code for _ in range(2)] == [303, 303]
    assert rows(session, ada, plan) == [(3334, 0, 0), (0, 1667, 0), (0, 3333, 0)]


def test_a_preview_that_no_longer_holds_is_refused_and_shown_anew(session, ada, merchant, plan):
    url, fields = previewed(merchant, plan, 50)
    factories.pay(session, ada, plan.id, 3, now=now())
    answer = merchant.post(url, data=fields)
    assert answer.status_code == 409
    assert "Something changed since this preview" in text(answer)
    assert rows(session, ada, plan) == [(3334, 0, 0), (0, 0, 0), (3333, 0, 0)]


@pytest.mark.parametrize("amount", ["0", "-1", "100.01", "1.234", "NaN", "", "9" * 400, "ten"])
def test_a_bad_amount_is_named_and_kept(session, ada, merchant, plan, refund, amount):
    answer = merchant.get(f"/merchant/plans/{plan.id}/refund?amount={amount}")
    assert answer.status_code == 422
    assert 'aria-invalid="true"' in text(answer)
    assert amount in text(answer)
    assert refund("1", amount=amount).status_code == 422
    assert rows(session, ada, plan) == [(3334, 0, 0), (0, 0, 0), (0, 0, 0)]


def test_nothing_is_refunded_while_money_is_on_its_way(session, ada, merchant, plan, refund):
    factories.choose_card(session, ada, Card.TIMES_OUT)
    factories.pay(session, ada, plan.id, 2, now=now())
    page = text(merchant.get(f"/merchant/plans/{plan.id}/refund"))
    assert "is being processed" in page
    assert "Refund $" not in page


def test_another_shops_plan_cannot_be_refunded(session, client, plan):
    other = factories.make_merchant(session, "Other Shop", now=now())
    client.submit("/login", {"email": other.email, "password": factories.PASSWORD})
    assert client.get(f"/merchant/plans/{plan.id}/refund?amount=1").status_code == 404


def test_the_customer_reads_of_it(session, client, ada, shop, plan):
    client.submit("/login", {"email": shop.email, "password": factories.PASSWORD})
    url, fields = previewed(client, plan, 80)
    client.post(url, data=fields)
    client.submit("/logout", {}, page="/merchant/")
    client.submit("/login", {"email": ada.email, "password": factories.PASSWORD})
    page = text(client.get(f"/customer/plans/{plan.id}"))
    assert "$80.00 refunded: $66.66 cancelled, $13.34 returned to the customer" in page
    assert "$13.34 returned" in page
