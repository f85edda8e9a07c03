"""The API's page of Swagger UI, as an integrator uses it: sign in, authorize, create a plan; all from our own files."""

from __future__ import annotations

import json
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from playwright.sync_api import Locator, Page, expect

PASSWORD = "correct horse battery"


@pytest.fixture
def docs(page: Page, base_url: str) -> Page:
    """The page, watched: whatever the browser complains of, and every request that leaves the portal."""
    said, asked = [], []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto("/api/docs/")
    yield page
    # A browser also says when an answer was a refusal, which one of the tests is about.
    assert [text for text in said if "status of 401" not in text] == []
    hosts = {urlsplit(url).netloc for url in asked if not url.startswith("data:")}
    assert hosts == {urlsplit(base_url).netloc}


def operation(docs: Page, method: str, path: str) -> Locator:
    block = docs.locator(f".opblock-{method}", has=docs.locator(f'[data-path="{path}"]'))
    block.locator("button.opblock-summary-control").click()
    return block


def try_out(block: Locator, body: dict) -> dict:
    block.get_by_role("button", name="Try it out").click()
    block.locator("textarea.body-param__text").fill(json.dumps(body))
    block.get_by_role("button", name="Execute").click()
    answer = block.locator(".live-responses-table .response")
    # Swagger UI draws every example anew when an answer comes, which takes a busy machine some seconds.
    expect(answer).to_be_visible(timeout=30_000)
    text = answer.locator(".highlight-code pre").first.inner_text()
    return {
        "status": int(answer.locator(".response-col_status").inner_text().split()[0]),
        "body": json.loads(text),
    }


def test_sign_in_authorize_and_create_a_plan(docs: Page):
    name = f"shop-{uuid4().hex[:8]}"
    account = {"username": name, "email": f"{name}@example.com", "password": PASSWORD, "password2": PASSWORD}
    made = try_out(operation(docs, "post", "/api/auth/register/"), account | {"role": "merchant"})
    assert made["status"] == 201
    tokens = try_out(operation(docs, "post", "/api/token/"), {"username": name, "password": PASSWORD})
    assert tokens["status"] == 200

    docs.locator(".auth-wrapper .authorize").first.click()
    docs.get_by_label("auth-bearer-value").fill(tokens["body"]["access"])
    docs.locator(".auth-btn-wrapper").get_by_role("button", name="Apply credentials").click()
    docs.locator(".auth-btn-wrapper").get_by_role("button", name="Close").click()

    plan = {
        "customer_email": "ada@example.com",
        "total_amount": "100.00",
        "num_installments": 4,
        "start_date": "2027-01-31",
        "description": "Oak table",
    }
    created = try_out(operation(docs, "post", "/api/plans/"), plan)
    assert created["status"] == 201
    assert created["body"]["status"] == "offered"
    assert [line["amount"] for line in created["body"]["installments"]] == ["25.00"] * 4


def test_without_authorizing_it_is_401(docs: Page):
    refused = try_out(operation(docs, "post", "/api/plans/"), {})
    assert (refused["status"], refused["body"]["title"]) == (401, "Unauthorized")
