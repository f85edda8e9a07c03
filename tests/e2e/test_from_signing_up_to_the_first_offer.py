"""From the landing page to a shop's first offer, in a real browser: how many clicks and typed fields."""

from __future__ import annotations

import re
from uuid import uuid4

from playwright.sync_api import Browser, expect

from tests.e2e.people import Person
from tests.e2e.test_journey import PASSWORD


def test_four_clicks_and_seven_typed_fields_lead_from_the_landing_page_to_an_offer(
    base_url: str, browser: Browser
):
    context = browser.new_context(base_url=base_url, timezone_id="Europe/Berlin")
    shop = Person(context.new_page())
    shop.page.goto("/")
    shop.click("link", "Sell on installments")
    shop.page.wait_for_load_state()
    shop.fill("Name", "Oak & Ash")
    shop.fill("Email", f"shop-{uuid4().hex}@example.com")
    shop.fill("Password", PASSWORD)
    shop.fill("Password again", PASSWORD)
    shop.click("button", "Create account")
    expect(shop.page).to_have_url(re.compile("/merchant/"))
    shop.click("link", "New plan")
    shop.fill("Customer's email address", f"robin-{uuid4().hex}@example.com")
    shop.fill("What is sold", "Oak table")
    shop.fill("Total amount", "300.00")
    shop.click("button", "Send offer")
    expect(shop.page.locator("main")).to_contain_text("Offer sent")
    expect(shop.page.locator("main")).to_contain_text("€300.00")
    assert (shop.clicks, shop.typed) == (4, 7)
    context.close()
