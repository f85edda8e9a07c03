"""What was typed as a password can be read before it is sent, and is sent as a password."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect


@pytest.mark.parametrize("path", ["/login", "/signup"])
def test_a_password_is_shown_until_it_is_sent(page: Page, path: str):
    page.goto(path)
    password = page.locator("[name=password]")
    password.fill("two-matching-halves")
    button = page.get_by_role("button", name="Show").first
    button.click()
    expect(password).to_have_attribute("type", "text")
    page.get_by_role("button", name="Hide").click()
    expect(password).to_have_attribute("type", "password")
    button.click()
    page.evaluate("addEventListener('submit', event => event.preventDefault())")
    page.locator("main form [type=submit]").last.click()
    expect(password).to_have_attribute("type", "password")
