"""A shop records a payment on its page: the preview writes nothing, what was typed is kept, one form records once."""

from __future__ import annotations

import csv
import io
import re
from datetime import timedelta

import pytest

from portal.core.payments import Method
from portal.extensions import now
from portal.queries import metrics
from tests import factories
from tests.browserlike import Forms, form_at, sign_in, text

HTMX = {"HX-Request": "true"}


@pytest.fixture
def merchant(client, shop):
    sign_in(client, shop)
    return client


@pytest.fixture
def page(plan):
    return f"/merchant/plans/{plan.id}/payments/new"


@pytest.fixture
def typed():
    """What a clerk types: 150.00 cannot be, 40.00 in cash can."""
    return {"amount": "40", "method": "cash", "received_on": str(now().date()), "note": "At the counter"}


@pytest.fixture
def form(merchant, page):
    return form_at(merchant, page, page)


def words_of(answer):
    """The page without its markup."""
    return re.sub("<[^>]*>", "", text(answer))


def shown_form(answer, action):
    return next(form.fields for form in Forms(text(answer)).all if form.action == action)


def owed(session, ada, plan):
    return [i.owed for i in factories.plan_of(session, ada, plan.id, now()).installments]


def test_the_plans_page_leads_to_the_form(merchant, plan, page):
    assert f'href="{page}"' in text(merchant.get(f"/merchant/plans/{plan.id}"))


def test_recording_tells_the_receipt_and_shows_it_on_both_pages(
    session, ada, merchant, app, plan, page, form, typed
):
    answer = merchant.post(page, data=form | typed)
    assert (answer.status_code, answer.location) == (303, f"/merchant/plans/{plan.id}")
    shown = words_of(merchant.get(answer.location))
    for words in ("$40.00 is recorded, receipt", "Cash", "$6.66 of $33.33 paid", f"{plan.reference}-1"):
        assert words in shown, words
    assert owed(session, ada, plan) == [0, 2667, 3333]
    customer = app.test_client()
    sign_in(customer, ada)
    page_of_plan = customer.get(f"/customer/plans/{plan.id}")
    theirs = words_of(page_of_plan)
    for words in ("Cash, ", "$6.66 of $33.33 paid", "received by the shop: Cash"):
        assert words in theirs, words
    receipt = text(page_of_plan).partition("/customer/payments/")[2].partition('"')[0]
    whole = text(customer.get(f"/customer/payments/{receipt}"))
    for words in ("Recorded by", "Corner Shop", "At the counter", "Received on", "$33.34", "$6.66"):
        assert words in whole, words
    assert customer.get(f"/customer/payments/{receipt}.pdf").mimetype == "application/pdf"


def test_the_preview_shows_what_is_paid_and_writes_nothing(session, merchant, plan, page, form, typed):
    before = factories.row_counts(session)
    url = page.replace("/new", "/preview")
    part = text(merchant.post(url, data=form | typed, headers=HTMX))
    assert part.lstrip().startswith('<section id="record-preview"')
    for words in ("$33.34", "$6.66", "$26.67", "$60.00"):
        assert words in part, words
    whole = merchant.post(url, data=form | typed)
    assert (whole.status_code, "<h1" in text(whole), "$26.67" in text(whole)) == (200, True, True)
    assert factories.row_counts(session) == before


def test_the_preview_waits_for_what_is_not_typed_yet(merchant, page, form, typed):
    url = page.replace("/new", "/preview")
    answer = merchant.post(url, data=form | typed | {"amount": ""}, headers=HTMX)
    assert (answer.status_code, "Enter what you received" in text(answer)) == (200, True)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("amount", "100.01", "At most 100.00 is owed."),
        ("amount", "0.99", "Enter at least 1.00, or all that is owed."),
        ("amount", "much", "Enter an amount in digits"),
        ("method", "provider", "Choose how it was paid from the list."),
        ("received_on", "soon", "Enter a date"),
        ("received_on", "2999-01-01", "This day is still ahead."),
        ("note", "4111 1111 1111 1111", "This looks like a card number."),
        ("note", "x" * 201, "Use at most 200 characters."),
    ],
)
def test_a_fault_is_named_at_its_field_and_what_was_typed_is_kept(
    session, merchant, page, form, typed, field, value, message
):
    before = factories.row_counts(session)
    answer = merchant.post(page, data=form | typed | {field: value})
    shown = text(answer)
    assert (answer.status_code, message in shown, f'id="{field}-error"' in shown) == (422, True, True)
    for name, kept in (typed | {field: value}).items():
        assert kept in shown or name == "method", name
    assert factories.row_counts(session) == before


