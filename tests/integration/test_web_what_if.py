"""What if: what would follow is shown to both sides as the code does it, and nothing of it is kept."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from portal.adapters.payments.simulator import Simulator
from portal.core.calendar import business_date
from portal.core.terms import hash_text
from portal.extensions import now
from portal.services import mandates, shops
from portal.services.transaction import unit_of_work
from tests import factories
from tests.browserlike import form_at, sign_in, text

HTMX = {"HX-Request": "true"}


def day(ahead):
    return business_date(now(), "UTC") + timedelta(days=ahead)


@pytest.fixture
def plan_id(session, shop, ada):
    """33.34, 33.33 and 33.33, due in 10 days and in the two months after; accepted three days ago."""
    return factories.accepted_plan(session, shop, ada, now=now() - timedelta(days=3), first=day(10))


@pytest.fixture(params=["merchant", "customer"])
def side(request):
    return request.param


@pytest.fixture
def ask(client, session, shop, ada, plan_id, side):
    """Ask as one side; returns the answer, once it is sure that nothing of it was kept."""
    sign_in(client, shop if side == "merchant" else ada)
    page = f"/{side}/plans/{plan_id}/what-if"
    token = form_at(client, page, page)["csrf_token"]

    def asked(headers=HTMX, **fields):
        session.rollback()
        before = factories.row_counts(session), factories.plan_of(session, ada, plan_id, now()).installments
        session.rollback()
        answer = client.post(page, data={"csrf_token": token} | fields, headers=headers)
        assert (
            factories.row_counts(session),
            factories.plan_of(session, ada, plan_id, now()).installments,
        ) == before
        return answer

    return asked


def said(answer):
    """The words of the page, without its markup."""
    return " ".join(re.sub(r"<[^>]+>", " ", text(answer)).split())


def test_paying_shows_what_is_left_and_the_receipt_that_would_be_sent(ask, side):
    words = said(ask(what="pay", amount="50.00"))
    assert "If $50.00 is paid now" in words
    assert "$0.00 Paid 2" in words and "$16.67 Pending 3" in words and "$33.33 Pending" in words
    receipt = "A payment was recorded" if side == "merchant" else "A payment was received"
    assert words.count(receipt) == words.count("Reminder: due soon") == 1
    numbers = "Total revenue $50.00 , now $0.00 Outstanding $50.00 , now $100.00 Overdue $0.00"
    assert (numbers in words) == (side == "merchant")


def test_missing_the_next_date_shows_the_notices_and_that_it_is_late(ask, side):
    words = said(ask(what="miss"))
    assert "$33.34 Late" in words
    assert ("Overdue $33.34 , now $0.00" in words) == (side == "merchant")
    steps = {-3: "due soon", 0: "due today", 1: "late", 7: "late for a week", 14: "late for two weeks"}
    for after, step in steps.items():
        on = day(10 + after)
        assert f"{on.day} {on:%b %Y} Reminder: {step} {'Customer' if side == 'merchant' else 'You'}" in words


def test_notices_about_what_is_late_already_come_on_their_own_days(
    ask, session, shop, ada, side, plan_id, client
):
    late = factories.accepted_plan(session, shop, ada, now=now() - timedelta(days=20), first=day(-5))
    page = f"/{side}/plans/{late}/what-if"
    token = form_at(client, page, page)["csrf_token"]
    words = said(client.post(page, data={"csrf_token": token, "what": "pay", "amount": "1.00"}, headers=HTMX))
    # The first notice is today's, and the next one comes six days after it.
    for after, step in ((0, "late"), (6, "late for a week")):
        on = day(after)
        assert f"{on.day} {on:%b %Y} Reminder: {step} " in words, words


def test_another_date_says_who_has_to_agree(ask, side, session, shop):
    later = text(ask(what="move", due_date=day(20).isoformat()))
    assert ("The shop has to agree" in later) == (side == "customer")
    earlier = text(ask(what="move", due_date=day(5).isoformat()))
    assert f"The {'customer' if side == 'merchant' else 'shop'} has to agree" in earlier
    with unit_of_work(session):
        shops.allow_moves(session, shop, 14)
    assert "The shop has to agree" not in text(ask(what="move", due_date=day(20).isoformat()))


def test_it_says_that_automatic_payments_are_not_included(client, session, shop, ada, plan_id, side):
    sign_in(client, shop if side == "merchant" else ada)
    words = "Automatic payments are on, but not included here."
    page = f"/{side}/plans/{plan_id}/what-if"
    assert words not in text(client.get(page))
    agreed = "Take what is due."
    mandates.give(session, Simulator(), ada, plan_id, agreed, hash_text(agreed), factories.ORIGIN, now())
    assert words in text(client.get(page))


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"what": "pay", "amount": ""}, "amount"),
        ({"what": "pay", "amount": "100.01"}, "At most"),
        ({"what": "move", "due_date": "2026-02-30"}, "date"),
        ({"what": "move", "due_date": "1999-01-01"}, "Choose a date from"),
        ({"what": "move", "due_date": "2035-01-01"}, "in order"),
    ],
)
def test_what_cannot_be_is_said(ask, fields, fault):
    assert ask(headers={}, **fields).status_code == 422
    swapped = ask(**fields)
    assert swapped.status_code == 200 and fault in text(swapped)


def test_without_script_it_is_a_page(ask):
    assert "<html" in text(ask(headers={}, what="miss"))


def test_what_is_paid_off_has_no_what_if(client, session, shop, ada, plan_id):
    factories.pay(session, ada, plan_id, None, now=now())
    sign_in(client, shop)
    assert "Nothing is owed on this plan." in text(client.get(f"/merchant/plans/{plan_id}/what-if"))
    assert "What if?" not in text(client.get(f"/merchant/plans/{plan_id}"))
