"""Names, descriptions and addresses without a single space widen no page of a phone."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.e2e.conftest import Portal

PASSWORD = "correct horse battery"
NARROW = 320
# As long as may be typed, in letters that are wide.
SHOP, NAME, BOUGHT = "W" * 120, "M" * 120, "Donaudampfschifffahrt" * 9
MAILBOX = "{}@" + "w" * 60 + ".example.com"
MOST_PAGES = 60
# To what is above the page's width the widest element, for the one who mends it.
TOO_WIDE = """() => {
    const width = document.documentElement.clientWidth;
    if (document.documentElement.scrollWidth <= width) return null;
    const wide = [...document.querySelectorAll("main *, header *, footer *")].filter(
        e => e.getBoundingClientRect().right > width + 1 || e.getBoundingClientRect().left < -1);
    return wide.map(e => `${e.tagName}.${e.className}`).slice(0, 4).join(" ") || "something";
}"""


@pytest.fixture(scope="module")
def portal(new_instance: Callable[[str], Path]) -> Iterator[Portal]:
    portal = Portal(new_instance("long-words")).start()
    portal.flask("create-admin", "admin@example.com", "--password-stdin", typed=PASSWORD)
    yield portal
    portal.stop()


@pytest.fixture(scope="module")
def people(portal: Portal, browser: Browser) -> dict[str, str]:
    """A shop, a customer with an accepted plan that is late and one paid in part, an offer, and an admin."""
    api = browser.new_context().request

    def call(path: str, body: dict[str, object] | None = None, token: str = "") -> dict:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        answer = api.post(f"{portal.url}/api{path}", data=body or {}, headers=headers)
        assert answer.ok, answer.text()
        return answer.json()

    tokens = {}
    for role, name in (("merchant", SHOP), ("customer", NAME)):
        account = {"username": role * 12, "password": PASSWORD}
        more = {"email": MAILBOX.format(role), "password2": PASSWORD, "role": role, "name": name}
        call("/auth/register/", account | more)
        tokens[role] = call("/token/", account)["access"]
    offer = {
        "customer_email": MAILBOX.format("customer"),
        "total_amount": "123456789.00",
        "num_installments": 3,
    }
    plans = [
        call("/plans/", offer | {"description": BOUGHT, "start_date": day}, tokens["merchant"])
        for day in ("2026-01-02", "2026-03-04", "2030-05-06")
    ]
    for plan in plans[:2]:
        call(f"/plans/{plan['id']}/accept/", token=tokens["customer"])
    call(f"/plans/installments/{plans[0]['installments'][0]['id']}/pay/", token=tokens["customer"])
    return {role: MAILBOX.format(role) for role in tokens} | {"admin": "admin@example.com"}


@pytest.mark.parametrize("language", ["en", "ar"])
@pytest.mark.parametrize("role", ["merchant", "customer", "admin"])
def test_no_page_scrolls_sideways(
    browser: Browser, portal: Portal, people: dict[str, str], role: str, language: str
):
    context = browser.new_context(base_url=portal.url, viewport={"width": NARROW, "height": 800})
    page = context.new_page()
    page.goto("/login")
    page.fill("[name=email]", people[role])
    page.fill("[name=password]", PASSWORD)
    page.locator("main form button[type=submit], main form button:not([type])").first.click()
    page.wait_for_url(re.compile(rf"/{role}/"))
    page.goto("/account")
    if language != "en":
        page.locator(f"footer button[value={language}]").click()
    page.wait_for_selector(f"html[lang={language}]")
    assert wide_pages(page, f"/{role}/") == []
    context.close()


def wide_pages(page: Page, start: str) -> list[str]:
    """Every page that links lead to, each address's kind twice, and what sticks out of it."""
    waiting, seen, kinds, wide = [start, "/account"], {start, "/account"}, {}, []
    while waiting and sum(kinds.values()) < MOST_PAGES:
        path = waiting.pop(0)
        kind = re.sub(r"[0-9a-f-]{36}|\?.*|\d+", "*", path)
        if kinds.get(kind, 0) >= 2 or re.search(
            r"\.(pdf|csv|ics|json)|/receipt|/statement|/exports/|beancount", path
        ):
            continue
        kinds[kind] = kinds.get(kind, 0) + 1
        page.goto(path)
        if sticks_out := page.evaluate(TOO_WIDE):
            wide.append(f"{path}: {sticks_out}")
        links = page.eval_on_selector_all("a[href^='/']", "all => all.map(a => a.getAttribute('href'))")
        fresh = [
            link
            for link in dict.fromkeys(links)
            if link not in seen and not link.startswith(("/api", "/static"))
        ]
        waiting += fresh
        seen |= set(fresh)
    assert len(kinds) > 5
    return wide
