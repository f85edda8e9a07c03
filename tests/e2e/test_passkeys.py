"""Passkeys in a real browser, with a virtual authenticator: added, signed in with, used as second factor, removed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import create_engine, text

from tests import servers
from tests.e2e.conftest import Portal
from tests.e2e.test_journey import PASSWORD, sign_up

PHONE = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    """Under a name, since browsers bind passkeys to names."""
    port = str(servers.free_port())
    folder = tmp_path_factory.mktemp("passkeys")
    portal = Portal(folder, PORT=port, PORTAL_URL=f"http://localhost:{port}").start()
    portal.url = portal.environ["PORTAL_URL"]
    yield portal
    portal.stop()


@pytest.fixture
def robin() -> str:
    """An address of this test alone."""
    return f"robin-{uuid4().hex}@example.com"


@pytest.fixture
def page(browser: Browser, portal: Portal) -> Iterator[Page]:
    context = browser.new_context(base_url=portal.url)
    complaints: list[str] = []
    page = context.new_page()
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: complaints.append(said.text) if "Content Security" in said.text else None)
    yield page
    context.close()
    assert complaints == []


def authenticator(page: Page, **about: Any) -> tuple[Any, str]:
    tools = page.context.new_cdp_session(page)
    tools.send("WebAuthn.enable")
    made = tools.send("WebAuthn.addVirtualAuthenticator", {"options": PHONE | about})
    return tools, made["authenticatorId"]


def sign_out(page: Page) -> None:
    page.get_by_role("button", name="Sign out").click()
    expect(page).to_have_url(re.compile("/login$"))


def grow_old(portal: Portal) -> None:
    """Ten minutes pass since everybody proved who they are."""
    engine = create_engine(f"sqlite:///{portal.instance / 'portal.sqlite3'}")
    with engine.begin() as connection:
        long_ago = datetime.now(UTC).replace(tzinfo=None) - timedelta(minutes=11)
        connection.execute(text("UPDATE sessions SET confirmed_at = :at"), {"at": str(long_ago)})
    engine.dispose()


def test_a_passkey_is_added_signs_in_confirms_and_is_removed(page: Page, portal: Portal, robin: str):
    authenticator(page)
    sign_up(page, "customer", "Robin Reed", robin)
    page.goto("/account/security")
    page.get_by_role("link", name="Add a passkey").click()
    expect(page.get_by_text("Passkeys need JavaScript")).to_be_hidden()
    assert not Axe().run(page).response["violations"]
    page.get_by_label("Name").fill("My phone")
    page.get_by_role("button", name="Add passkey").click()
    expect(page.get_by_role("heading", name="Your recovery codes")).to_be_visible()
    page.get_by_role("link", name="I have kept them").click()
    expect(page.get_by_text("My phone")).to_be_visible()
    assert not Axe().run(page).response["violations"]

    sign_out(page)
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page).to_have_url(re.compile("/customer/$"))
    is_the_second_step(page, robin)
    confirms_and_is_removed(page, portal)


def is_the_second_step(page: Page, robin: str) -> None:
    sign_out(page)
    page.fill("[name=email]", robin)
    page.fill("[name=password]", PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page).to_have_url(re.compile("/login/code"))
    assert not Axe().run(page).response["violations"]
    page.get_by_role("button", name="Use a passkey").click()
    expect(page).to_have_url(re.compile("/customer/$"))


def confirms_and_is_removed(page: Page, portal: Portal) -> None:
    page.goto("/account/security")
    grow_old(portal)
    page.get_by_role("button", name="Remove").click()
    expect(page.get_by_role("heading", name="Confirm it is you")).to_be_visible()
    assert not Axe().run(page).response["violations"]
    page.get_by_role("button", name="Use a passkey").click()
    expect(page).to_have_url(re.compile("/account/security$"))
    page.get_by_role("link", name="Rename").click()
    page.get_by_label("Name").fill("Old phone")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Old phone")).to_be_visible()
    page.get_by_role("button", name="Remove").click()
    expect(page.get_by_text("The passkey is removed.")).to_be_visible()
    sign_out(page)
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page.get_by_text("This passkey was not accepted.").first).to_be_visible()


def test_a_person_who_is_not_verified_or_has_no_passkey_gets_a_plain_word(page: Page, robin: str):
    tools, phone = authenticator(page)
    sign_up(page, "customer", "Robin Reed", robin)
    page.goto("/account/passkeys/new")
    tools.send("WebAuthn.setUserVerified", {"authenticatorId": phone, "isUserVerified": False})
    page.get_by_role("button", name="Add passkey").click()
    expect(page.get_by_text("No passkey was made. Try again.")).to_be_visible()
    expect(page.get_by_role("button", name="Add passkey")).to_be_enabled()
    page.goto("/account/security")
    sign_out(page)
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page.get_by_text("The passkey was not used.")).to_be_visible()
    expect(page).to_have_url(re.compile("/login$"))


def test_without_script_everything_else_of_these_pages_works(browser: Browser, portal: Portal, robin: str):
    context = browser.new_context(base_url=portal.url, java_script_enabled=False)
    page = context.new_page()
    sign_up(page, "customer", "Robin Reed", robin)
    page.goto("/account/passkeys/new")
    expect(page.get_by_role("button", name="Add passkey")).to_be_hidden()
    expect(page.get_by_text("Passkeys need JavaScript")).to_be_visible()
    page.get_by_role("link", name="Back to security").click()
    page.get_by_role("button", name="Set up an authenticator app").click()
    expect(page.get_by_role("heading", name="Set up two-factor sign-in")).to_be_visible()
    page.goto("/account")
    sign_out(page)
    expect(page.get_by_role("button", name="Sign in with a passkey")).to_be_hidden()
    page.fill("[name=email]", robin)
    page.fill("[name=password]", PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page).to_have_url(re.compile("/customer/$"))
    context.close()
