"""Small comforts in a browser: double clicks, a session that ended while typing, copying, a key that searches."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.test_journey import PASSWORD, sign_up

NEW_PASSWORD = "another horse battery"


@pytest.fixture(params=[True, False], ids=["javascript", "no javascript"])
def visitor(request: pytest.FixtureRequest, browser: Browser, base_url: str) -> Iterator[Page]:
    with browser.new_context(base_url=base_url, java_script_enabled=request.param) as context:
        yield context.new_page()


@pytest.fixture
def elsewhere(browser: Browser, base_url: str) -> Iterator[Page]:
    """A page of another browser."""
    with browser.new_context(base_url=base_url) as context:
        yield context.new_page()


def offer(shop: Page, customer: str) -> None:
    """Six parts of which two are late as soon as it is accepted."""
    first = datetime.now(UTC).date() - timedelta(days=40)
    shop.goto("/merchant/plans/new")
    shop.fill("[name=customer_email]", customer)
    shop.fill("[name=description]", "Oak dining table")
    shop.fill("[name=total_amount]", "120.00")
    shop.fill("[name=num_installments]", "6")
    shop.fill("[name=start_date]", str(first))
    shop.get_by_role("button", name="Send offer").click()
    expect(shop).to_have_url(re.compile(r"/merchant/plans/[0-9a-f-]{36}$"))


def owing(shop: Page, buyer: Page) -> None:
    """The buyer's home with six parts to pay of which two are late."""
    mark = uuid4().hex[:8]
    sign_up(shop, "merchant", "Oak & Ash", f"shop-{mark}@example.com")
    offer(shop, f"buyer-{mark}@example.com")
    sign_up(buyer, "customer", "Robin Reed", f"buyer-{mark}@example.com")
    buyer.get_by_role("link", name="Review offer").click()
    buyer.get_by_label("I have read and agree to these terms").check()
    buyer.get_by_role("button", name="Accept plan").click()
    expect(buyer.get_by_text("0 of 6 paid")).to_be_visible()
    buyer.goto("/customer/")


def test_a_double_click_pays_once(visitor: Page, elsewhere: Page):
    owing(elsewhere, visitor)
    visitor.get_by_role("button", name="Only the oldest: $20.00").dblclick()
    expect(visitor.get_by_text("1 of 6 paid")).to_be_visible()
    visitor.goto("/customer/")
    expect(visitor.get_by_text("1 of 6 paid")).to_be_visible()


def test_the_second_half_of_a_double_click_pays_nothing_else(page: Page, elsewhere: Page):
    """The answer to the first click may bring another button under the pointer, which here goes to the button."""
    owing(elsewhere, page)
    paid: list[str] = []
    page.on("request", lambda request: paid.append(request.url) if request.method == "POST" else None)
    press(page, "Only the oldest: $20.00", clicks=1)
    expect(page.get_by_text("1 of 6 paid")).to_be_visible()
    press(page, "Pay overdue $20.00", clicks=2)
    page.wait_for_timeout(500)
    assert len(paid) == 1
    press(page, "Pay overdue $20.00", clicks=1)
    expect(page.get_by_text("2 of 6 paid")).to_be_visible()


def press(page: Page, name: str, *, clicks: int) -> None:
    """Press the first button of this name, as the first or the second click of a row of clicks."""
    button = page.get_by_role("button", name=name).first
    button.scroll_into_view_if_needed()
    place = button.bounding_box()
    assert place
    page.mouse.move(place["x"] + 5, place["y"] + 5)
    page.mouse.down(click_count=clicks)
    page.mouse.up(click_count=clicks)


def test_a_payment_is_seen_cutting_its_notch_once(page: Page, elsewhere: Page):
    owing(elsewhere, page)
    press(page, "Only the oldest: $20.00", clicks=1)
    fresh = page.locator("article .stick-fresh")
    expect(fresh).to_have_count(2)
    assert fresh.first.evaluate("path => getComputedStyle(path).animationName") == "cut, close"
    page.emulate_media(reduced_motion="reduce")
    assert fresh.first.evaluate("path => parseFloat(getComputedStyle(path).animationDuration)") < 0.001
    page.reload()
    expect(page.locator(".stick-fresh")).to_have_count(0)


