"""A shop finds its plans, follows one, revokes an offer and cancels what is owed; another's plans do not exist."""

from __future__ import annotations

import html
import re
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from portal.adapters.gateway import TestCard as Card
from portal.extensions import now
from portal.models import Posting
from tests import factories
from tests.browserlike import Forms, sign_in, text

HTMX = {"HX-Request": "true"}
LIST = "/merchant/plans/"


def token(client):
    return {"csrf_token": Forms(text(client.get(LIST))).all[0].fields["csrf_token"]}


def neighbour(page, rel):
    """Where the link to the next or the previous page of the list leads."""
    return html.unescape(re.search(rf'href="([^"]*)"[^>]*rel="{rel}"', page)[1])


@pytest.fixture
def merchant(client, shop):
    sign_in(client, shop)
    return client


def test_a_new_shop_is_led_to_the_builder(merchant):
    page = text(merchant.get(LIST))
    assert "No plans yet" in page
    assert 'href="/merchant/plans/new"' in page


def test_plans_are_found_by_customer_reference_and_state(session, merchant, shop, ada, plan):
    factories.offered_plan(session, shop, "bob@example.com", now=now(), description="Reading lamp")
    for query, found, missing in (
        ("search=ada.buyer", "Oak table", "Reading lamp"),
        (f"search={plan.reference}", "Oak table", "Reading lamp"),
        ("search=lamp", "Reading lamp", "Oak table"),
        ("status=offered", "Reading lamp", "Oak table"),
        ("status=active", "Oak table", "Reading lamp"),
        ("status=active&search=lamp", "No plan fits", "Oak table"),
        ("search=%25", "No plan fits", "Oak table"),
    ):
        page = text(merchant.get(f"{LIST}?{query}"))
        assert found in page, query
        assert missing not in page, query


def test_what_no_filter_knows_narrows_nothing(merchant, plan):
    for query in ("status=nonsense", "before=nonsense", "search=%00", "status=%00&before=" + "9" * 3000):
        page = merchant.get(f"{LIST}?{query}")
        assert page.status_code == 200, query
        assert "Oak table" in text(page), query


def test_typing_swaps_the_list_alone(merchant, plan):
    page = text(merchant.get(LIST))
    assert 'hx-push-url="true"' in page
    part = text(merchant.get(f"{LIST}?search=oak", headers=HTMX))
    assert part.lstrip().startswith('<section id="plans"')
    assert "<html" not in part


def test_a_long_list_goes_page_by_page_within_its_statements(session, merchant, shop, count_statements):
    for k in range(52):
        factories.offered_plan(session, shop, f"buyer{k}@example.com", now=now(), description=f"Item {k:02}")
    with count_statements() as statements:
        first = text(merchant.get(f"{LIST}?status=offered"))
    assert len(statements) <= 5, "\n".join(statements)
    assert "Item 51" in first
    assert "Item 02" in first
    assert "Item 01" not in first
    link = neighbour(first, "next")
    assert "status=offered" in link
    second = text(merchant.get(link))
    assert "Item 01" in second
    assert "Item 02" not in second
    assert "Next page" not in second
    again = text(merchant.get(neighbour(second, "prev")))
    assert "Item 51" in again
    assert "Item 02" in again
    assert "Item 01" not in again
    assert "Previous page" not in again


def test_the_plan_page_tells_all_about_the_plan(session, merchant, ada, plan, count_statements):
    factories.pay(session, ada, plan.id, 1, now=now())
    with count_statements() as statements:
        page = text(merchant.get(f"{LIST}{plan.id}"))
    assert len(statements) <= 7, "\n".join(statements)
    for words in ("1 of 3 paid", "$66.66", f"{plan.reference}-1", "Offer sent", "Terms accepted", "Ada Buyer",
                  f"$33.34 paid, receipt {plan.reference}-1", f"/customer/plans/{plan.id}", "Cancel plan"):  # fmt: skip
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
    assert "Another amount is owed by now" in text(refused)
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


def test_overdue_plans_are_a_filter_of_their_own(session, merchant, shop, ada, plan):
    past = now() - timedelta(days=40)
    factories.accepted_plan(session, shop, ada, now=past, first=past.date(), description="Sofa")
    page = text(merchant.get(f"{LIST}?status=overdue"))
    assert "Sofa" in page
    assert "Oak table" not in page
    assert "Sofa" not in text(merchant.get(f"{LIST}?status=active"))
