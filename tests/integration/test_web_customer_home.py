"""A customer's home by page: no more than twenty plans on one, each on exactly one, and totals of all of them."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from portal.core.calendar import FARTHEST_ZONES, business_date, time_zones
from portal.extensions import now
from portal.queries import customer
from tests import factories
from tests.browserlike import sign_in, text


@pytest.fixture
def plans(session, shop, ada):
    """Forty-five: offers, plans to pay of which some are late, and finished ones, of two shops."""
    today, other = now().date(), factories.make_merchant(session, "Other Shop", currency="EUR")
    for number in range(15):
        merchant = other if number % 3 == 0 else shop
        day = today + timedelta(days=number - 4)
        sent = now() - timedelta(days=number)
        factories.offered_plan(
            session, merchant, ada.email, now=sent, first=today, description=f"Offer {number}"
        )
        factories.accepted_plan(session, merchant, ada, now=now(), first=day, description=f"Plan {number}")
        made = factories.accepted_plan(
            session, merchant, ada, now=now(), first=today, parts=1, description=f"Old {number}"
        )
        factories.pay(session, ada, made, 1, now=now())


def heading_links(page):
    """The plans on a page, in its order, by their descriptions."""
    return re.findall(r"<h[23][^>]*>(?:<a[^>]*>)?<bdi>((?:Offer|Plan|Old) \d+)</bdi>", text(page))


@pytest.fixture
def reader(client, ada):
    sign_in(client, ada)
    return client


def test_every_plan_is_on_one_page_in_the_order_of_what_is_to_do(reader, plans):
    seen, page = [], "/customer/"
    sizes = []
    while page:
        answer = reader.get(page)
        assert answer.status_code == 200
        here = heading_links(answer)
        sizes.append(len(here))
        seen += here
        link = re.search(r'href="([^"]+)"[^>]*rel="next"|rel="next"[^>]*href="([^"]+)"', text(answer))
        page = (link.group(1) or link.group(2)) if link else None
    assert sizes == [20, 20, 5]
    offers = [f"Offer {number}" for number in reversed(range(15))]
    active = [f"Plan {number}" for number in range(15)]
    assert seen[:30] == offers + active
    assert sorted(seen[30:]) == sorted(f"Old {number}" for number in range(15))


def test_the_totals_are_those_of_all_pages(session, reader, plans, ada):
    owed, overdue = {}, {}
    for plan in factories.plans_of(session, ada, now()):
        owed[plan.currency] = owed.get(plan.currency, 0) + plan.owed
        overdue[plan.currency] = overdue.get(plan.currency, 0) + plan.overdue_amount
    session.rollback()
    for page in (1, 2, 3):
        home = customer.get_home(session, ada, now(), page)
        session.rollback()
        assert {t.currency: t.owed for t in home.totals} == owed
        assert {t.currency: t.overdue for t in home.totals} == overdue
        assert (home.offer_count, home.pages, home.upcoming.description) == (15, 3, "Plan 0")
    assert min(overdue.values()) > 0


@pytest.mark.parametrize(
    ("asked", "shown"), [("0", 1), ("-3", 1), ("99", 3), ("x", 1), ("9" * 30, 3), ("", 1)]
)
def test_a_page_that_is_not_there_is_the_nearest(session, reader, plans, ada, asked, shown):
    answer = reader.get("/customer/", query_string={"page": asked})
    expected = customer.get_home(session, ada, now(), shown)
    session.rollback()
    names = [plan.description for plan in (*expected.offers, *expected.active, *expected.finished)]
    assert (answer.status_code, heading_links(answer)) == (200, names)


def test_a_refused_payment_is_answered_on_the_page_of_its_plan(session, reader, plans, ada):
    last = customer.get_home(session, ada, now(), 2).active[-1]
    session.rollback()
    factories.choose_card(session, ada, "declined")
    part = last.installments[0]
    form = {"plan": str(last.id), "amount": str(part.owed), "key": "k"}
    token = re.search(r'name="csrf_token" value="([^"]+)"', text(reader.get("/customer/?page=2"))).group(1)
    answer = reader.post(f"/customer/installments/{part.id}/pay", data=form | {"csrf_token": token})
    assert answer.status_code == 402
    assert last.description in heading_links(answer) and "declined" in text(answer)


def test_the_farthest_zones_have_every_date_that_it_is_somewhere():
    for hour in range(48):
        moment = now() + timedelta(hours=hour)
        known = {business_date(moment, zone) for zone in FARTHEST_ZONES}
        assert {business_date(moment, zone) for zone in time_zones()} <= known
