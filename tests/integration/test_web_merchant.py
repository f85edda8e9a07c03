"""A shop's dashboard shows each number with its definition, and its settings are what customers are told."""

from __future__ import annotations

import html
import re
from datetime import timedelta

import pytest

from portal.extensions import now
from portal.queries import accounts
from portal.queries.metrics import NUMBERS
from tests import factories
from tests.browserlike import text


@pytest.fixture
def merchant(client, shop):
    signed_in = client.submit("/login", {"email": shop.email, "password": factories.PASSWORD})
    assert signed_in.location == "/merchant/"
    return client


def figures(page):
    """The dashboard's figures, each as the words that it shows."""
    parts = [part.split("</div>")[0] for part in page.split('<span class="figure-label">')[1:]]
    return [" ".join(html.unescape(re.sub(r"<[^>]*>", " ", part)).split()) for part in parts]


def test_an_empty_dashboard_leads_to_the_builder(merchant):
    page = text(merchant.get("/merchant/"))
    revenue, _outstanding, _overdue, rate = figures(page)
    assert revenue.startswith("Total revenue $0.00")
    assert rate.startswith("Success rate -")
    assert "No payments yet" in page
    assert 'href="/merchant/plans/new"' in page


def test_the_numbers_of_the_worked_example(session, merchant, shop, ada, count_statements):
    past = now() - timedelta(days=40)
    plan_id = factories.accepted_plan(session, shop, ada, now=past, first=past.date())
    factories.pay(session, ada, plan_id, 1, now=past)
    with count_statements() as statements:
        page = text(merchant.get("/merchant/"))
    assert len(statements) <= 9, "\n".join(statements)
    revenue, outstanding, overdue, rate = figures(page)
    assert revenue == f"Total revenue $33.34 {NUMBERS['total_revenue'].definition}"
    assert outstanding == f"Outstanding $66.66 {NUMBERS['outstanding'].definition}"
    assert overdue == f"Overdue $33.33 1 installment {NUMBERS['overdue'].definition}"
    assert rate == f"Success rate 50.00% {NUMBERS['success_rate'].definition}"
    assert "Ada Buyer" in page[page.index("Latest payments") :]


def test_another_shops_numbers_stay_there(session, client, shop, ada):
    plan_id = factories.accepted_plan(session, shop, ada, now=now(), first=now().date())
    factories.pay(session, ada, plan_id, now=now())
    other = factories.make_merchant(session, "Other Shop")
    client.submit("/login", {"email": other.email, "password": factories.PASSWORD})
    page = text(client.get("/merchant/"))
    assert figures(page)[0].startswith("Total revenue $0.00")
    assert "Ada Buyer" not in page


def test_settings_are_kept(session, merchant, shop):
    given = {"name": "Corner & Sons", "support_email": "Help@example.com", "timezone": "Asia/Kuwait"}
    saved = merchant.submit("/merchant/settings", given)
    assert (saved.status_code, saved.location) == (303, "/merchant/settings")
    page = text(merchant.get("/merchant/settings"))
    assert "Your settings are saved." in page
    assert 'value="Corner &amp; Sons"' in page
    session.rollback()
    kept = accounts.get_shop(session, shop)
    assert (kept.name, kept.support_email, kept.timezone) == (
        "Corner & Sons",
        "help@example.com",
        "Asia/Kuwait",
    )


@pytest.mark.parametrize(
    ("field", "value"),
    [("name", ""), ("name", "x" * 121), ("name", "a\0b"), ("name", "4111 1111 1111 1111"),
     ("support_email", ""), ("support_email", "nobody"), ("support_email", "\0"), ("support_email", "x" * 5000),
     ("timezone", ""), ("timezone", "Mars/Base"), ("timezone", "\0")],
)  # fmt: skip
def test_a_setting_at_fault_is_named_and_the_rest_is_kept(session, merchant, shop, field, value):
    given = {"name": "New Name", "support_email": "help@example.com", "timezone": "Asia/Kuwait"}
    refused = merchant.submit("/merchant/settings", given | {field: value})
    page = text(refused)
    assert refused.status_code == 422
    assert f'id="{field}-error"' in page
    for name in given.keys() - {field, "timezone"}:
        assert f'value="{given[name]}"' in page
    session.rollback()
    assert accounts.get_shop(session, shop).name == "Corner Shop"


def test_absent_fields_are_empty_ones(merchant):
    page = merchant.submit("/merchant/settings", {"name": "", "support_email": "", "timezone": ""})
    assert page.status_code == 422
    assert text(page).count('-error"') >= 3


def test_the_shops_pages_are_not_a_customers(client, ada):
    client.submit("/login", {"email": ada.email, "password": factories.PASSWORD})
    for path in ("/merchant/", "/merchant/settings", "/merchant/plans/"):
        assert client.get(path).status_code == 403
