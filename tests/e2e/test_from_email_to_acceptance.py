"""From the email of an offer to its accepted terms, with a real mail server and browser: how many clicks and fields."""

from __future__ import annotations

import re
import time
from uuid import uuid4

import pytest
from playwright.sync_api import Browser, expect

from tests.conftest import Mailbox
from tests.e2e.conftest import Portal
from tests.e2e.people import Person
from tests.e2e.test_journey import PASSWORD, offer

MOST_CLICKS, MOST_TYPED = 5, 2
SECONDS = 90


def link_to(mailbox: Mailbox, address: str, path: str) -> str:
    """The link in the newest email to this address, once one with it has come."""

    def find() -> str | None:
        for message in reversed(mailbox.messages):
            body = message.get_body(("plain",)).get_content()
            if message["To"].addresses[0].addr_spec == address and path in body:
                return re.search(rf"http\S*{path}\S+", body)[0]
        return None

    deadline = time.monotonic() + SECONDS
    while not (found := find()) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert found, f"no email to {address} leads to {path}"
    return found


@pytest.mark.parametrize("script", [True, False], ids=["javascript", "no javascript"])
def test_five_clicks_and_two_typed_fields_lead_from_the_email_to_the_accepted_terms(
    portal_with_mail: Portal, mailbox: Mailbox, browser: Browser, script: bool
):
    assert "not verified" not in portal_with_mail.said
    seller, buyer = (f"{name}-{uuid4().hex}@example.com" for name in ("shop", "robin"))
    context = browser.new_context(base_url=portal_with_mail.url, java_script_enabled=script)
    shop = context.new_page()
    shop.goto("/signup?role=merchant")
    for name, typed in {"name": "Oak & Ash", "email": seller}.items():
        shop.fill(f"[name={name}]", typed)
    for name in ("password", "password2"):
        shop.fill(f"[name={name}]", PASSWORD)
    shop.get_by_role("button", name="Create account").click()
    expect(shop.get_by_role("heading", name="Check your inbox")).to_be_visible()
    shop.goto(link_to(mailbox, seller, "/verify/"))
    shop.fill("[name=password]", PASSWORD)
    shop.get_by_role("button", name="Confirm").click()
    expect(shop).to_have_url(re.compile("/merchant/$"))
    offer(shop, buyer)

    own = browser.new_context(base_url=portal_with_mail.url, java_script_enabled=script)
    robin = Person(own.new_page())
    robin.clicks += 1  # the link in the email
    robin.page.goto(link_to(mailbox, buyer, "/offers/"))
    expect(robin.page.get_by_text("Every amount and date")).to_be_visible()
    robin.fill("Your name", "Robin Reed")
    robin.fill("Choose a password", PASSWORD)
    robin.click("button", "Create account and continue")
    robin.click("checkbox", "I have read and agree to these terms")
    robin.click("button", "Accept plan")
    expect(robin.page.get_by_text("0 of 3 paid")).to_be_visible()
    assert robin.clicks <= MOST_CLICKS and robin.typed <= MOST_TYPED
    robin.page.get_by_role("link", name="Read or print the terms").click()
    expect(robin.page.get_by_text("Address verified")).to_be_visible()
    context.close()
    own.close()
