"""A front end on another port works in a browser when ``CORS_ORIGINS`` names it, and sees nothing when it does not."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

PASSWORD = "correct horse battery"

# As a front end calls: JSON, the token in a header, and whatever of the answer a browser lets it see.
CALL = """async ([url, method, body, token, key]) => {
    const headers = {"Content-Type": "application/json"};
    if (token) headers["Authorization"] = `Bearer ${token}`;
    if (key) headers["Idempotency-Key"] = key;
    const answer = await fetch(url, {method, headers, body: body ? JSON.stringify(body) : undefined});
    return {status: answer.status, body: await answer.json(), headers: Object.fromEntries(answer.headers)};
}"""


@pytest.fixture
def front_end(tmp_path: Path) -> Iterator[str]:
    """The origin of a web server that has one empty page."""
    folder = tmp_path / "front-end"
    folder.mkdir()
    (folder / "index.html").write_text("<!doctype html><title>Front end</title>")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=folder))
    threading.Thread(target=server.serve_forever).start()
    yield f"http://localhost:{server.server_port}"
    server.shutdown()
    server.server_close()


class FrontEnd:
    def __init__(self, page: Page, origin: str, portal: str) -> None:
        page.goto(origin)
        self.page, self.portal, self.token = page, portal, ""

    def call(self, method: str, path: str, body: Any = None, key: str = "") -> dict[str, Any]:
        return self.page.evaluate(CALL, [f"{self.portal}/api{path}", method, body, self.token, key])

    def sign_up_and_in(self, name: str, role: str) -> None:
        account = {"username": name, "password": PASSWORD}
        more = {"email": f"{name}@example.com", "password2": PASSWORD, "role": role}
        assert self.call("POST", "/auth/register/", account | more)["status"] == 201
        self.token = self.call("POST", "/token/", account)["body"]["access"]


def test_a_front_end_on_another_port_sells_and_pays(page: Page, new_portal, front_end):
    portal = new_portal(CORS_ORIGINS=front_end).start()
    shop = FrontEnd(page, front_end, portal.url)
    refused = shop.call("GET", "/auth/me/")
    assert (refused["status"], refused["body"]["title"]) == (401, "Unauthorized")
    shop.sign_up_and_in("shop", "merchant")
    assert shop.call("GET", "/auth/me/")["body"]["role"] == "merchant"
    offer = {
        "customer_email": "ada@example.com",
        "total_amount": "100.00",
        "num_installments": "4",
        "start_date": "2027-01-31",
    }
    wrong = shop.call("POST", "/plans/", offer | {"num_installments": 0})
    assert (wrong["status"], set(wrong["body"]["errors"])) == (422, {"num_installments"})
    plans = [shop.call("POST", "/plans/", offer, key=f"order-{k}")["body"] for k in range(2)]
    # Without the last slash the browser asks first, and then follows to the address.
    assert shop.call("POST", "/plans", offer | {"num_installments": 0})["status"] == 422
    listed = shop.call("GET", "/plans/?limit=1")
    assert [plan["id"] for plan in listed["body"]] == [plans[1]["id"]]
    assert 'rel="next"' in listed["headers"]["link"] and int(listed["headers"]["ratelimit-remaining"]) > 0

    ada = FrontEnd(page, front_end, portal.url)
    ada.sign_up_and_in("ada", "customer")
    paid = ada.call("POST", f"/plans/installments/{plans[0]['installments'][0]['id']}/pay/")
    assert (paid["status"], paid["body"]["status"]) == (200, "paid")
    assert ada.call("GET", "/analytics/dashboard/")["status"] == 403
    numbers = shop.call("GET", "/analytics/dashboard/")["body"]
    assert (numbers["total_revenue"], numbers["success_rate"]) == (25, 100)


def test_one_that_is_not_named_sees_no_answer(page: Page, base_url, front_end):
    stranger = FrontEnd(page, front_end, base_url)
    for method, path in (("GET", "/auth/me/"), ("POST", "/token/")):
        with pytest.raises(Exception, match="Failed to fetch"):
            stranger.call(method, path, {} if method == "POST" else None)
