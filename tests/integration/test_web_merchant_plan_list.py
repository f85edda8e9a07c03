"""A shop's list of plans: searched, narrowed, put in order, page by page both ways, and what it all comes to."""

from __future__ import annotations

import html
import re
from datetime import timedelta

import pytest

from portal.extensions import now
from portal.queries import merchant as merchant_queries
from portal.queries import metrics
from tests import factories
from tests.browserlike import sign_in, text

HTMX = {"HX-Request": "true"}
LIST = "/merchant/plans/"


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
        ("status=active&search=lamp", "No matching plans", "Oak table"),
        ("search=%25", "No matching plans", "Oak table"),
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
    factories.allow_offers(session, shop)
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


def test_overdue_plans_are_a_filter_of_their_own(session, merchant, shop, ada, plan):
    past = now() - timedelta(days=40)
    factories.accepted_plan(session, shop, ada, now=past, first=past.date(), description="Sofa")
    page = text(merchant.get(f"{LIST}?status=overdue"))
    assert "Sofa" in page
    assert "Oak table" not in page
    assert "Sofa" not in text(merchant.get(f"{LIST}?status=active"))


def test_the_totals_of_the_whole_list_are_the_shops_numbers(session, merchant, shop, ada, plan):
    factories.pay(session, ada, plan.id, 1, now=now())
    factories.offered_plan(session, shop, "bob@example.com", now=now(), total=5000)
    numbers = metrics.dashboard(session, shop, now())
    totals = merchant_queries.totals(session, shop, now())
    assert (totals.count, totals.total) == (2, 15000)
    assert (totals.received, totals.owed) == (numbers.total_revenue, numbers.outstanding) == (3334, 6666)
    shown = " ".join(re.sub(r"<[^>]*>", "", text(merchant.get(LIST))).split())
    assert "2 plans · $150.00 in total · $33.34 received · $66.66 still owed" in shown
    narrowed = " ".join(re.sub(r"<[^>]*>", "", text(merchant.get(f"{LIST}?status=offered"))).split())
    assert "1 plan · $50.00 in total · $0.00 received · $0.00 still owed" in narrowed


def test_a_list_too_long_to_add_up_says_so(session, merchant, shop, ada, plan, monkeypatch):
    monkeypatch.setattr(merchant_queries, "MOST_SUMMED", 1)
    factories.pay(session, ada, plan.id, 1, now=now())
    for _ in range(2):
        factories.accepted_plan(session, shop, ada, now=now())
    whole, narrowed = text(merchant.get(LIST)), text(merchant.get(f"{LIST}?search=oak"))
    assert "More than 1 plans" in whole
    assert "$33.34</bdi> received" in whole, "what the numbers know is told all the same"
    assert "Filter the list" in narrowed
    assert "received" not in narrowed


def test_active_plans_stand_in_the_order_of_what_is_due_next(session, merchant, shop, ada, monkeypatch):
    monkeypatch.setattr(merchant_queries, "PAGE", 2)
    today = now().date()
    for days, name in ((9, "Third"), (3, "First"), (20, "Fifth"), (3, "Second"), (12, "Fourth")):
        factories.accepted_plan(
            session, shop, ada, now=now(), first=today + timedelta(days=days), description=name
        )
    paid = factories.accepted_plan(session, shop, ada, now=now(), first=today, description="Done")
    factories.pay(session, ada, paid, now=now())
    factories.offered_plan(session, shop, "bob@example.com", now=now(), first=today, description="Offer")
    # What is paid is not due any more: this plan's second installment comes after all the others.
    early = factories.accepted_plan(session, shop, ada, now=now(), first=today, description="Sixth")
    factories.pay(session, ada, early, 1, now=now())

    def names(page):
        return re.findall(r"<bdi>((?:Fir|Seco|Thi|Four|Fif|Six)\w+|Done|Offer)</bdi>", page)

    pages = [text(merchant.get(f"{LIST}?sort=due"))]
    while "Next page" in pages[-1] and len(pages) < 5:
        pages.append(text(merchant.get(neighbour(pages[-1], "next"))))
    assert [names(page) for page in pages] == [["First", "Second"], ["Third", "Fourth"], ["Fifth", "Sixth"]]
    back = text(merchant.get(neighbour(pages[-1], "prev")))
    assert names(back) == ["Third", "Fourth"]
    assert names(text(merchant.get(neighbour(back, "prev")))) == ["First", "Second"]
    assert names(text(merchant.get(neighbour(back, "next")))) == ["Fifth", "Sixth"]
    assert "Offer" in text(merchant.get(f"{LIST}?sort=due&status=offered")), (
        "an order that says nothing is left out"
    )


def test_late_plans_are_found_in_the_order_of_what_is_due(session, merchant, shop, ada, plan):
    past = now() - timedelta(days=40)
    factories.accepted_plan(session, shop, ada, now=past, first=past.date(), description="Sofa")
    page = text(merchant.get(f"{LIST}?sort=due&status=overdue&search=sofa"))
    assert "Sofa" in page
    assert "Oak table" not in page


BOTH = ["Newest first", "Active plans, next due first"]
CHOICES = {
    "": BOTH,
    "?sort=due": BOTH,
    "?status=active": BOTH,
    "?status=overdue": ["Oldest due first"],
    "?status=overdue&sort=due": ["Oldest due first"],
    "?status=due": ["Next due first"],
    "?status=done&sort=due": ["Newest first"],
}


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["page", "part of a page"])
@pytest.mark.parametrize("query", CHOICES)
def test_the_order_offers_what_the_list_can_do_and_marks_what_it_does(merchant, plan, query, headers):
    page = text(merchant.get(f"{LIST}{query}", headers=headers))
    order = re.search(r'<select[^>]*name="sort"[^>]*>.*?</select>', page, re.S)[0]
    assert re.findall(r"<option[^>]*>([^<]+)</option>", order) == CHOICES[query]
    assert ("hx-swap-oob" in order) == bool(headers)
    chosen = re.search(r"<option selected[^>]*>([^<]+)<", order)
    assert (chosen or re.search(r"<option[^>]*>([^<]+)<", order))[1] == CHOICES[query][query == "?sort=due"]


def test_a_plan_leads_back_to_where_the_list_was(merchant, plan):
    page = text(merchant.get(f"{LIST}?search=oak&status=active&sort=due"))
    link = html.unescape(re.search(rf'href="({LIST}{plan.id}[^"]*)"', page)[1])
    shown = text(merchant.get(link))
    back = html.unescape(re.search(r'class="back" href="([^"]*)"', shown)[1])
    assert back == f"{LIST}?search=oak&status=active&sort=due"


def test_the_list_leads_to_its_files(merchant, plan):
    page = text(merchant.get(f"{LIST}?search=oak&status=active"))
    for what in ("plans", "installments", "payments"):
        link = html.unescape(re.search(rf'href="([^"]*/{what}.csv[^"]*)"', page)[1])
        assert link == f"/merchant/exports/{what}.csv?search=oak&plan_status=active"
        assert merchant.get(link).status_code == 200
