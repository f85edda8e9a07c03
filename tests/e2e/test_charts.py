"""A chart tells its values to a finger and to a keyboard, on a narrow screen and without script."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.e2e.test_journey import PASSWORD, offer, sign_up


@pytest.fixture
def phone(browser: Browser, base_url: str) -> Iterator[Page]:
    """A shop that has just signed up, on a phone."""
    context = browser.new_context(
        base_url=base_url, viewport={"width": 320, "height": 700}, has_touch=True, java_script_enabled=False
    )
    page = context.new_page()
    sign_up(page, "merchant", "Oak & Ash", f"charts-{uuid4().hex[:8]}@example.com")
    yield page
    context.close()


def values(point: Locator) -> Locator:
    return point.locator(".chart-values")


def sell(shop: Page) -> None:
    """A plan whose first installment is due in a week, accepted by a program of its customer."""
    name = f"buyer-{uuid4().hex[:8]}"
    offer(shop, f"{name}@example.com")
    who = {"username": name, "password": PASSWORD}
    more = {"email": f"{name}@example.com", "password2": PASSWORD, "role": "customer"}
    plan = shop.url.rsplit("/", 1)[-1]
    shop.request.post("/api/auth/register/", data=who | more)
    token = shop.request.post("/api/token/", data=who).json()["access"]
    answer = shop.request.post(f"/api/plans/{plan}/accept/", headers={"Authorization": f"Bearer {token}"})
    assert answer.ok, answer.text()


def test_the_values_of_a_point_are_told_when_it_is_tapped(phone: Page):
    sell(phone)
    phone.goto("/merchant/numbers/expected")
    points = phone.locator(".chart-point")
    expect(points).to_have_count(8)
    expect(values(points.first)).to_have_css("opacity", "1")
    expect(values(points.nth(1))).to_have_css("opacity", "0")
    points.nth(1).tap()
    expect(values(points.nth(1))).to_have_css("opacity", "1")
    expect(values(points.nth(1))).to_contain_text("$33.34")
    expect(values(points.first)).to_have_css("opacity", "0")


def test_a_chart_of_nothing_says_so(phone: Page):
    phone.goto("/merchant/numbers/received_by_month")
    expect(phone.get_by_text("Nothing to show.")).to_be_visible()
    expect(phone.locator(".chart-point")).to_have_count(0)


def test_the_values_are_read_as_a_table_with_the_keyboard_alone(phone: Page):
    phone.goto("/merchant/numbers/aging?part=61-90")
    table = phone.locator(".chart table")
    expect(table).to_be_hidden()
    phone.get_by_text("Show as a table").focus()
    phone.keyboard.press("Enter")
    expect(table).to_be_visible()
    phone.keyboard.press("Tab")
    phone.keyboard.press("Enter")
    expect(phone.get_by_role("heading", name="1 to 30 days: $0.00")).to_be_visible()
