"""A team, with a real mail server and browser: invited, joined by the email, acting within a role, removed at once."""

from __future__ import annotations

import re
from uuid import uuid4

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.conftest import Mailbox
from tests.e2e.conftest import Portal
from tests.e2e.test_from_email_to_acceptance import link_to
from tests.e2e.test_journey import PASSWORD, offer


def open_shop(page: Page, owner: str, mailbox: Mailbox) -> None:
    page.goto("/signup?role=merchant")
    for name, typed in {
        "name": "Oak & Ash",
        "email": owner,
        "password": PASSWORD,
        "password2": PASSWORD,
    }.items():
        page.fill(f"[name={name}]", typed)
    page.get_by_role("button", name="Create account").click()
    expect(page.get_by_role("heading", name="Check your inbox")).to_be_visible()
    page.goto(link_to(mailbox, owner, "/verify/"))
    page.fill("[name=password]", PASSWORD)
    page.get_by_role("button", name="Confirm").click()
    expect(page).to_have_url(re.compile("/merchant/$"))


@pytest.mark.parametrize("script", [True, False], ids=["javascript", "no javascript"])
def test_a_member_joins_by_the_email_sells_and_is_signed_out_when_removed(
    portal_with_mail: Portal, mailbox: Mailbox, browser: Browser, script: bool
):
    address = f"sales-{uuid4().hex}@example.com"
    contexts = [
        browser.new_context(base_url=portal_with_mail.url, java_script_enabled=script) for _ in range(2)
    ]
    owner, sales = (context.new_page() for context in contexts)
    open_shop(owner, f"owner-{uuid4().hex}@example.com", mailbox)
    owner.get_by_role("link", name="Settings").click()
    owner.get_by_role("link", name="Team").click()
    owner.get_by_label("Email address").fill(address)
    owner.get_by_role("button", name="Send invitation").click()
    expect(owner.get_by_text(f"The invitation is sent to {address}.")).to_be_visible()

    sales.goto(link_to(mailbox, address, "/join/"))
    expect(sales.get_by_role("heading", name="Join Oak & Ash")).to_be_visible()
    sales.get_by_label("Your name").fill("Sam Sales")
    sales.get_by_label("Choose a password").fill(PASSWORD)
    sales.get_by_role("button", name="Create account and join").click()
    expect(sales.get_by_text("Welcome to the team.")).to_be_visible()
    sales.get_by_role("link", name="Settings").click()
    expect(sales.get_by_role("link", name="Security")).to_be_visible()
    expect(sales.get_by_role("link", name="Shop", exact=True)).to_have_count(0)
    offer(sales, "robin@example.com")
    assert sales.goto("/merchant/settings").status == 403

    owner.reload()
    owner.locator("tr", has_text="Sam Sales").locator("summary").click()
    owner.locator("tr", has_text="Sam Sales").get_by_role("button", name="Remove from the team").click()
    expect(owner.get_by_text("signed out of this shop everywhere")).to_be_visible()
    sales.goto("/merchant/plans/")
    expect(sales).to_have_url(re.compile("/login"))
    for context in contexts:
        context.close()