def test_why_nothing_was_paid_is_said_where_one_looks(page: Page, elsewhere: Page):
    owing(elsewhere, page)
    page.goto("/account")
    page.get_by_label("Declined").check()
    page.get_by_role("region", name="Profile").get_by_role("button", name="Save").click()
    page.set_viewport_size({"width": 320, "height": 480})
    page.goto("/customer/")
    page.get_by_role("button", name="Only the oldest: $20.00").click()
    expect(page.get_by_text("Your card was declined. Nothing was charged.")).to_be_in_viewport(ratio=1)


def test_what_was_typed_when_the_session_ended_is_there_again(visitor: Page, elsewhere: Page):
    email = f"typing-{uuid4().hex[:8]}@example.com"
    sign_up(visitor, "merchant", "Oak & Ash", email)
    visitor.goto("/merchant/plans/new")

    elsewhere.goto("/login")
    elsewhere.fill("[name=email]", email)
    elsewhere.fill("[name=password]", PASSWORD)
    elsewhere.get_by_role("button", name="Sign in").click()
    expect(elsewhere).to_have_url(re.compile("/merchant/$"))
    elsewhere.goto("/account")
    elsewhere.fill("[name=current_password]", PASSWORD)
    elsewhere.fill("[name=password]", NEW_PASSWORD)
    elsewhere.fill("[name=password2]", NEW_PASSWORD)
    elsewhere.get_by_role("button", name="Change password").click()
    expect(elsewhere.get_by_text("Your password is changed")).to_be_visible()

    # With script the preview already finds out that the session is over, without it the button does.
    visitor.fill("[name=customer_email]", "robin@example.com")
    visitor.fill("[name=description]", "Oak dining table")
    if "/login" not in visitor.url:
        visitor.get_by_role("button", name="Send offer").click(no_wait_after=True)
    expect(visitor.get_by_text("Your session has expired")).to_be_visible()
    visitor.fill("[name=email]", email)
    visitor.fill("[name=password]", NEW_PASSWORD)
    visitor.locator("main").get_by_role("button", name="Sign in").click()
    expect(visitor).to_have_url(re.compile("/merchant/plans/new$"))
    expect(visitor.get_by_label("Customer's email address")).to_have_value("robin@example.com")
    expect(visitor.get_by_text("What you typed is back in the form")).to_be_visible()
    visitor.goto("/merchant/plans/")
    expect(visitor.get_by_text("No plans yet")).to_be_visible()


def test_a_reference_is_copied_with_one_click_and_it_is_said(browser: Browser, base_url: str):
    with browser.new_context(base_url=base_url, permissions=["clipboard-read", "clipboard-write"]) as context:
        page = context.new_page()
        mark = uuid4().hex[:8]
        sign_up(page, "merchant", "Oak & Ash", f"copying-{mark}@example.com")
        offer(page, f"buyer-{mark}@example.com")
        for text in (re.compile("^[A-Z0-9]{8}$"), re.compile(r"/offers/[0-9a-f-]{36}$")):
            copied = page.locator("main code").filter(has_text=text)
            copied.locator("xpath=following-sibling::button").click()
            expect(page.locator("#toasts").get_by_text("Copied.").last).to_be_visible()
            assert page.evaluate("navigator.clipboard.readText()") == copied.text_content()


def test_the_slash_key_reaches_the_search_and_escape_leaves_it(page: Page):
    sign_up(page, "merchant", "Oak & Ash", f"searching-{uuid4().hex[:8]}@example.com")
    page.goto("/merchant/plans/")
    field = page.get_by_role("searchbox")
    expect(page.locator("label kbd")).to_have_text("/")
    page.keyboard.press("/")
    expect(field).to_be_focused()
    page.keyboard.type("a/b")
    expect(field).to_have_value("a/b")
    page.keyboard.press("Escape")
    expect(field).not_to_be_focused()
    expect(field).to_have_value("a/b")
