"""The whole way in a browser: a shop offers, a customer agrees and pays, the shop sees it; with and without script."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from playwright.sync_api import Browser, Page, expect

PASSWORD = "correct horse battery"


@pytest.fixture(params=["javascript", "no javascript"])
def visit(request: pytest.FixtureRequest, browser: Browser, base_url: str) -> Callable[[], Page]:
    """A page of a browser of its own, as for another person; every complaint of the browser fails the test."""
    complaints: list[str] = []
    contexts: list[Any] = []

    def open_page() -> Page:
        context = browser.new_context(base_url=base_url, java_script_enabled=request.param == "javascript")
        contexts.append(context)
        page = context.new_page()
        page.on(
            "console", lambda message: complaints.append(message.text) if message.type == "error" else None
        )
        page.on("pageerror", lambda error: complaints.append(str(error)))
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []


def sign_up(page: Page, role: str, name: str, email: str) -> None:
    page.goto("/signup")
    page.locator(f"input[name=role][value={role}]").check()
    page.fill("[name=name]", name)
    page.fill("[name=email]", email)
    page.fill("[name=password]", PASSWORD)
    page.fill("[name=password2]", PASSWORD)
    if role == "merchant":
        page.select_option("[name=currency]", "USD")
        page.select_option("[name=timezone]", "UTC")
    page.get_by_role("button", name="Create account").click()
    expect(page).to_have_url(re.compile(f"/{role}/$"))


def offer(page: Page, customer: str) -> None:
    page.goto("/merchant/plans/new")
    page.fill("[name=customer_email]", customer)
    page.fill("[name=description]", "Oak dining table")
    page.fill("[name=total_amount]", "100.00")
    page.fill("[name=num_installments]", "3")
    page.select_option("[name=frequency]", "monthly")
    page.fill("[name=start_date]", (datetime.now(UTC) + timedelta(days=7)).date().isoformat())
    page.get_by_role("button", name="Send offer").click()
    expect(page).to_have_url(re.compile(r"/merchant/plans/[0-9a-f-]{36}$"))
    expect(page.get_by_text("Offered").first).to_be_visible()


def test_from_signing_up_to_a_paid_installment(visit: Callable[[], Page]):
    mark = uuid4().hex[:8]
    shop, buyer = visit(), visit()
    sign_up(shop, "merchant", "Oak & Ash", f"shop-{mark}@example.com")
    offer(shop, f"buyer-{mark}@example.com")

    sign_up(buyer, "customer", "Robin Reed", f"buyer-{mark}@example.com")
    buyer.get_by_role("link", name="Review offer").click()
    expect(buyer.get_by_role("button", name=re.compile("^Pay"))).to_have_count(0)
    box = buyer.get_by_label("I have read and agree to these terms")
    expect(box).not_to_be_checked()
    box.check()
    buyer.get_by_role("button", name="Accept plan").click()
    expect(buyer.get_by_text("0 of 3 paid")).to_be_visible()

    buyer.goto("/customer/")
    buyer.get_by_role("button", name="Pay $33.34").click()
    expect(buyer.get_by_text("1 of 3 paid")).to_be_visible()
    expect(buyer.get_by_role("button", name="Pay $33.34")).to_have_count(0)
    # The next one is due in more than a month: paying it asks first.
    expect(buyer.get_by_role("button", name="Pay $33.33")).to_have_count(0)
    expect(buyer.locator("summary", has_text="Pay $33.33")).to_be_visible()
    buyer.reload()
    expect(buyer.get_by_text("1 of 3 paid")).to_be_visible()

    buyer.locator("summary", has_text="Pay early").click()
    buyer.locator("summary", has_text="Pay off $66.66").click()
    expect(buyer.get_by_text("2 installments, the last due")).to_be_visible()
    buyer.get_by_role("button", name="Pay off $66.66").click()
    expect(buyer.get_by_text("3 of 3 paid")).to_be_attached()

    shop.goto("/merchant/numbers")
    expect(shop.get_by_text("$100.00").first).to_be_visible()
    expect(shop.get_by_text("100.00%").or_(shop.get_by_text("100.00 %")).first).to_be_visible()


def test_the_schedule_forms_while_one_types(page: Page):
    mark = uuid4().hex[:8]
    sign_up(page, "merchant", "Oak & Ash", f"typing-{mark}@example.com")
    page.goto("/merchant/plans/new")
    page.fill("[name=total_amount]", "100")
    page.fill("[name=start_date]", "2027-01-31")
    page.fill("[name=num_installments]", "")
    page.locator("[name=num_installments]").press_sequentially("3")
    expect(page.get_by_text("$33.34").first).to_be_visible()
    expect(page.get_by_text("28 February 2027").first).to_be_visible()
