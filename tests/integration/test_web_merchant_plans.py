"""A shop follows a plan, revokes an offer and cancels what is owed; another's plans do not exist."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import func, select

from portal.adapters.payments.simulator import Simulator
from portal.adapters.payments.simulator import TestCard as Card
from portal.extensions import now
from portal.models.ledger import Posting
from portal.services import offers, refunds
from portal.services.transaction import unit_of_work
from tests import factories
from tests.browserlike import Forms, sign_in, text

LIST = "/merchant/plans/"


def token(client):
    return {"csrf_token": Forms(text(client.get(LIST))).all[0].fields["csrf_token"]}


@pytest.fixture
def merchant(client, shop):
    sign_in(client, shop)
    return client


def test_the_plan_page_tells_all_about_the_plan(session, merchant, ada, plan, count_statements):
    factories.pay(session, ada, plan.id, 1, now=now())
    with count_statements() as statements:
        page = text(merchant.get(f"{LIST}{plan.id}"))
    assert len(statements) <= 9, "\n".join(statements)
    for words in (
        "1 of 3 paid",
        "$66.66",
        f"{plan.reference}-1",
        "Offer sent",
        "Terms accepted",
        "Ada Buyer",
        f"$33.34 paid, receipt {plan.reference}-1",
        f"/offers/{plan.id}",
        "Cancel plan",
    ):
        assert words in page
    assert "Revoke offer" not in page


def test_an_offer_does_not_tell_who_is_registered(session, merchant, shop, ada):
    plan_id = factories.offered_plan(session, shop, ada.email, now=now())
    for path in (LIST, f"{LIST}{plan_id}"):
        page = text(merchant.get(path))
        assert ada.email in page
        assert ada.name not in page


def test_an_offer_is_revoked_once(session, merchant, shop, ada):
    plan_id = factories.offered_plan(session, shop, ada.email, now=now())
    page = f"{LIST}{plan_id}"
    revoked = merchant.submit(f"{page}/revoke", {}, page=page)
    assert (revoked.status_code, revoked.location) == (303, page)
    assert "The offer is revoked" in text(merchant.get(page))
    again = merchant.post(f"{page}/revoke", data=token(merchant))
    assert again.status_code == 409
    assert "This offer was revoked" in text(again)


def test_an_accepted_plan_is_not_revoked(merchant, session, ada, plan):
    assert merchant.post(f"{LIST}{plan.id}/revoke", data=token(merchant)).status_code == 409
    assert factories.plan_of(session, ada, plan.id, now()).state == "active"


def test_cancelling_shows_what_is_owed_and_cancels_that(session, merchant, ada, plan):
    factories.pay(session, ada, plan.id, 1, now=now())
    page = f"{LIST}{plan.id}"
    shown = next(f for f in Forms(text(merchant.get(page))).all if f.action == f"{page}/cancel")
    assert shown.fields["amount"] == "6666"
    cancelled = merchant.post(f"{page}/cancel", data=shown.fields)
    assert (cancelled.status_code, cancelled.location) == (303, page)
    after = text(merchant.get(page))
    assert "Plan cancelled: $66.66 is no longer owed" in after
    assert "Cancel plan" not in after
    assert factories.plan_of(session, ada, plan.id, now()).state == "cancelled"


def test_another_amount_than_shown_cancels_nothing(session, merchant, ada, plan):
    page = f"{LIST}{plan.id}"
    shown = next(f for f in Forms(text(merchant.get(page))).all if f.action == f"{page}/cancel")
    factories.pay(session, ada, plan.id, 1, now=now())
    refused = merchant.post(f"{page}/cancel", data=shown.fields)
    assert refused.status_code == 409
    assert "The amount owed has changed" in text(refused)
    fresh = next(f for f in Forms(text(refused)).all if f.action == f"{page}/cancel")
    assert fresh.fields["amount"] == "6666"
    assert factories.plan_of(session, ada, plan.id, now()).state == "active"


@pytest.mark.parametrize("bad", ["", "x", "-1", "1.5", "9" * 5000, "\0"])
def test_cancelling_without_an_amount_is_refused(session, merchant, ada, plan, bad):
    refused = merchant.post(f"{LIST}{plan.id}/cancel", data=token(merchant) | {"amount": bad})
    assert refused.status_code == 422
    assert factories.plan_of(session, ada, plan.id, now()).state == "active"


def test_while_a_payment_is_processing_nothing_is_cancelled(session, merchant, ada, plan):
    factories.choose_card(session, ada, Card.TIMES_OUT)
    factories.pay(session, ada, plan.id, 1, now=now())
    page = text(merchant.get(f"{LIST}{plan.id}"))
    assert "Processing" in page
    assert "Cancel plan" not in page
    refused = merchant.post(f"{LIST}{plan.id}/cancel", data=token(merchant) | {"amount": "10000"})
    assert refused.status_code == 409


def test_opening_an_address_changes_nothing(session, merchant, ada, plan):
    for action in ("revoke", "cancel"):
        assert merchant.get(f"{LIST}{plan.id}/{action}", query_string={"amount": 10000}).status_code == 405
    assert factories.plan_of(session, ada, plan.id, now()).state == "active"


def test_another_shops_plan_does_not_exist(session, client, ada, plan):
    sign_in(client, factories.make_merchant(session, "Other Shop"))
    assert client.get(f"{LIST}{plan.id}").status_code == 404
    assert "Oak table" not in text(client.get(LIST))
    for action in ("revoke", "cancel"):
        for amount in ("10000", "", "x"):
            answer = client.post(f"{LIST}{plan.id}/{action}", data=token(client) | {"amount": amount})
            assert answer.status_code == 404, (action, amount)
    session.rollback()
    assert session.scalars(select(func.count()).select_from(Posting)).one() == 3


def test_a_customer_cannot_end_a_plan(session, client, ada, plan):
    sign_in(client, ada)
    sent_token = {"csrf_token": Forms(text(client.get("/customer/"))).all[0].fields["csrf_token"]}
    for action in ("revoke", "cancel"):
        answer = client.post(f"{LIST}{plan.id}/{action}", data=sent_token | {"amount": "10000"})
        assert answer.status_code == 403
    assert client.get(f"{LIST}{plan.id}").status_code == 403


def test_a_plan_tells_what_was_written_refunded_and_by_whom(session, merchant, shop, ada, plan):
    factories.pay(session, ada, plan.id, 1, now=now())
    refunds.refund(session, Simulator(), shop, refunds.Request(plan.id, 7000), None, now())
    page = text(merchant.get(f"{LIST}{plan.id}"))
    for words in (
        "Emails to the customer",
        "The offer",
        "A payment was received",
        "A refund, with the new schedule",
        "Refunds",
        "$70.00",
        "$66.66",
        "$3.34",
        "Corner Shop",
        "the portal",
    ):
        assert words in page, words
    assert f"/merchant/plans/{plan.id}/statement.pdf" in page
    assert re.search(r"/merchant/payments/[0-9a-f-]+\.pdf", page)


def test_an_offer_that_was_declined_does_not_tell_under_which_name(session, merchant, shop, ada):
    plan_id = factories.offered_plan(session, shop, ada.email, now=now())
    with unit_of_work(session):
        offers.decline(session, ada, plan_id, now())
    page = text(merchant.get(f"{LIST}{plan_id}"))
    assert "Offer declined" in page
    assert ada.name not in page