def test_one_form_records_once_however_often_it_is_sent(session, ada, merchant, plan, page, form, typed):
    answers = [merchant.post(page, data=form | typed) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [303, 303]
    assert owed(session, ada, plan) == [0, 2667, 3333]


def test_a_second_form_alike_is_asked_about_and_then_recorded(
    session, ada, merchant, plan, page, form, typed
):
    merchant.post(page, data=form | typed | {"amount": "10"})
    other = form_at(merchant, page, page) | typed | {"amount": "10"}
    assert "again" not in other
    asked = merchant.post(page, data=other)
    assert (asked.status_code, "looks recorded already" in text(asked)) == (409, True)
    assert 'name="again"' in text(asked)
    confirmed = shown_form(asked, page) | typed | {"amount": "10", "again": "y"}
    assert merchant.post(page, data=confirmed).status_code == 303
    assert sum(owed(session, ada, plan)) == 8000


def test_what_was_paid_meanwhile_is_shown_before_anything_is_recorded(
    session, ada, merchant, plan, page, form, typed
):
    factories.pay(session, ada, plan.id, 1, now=now())
    refused = merchant.post(page, data=form | typed)
    assert (refused.status_code, "The amount owed has changed" in text(refused)) == (409, True)
    again = shown_form(refused, page) | typed
    assert (again["owed"], merchant.post(page, data=again).status_code) == ("6666", 303)


def test_while_a_card_payment_waits_the_page_says_so(session, ada, merchant, plan, page, form, typed):
    factories.choose_card(session, ada, "times_out")
    factories.pay(session, ada, plan.id, 1, now=now())
    refused = merchant.post(page, data=form | typed)
    assert (refused.status_code, "is being processed" in text(refused)) == (409, True)


def test_a_plan_on_which_nothing_is_owed_has_no_form(session, ada, merchant, plan, page):
    factories.pay(session, ada, plan.id, now=now())
    assert "Nothing is owed on this plan." in text(merchant.get(page))
    assert page not in text(merchant.get(f"/merchant/plans/{plan.id}"))


def test_the_file_of_payments_says_how_and_when_they_were_received(session, ada, shop, merchant, plan):
    yesterday = now() - timedelta(days=1)
    old = factories.accepted_plan(session, shop, ada, now=yesterday)
    factories.record(
        session, shop, old, 2500, method="bank_transfer", received_on=yesterday.date(), now=now()
    )
    factories.pay(session, ada, plan.id, 1, now=now())
    content = merchant.get("/merchant/exports/payments.csv").get_data().decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(content, newline="")))
    assert [(row["method"], row["received_on"], row["moved_on"]) for row in rows] == [
        ("bank_transfer", str(yesterday.date()), str(now().date())),
        ("provider", str(now().date()), str(now().date())),
    ]


# --- Reversing, and refunding what was recorded


@pytest.fixture
def recorded(session, shop, plan):
    """40.00 in cash, receipt 1."""
    return factories.record(session, shop, plan.id, 4000, now=now())


@pytest.fixture
def reverse_page(plan, recorded):
    return f"/merchant/plans/{plan.id}/payments/{recorded}/reverse"


