"""What another site's page can do with a visitor's browser, and what a copied cookie opens: nothing."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests
from playwright.sync_api import BrowserContext, Page, expect

from tests.e2e.conftest import ANOTHER_SITE

PASSWORD = "correct horse battery"
GUESSES = 12

SEND_FORM = """([url, kind, fields]) => {
    const form = Object.assign(document.createElement("form"), {method: "post", action: url, enctype: kind});
    for (const [name, value] of Object.entries(fields))
        form.append(Object.assign(document.createElement("input"), {name, value}));
    document.body.append(form);
    form.submit();
}"""
FETCH = """async ([url, body, kind]) => {
    const headers = {"Content-Type": kind};
    await fetch(url, {method: "POST", mode: "no-cors", credentials: "include", headers, body}).catch(() => {});
}"""


@pytest.fixture
def evil(tmp_path: Path) -> Iterator[str]:
    """The origin of another site's web server, which has one empty page."""
    folder = tmp_path / "evil"
    folder.mkdir()
    (folder / "index.html").write_text("<!doctype html><title>Evil</title><body>")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=folder))
    threading.Thread(target=server.serve_forever).start()
    yield f"http://{ANOTHER_SITE}:{server.server_port}"
    server.shutdown()
    server.server_close()


def sign_up(page: Page, email: str) -> None:
    page.goto("/signup?role=customer")
    page.fill("[name=name]", "Ada Buyer")
    page.fill("[name=email]", email)
    page.fill("[name=password]", PASSWORD)
    page.fill("[name=password2]", PASSWORD)
    page.get_by_role("button", name="Create account").click()
    page.wait_for_url("**/customer/")


def may_sign_in(url: str, email: str) -> int:
    return requests.post(
        f"{url}/api/token/", json={"username": email, "password": PASSWORD}, timeout=30
    ).status_code


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "text/plain", "multipart/form-data"])
def test_forms_of_another_site_do_nothing(page: Page, base_url: str, evil: str, kind: str):
    victim, made_up = f"ada-{kind[:4]}@example.com", f"eve-{kind[:4]}@example.com"
    sign_up(page, victim)
    account = {
        "email": made_up,
        "name": "Eve",
        "role": "merchant",
        "password": PASSWORD,
        "password2": PASSWORD,
    }
    signing_in = {"email": victim, "username": victim, "password": PASSWORD}
    targets = {
        "/signup": account,
        "/login": signing_in,
        "/logout": {},
        "/account": {"name": "Owned", "language": "ar"},
        "/language": {"language": "ar"},
        "/account/sessions/end-others": {},
        "/api/auth/register/": account | {"username": "eve"},
        "/api/token/": signing_in,
    }
    for path, fields in targets.items():
        page.goto(evil)
        with page.expect_response(f"{base_url}{path}") as answered:
            page.evaluate(SEND_FORM, [f"{base_url}{path}", kind, fields])
        assert answered.value.status == 403, path
        expect(page.locator("body")).to_contain_text("sent by a page of another site")
    assert may_sign_in(base_url, made_up) == 401
    page.goto("/account")
    expect(page.locator("[name=name]")).to_have_value("Ada Buyer")


def test_scripts_of_another_site_neither_register_nor_lock_out(page: Page, base_url: str, evil: str):
    """As JSON that is not called so, a request needs no preflight: the browser sends it, and only hides the answer."""
    victim = "grace@example.com"
    sign_up(page, victim)
    page.goto(evil)
    account = (
        '{"username": "mallory", "email": "mallory@example.com", "role": "merchant",'
        f' "password": "{PASSWORD}", "password2": "{PASSWORD}"}}'
    )
    guess = f'{{"username": "{victim}", "password": "a wrong guess"}}'
    for kind in ("text/plain", "application/x-www-form-urlencoded"):
        page.evaluate(FETCH, [f"{base_url}/api/auth/register/", account, kind])
        for _ in range(GUESSES):
            page.evaluate(FETCH, [f"{base_url}/api/token/", guess, kind])
        page.evaluate(FETCH.replace("no-cors", "cors"), [f"{base_url}/api/token/", guess, "application/json"])
    assert may_sign_in(base_url, "mallory@example.com") == 401
    assert may_sign_in(base_url, victim) == 200


def test_a_copied_cookie_opens_nothing_once_its_session_was_ended(
    page: Page, context: BrowserContext, new_context: Any
):
    sign_up(page, "copied@example.com")
    thief: BrowserContext = new_context()
    thief.add_cookies(context.cookies())
    stolen = thief.new_page()
    stolen.goto("/account/security")
    expect(stolen.get_by_role("heading", name="Security")).to_be_visible()
    page.goto("/account")
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/login")
    stolen.reload()
    expect(stolen).to_have_url(re.compile("/login[?]next=/account/security$"))


def test_one_client_ends_the_session_of_another(page: Page, new_context: Any):
    sign_up(page, "two-places@example.com")
    elsewhere: Page = new_context().new_page()
    elsewhere.goto("/login")
    elsewhere.fill("[name=email]", "two-places@example.com")
    elsewhere.fill("[name=password]", PASSWORD)
    elsewhere.get_by_role("button", name="Sign in").click()
    elsewhere.wait_for_url("**/customer/")
    page.goto("/account/security")
    page.get_by_role("button", name="End", exact=True).click()
    expect(page.get_by_text("The session has ended.")).to_be_visible()
    elsewhere.goto("/customer/")
    expect(elsewhere).to_have_url(re.compile("/login[?]next=/customer/$"))
    page.goto("/account")
    expect(page.locator("[name=name]")).to_be_visible()
