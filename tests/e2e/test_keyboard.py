"""Paying with the keyboard alone: the focus stays in place and a live region says what happened."""

from __future__ import annotations

import re
from uuid import uuid4

from playwright.sync_api import Browser, Page, expect

from tests.e2e.test_journey import offer, sign_up

FOCUSED = "document.activeElement.textContent.trim()"


def tab_to(page: Page, words: str) -> None:
    """Press Tab until the element with these words, or the field of this name, has the focus."""
    # Until the scripts run, a form is sent without them, which says the same in another place.
    page.wait_for_load_state("load")
    for _press in range(60):
        page.keyboard.press("Tab")
        name = page.evaluate("document.activeElement.name || ''")
        if words in (name, page.evaluate(FOCUSED)):
            return
    raise AssertionError(f"{words!r} cannot be reached with Tab")


def offered(browser: Browser, base_url: str) -> str:
    """The address of a customer to whom 100.00 in three parts is offered."""
    mark = uuid4().hex[:8]
    shop = browser.new_context(base_url=base_url).new_page()
    sign_up(shop, "merchant", "Oak & Ash", f"keys-shop-{mark}@example.com")
    offer(shop, f"keys-{mark}@example.com")
    shop.context.close()
    return f"keys-{mark}@example.com"


def test_an_offer_is_accepted_and_paid_with_the_keyboard_alone(page: Page, browser: Browser, base_url: str):
    email = offered(browser, base_url)
    sign_up(page, "customer", "Robin Reed", email)
    tab_to(page, "Review offer")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/customer/plans/"))
    tab_to(page, "agree")
    page.keyboard.press("Space")
    tab_to(page, "Accept plan")
    page.keyboard.press("Enter")
    expect(page.get_by_text("0 of 3 paid")).to_be_visible()

    tab_to(page, "Pay $33.34")
    page.keyboard.press("Enter")
    expect(page.get_by_text("1 of 3 paid")).to_be_visible()
    expect(page.locator("#toasts")).to_contain_text("Thank you. $33.34 is paid.")
    expect(page.locator("article:focus, article :focus")).to_have_count(1)

    # It is due in more than a month, so the first press asks.
    tab_to(page, "Pay $33.33")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Paying early is free").first).to_be_visible()
    tab_to(page, "Pay $33.33")
    page.keyboard.press("Enter")
    expect(page.get_by_text("2 of 3 paid")).to_be_visible()


def test_a_declined_card_takes_the_focus_to_what_to_do_next(page: Page, browser: Browser, base_url: str):
    email = offered(browser, base_url)
    sign_up(page, "customer", "Robin Reed", email)
    page.goto("/account")
    page.get_by_label("Declined").check()
    page.get_by_role("region", name="Profile").get_by_role("button", name="Save").click()
    page.goto("/customer/")
    page.get_by_role("link", name="Review offer").click()
    page.get_by_label("I have read and agree to these terms").check()
    page.get_by_role("button", name="Accept plan").click()
    expect(page.get_by_text("0 of 3 paid")).to_be_visible()
    page.wait_for_load_state("load")
    page.get_by_role("button", name="Pay $33.34").press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("Your card was declined. Nothing was charged.")
    expect(page.locator("div:focus")).to_contain_text("declined")
    page.keyboard.press("Tab")
    assert page.evaluate(FOCUSED) == "Choose another card"


def test_a_slash_reaches_the_search_and_can_still_be_typed(page: Page):
    sign_up(page, "merchant", "Oak & Ash", f"slash-{uuid4().hex[:8]}@example.com")
    page.goto("/merchant/plans/")
    page.keyboard.press("/")
    expect(page.locator("input[type=search]")).to_be_focused()
    page.keyboard.type("a/b")
    expect(page.locator("input[type=search]")).to_have_value("a/b")