def test_a_payment_is_reversed_from_the_plans_page(session, ada, app, merchant, plan, reverse_page):
    assert f'href="{reverse_page}"' in text(merchant.get(f"/merchant/plans/{plan.id}"))
    shown = words_of(merchant.get(reverse_page))
    for words in ("Reverse payment", "$40.00", "$33.34", "$6.66", "Active"):
        assert words in shown, words
    fields = form_at(merchant, reverse_page, reverse_page) | {"reason": "The cheque bounced"}
    answers = [merchant.post(reverse_page, data=fields) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [303, 303]
    assert owed(session, ada, plan) == [3334, 3333, 3333]
    page_of_plan = merchant.get(f"/merchant/plans/{plan.id}")
    for words in ("Reversed", ": The cheque bounced", "-$40.00", "of receipt"):
        assert words in words_of(page_of_plan).replace("\u2212", "-"), words
    assert reverse_page not in text(page_of_plan)
    customer = app.test_client()
    sign_in(customer, ada)
    theirs = customer.get(f"/customer/plans/{plan.id}")
    assert "The cheque bounced" in words_of(theirs)
    receipt = text(theirs).partition("/customer/payments/")[2].partition('"')[0]
    assert "That amount is owed again." in text(customer.get(f"/customer/payments/{receipt}"))
    assert customer.get(f"/customer/payments/{receipt}.pdf").status_code == 200
    assert customer.get(f"/customer/plans/{plan.id}/statement.pdf").status_code == 200


def test_a_reversal_without_a_reason_keeps_the_page(session, merchant, reverse_page):
    before = factories.row_counts(session)
    refused = merchant.post(
        reverse_page, data=form_at(merchant, reverse_page, reverse_page) | {"reason": " "}
    )
    assert (refused.status_code, 'id="reason-error"' in text(refused)) == (422, True)
    assert factories.row_counts(session) == before


def test_a_card_payment_has_no_such_page(session, ada, merchant, plan):
    paid = factories.pay(session, ada, plan.id, 1, now=now()).payment_id
    url = f"/merchant/plans/{plan.id}/payments/{paid}/reverse"
    assert "Refund it instead" in text(merchant.get(url))
    answer = merchant.post(
        url, data={"reason": "Disputed", "amount": "3334"} | {"csrf_token": csrf(merchant)}
    )
    assert answer.status_code == 409
    assert url not in text(merchant.get(f"/merchant/plans/{plan.id}"))


def csrf(client):
    return form_at(client, "/merchant/plans/new", "/merchant/plans/new")["csrf_token"]


def test_a_refund_of_recorded_money_is_ticked_as_handed_back(session, ada, merchant, plan, recorded):
    url = f"/merchant/plans/{plan.id}/refund"
    preview = merchant.get(f"{url}?amount=90")
    assert "hand back $30.00 in cash" in text(preview)
    fields = next(f.fields for f in Forms(text(preview)).all if "key" in f.fields) | {"reason": "Too big"}
    before = factories.row_counts(session)
    refused = merchant.post(url, data=fields)
    assert (refused.status_code, "Hand back 30.00 in cash, then confirm." in text(refused)) == (422, True)
    assert "Too big" in text(refused)
    assert factories.row_counts(session) == before
    assert merchant.post(url, data=fields | {"handed_back": "y"}).status_code == 303
    found = factories.plan_of(session, ada, plan.id, now()).installments
    assert [(i.paid, i.cancelled, i.returned) for i in found] == [
        (3334, 0, 2334),
        (666, 2667, 666),
        (0, 3333, 0),
    ]


@pytest.mark.parametrize(
    ("method", "says"),
    [
        ("bank_transfer", "by bank transfer"),
        ("check", "by cheque"),
        ("other", "the way it came in"),
    ],
)
def test_handing_back_names_the_method_with_which_the_money_came(session, shop, merchant, plan, method, says):
    factories.record(session, shop, plan.id, 6667, method=Method(method), now=now())
    url = f"/merchant/plans/{plan.id}/refund"
    preview = text(merchant.get(f"{url}?amount=63.33"))
    assert f"hand back $30.00 {says}" in preview and "in cash" not in preview
    fields = next(f.fields for f in Forms(preview).all if "key" in f.fields)
    assert f"Hand back 30.00 {says}, then confirm." in text(merchant.post(url, data=fields))
    # What came in two ways goes back in two.
    factories.record(session, shop, plan.id, 3333, now=now())
    both = text(merchant.get(f"{url}?amount=43.33"))
    assert "hand back $33.33 in cash" in both and f"hand back $10.00 {says}" in both
    fields = next(f.fields for f in Forms(both).all if "key" in f.fields)
    assert "Hand back 43.33 the way it came in, then confirm." in text(merchant.post(url, data=fields))


def test_the_file_of_payments_adds_up_to_the_revenue(session, ada, shop, merchant, plan, recorded):
    factories.pay(session, ada, plan.id, 3, now=now())
    factories.reverse(session, shop, plan.id, recorded, now=now())
    content = merchant.get("/merchant/exports/payments.csv").get_data().decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(content, newline="")))
    assert [(row["kind"], row["amount"]) for row in rows] == [
        ("payment", "40.00"),
        ("payment", "33.33"),
        ("reversal", "-40.00"),
    ]
    assert metrics.dashboard(session, shop, now()).total_revenue == 3333
