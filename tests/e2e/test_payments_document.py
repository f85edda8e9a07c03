"""The steps of docs/payments.md in a browser, by the names that stand there, against the stand-in of the provider."""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import Portal
from tests.e2e.test_automatic_payments import begin, shop_sees
from tests.e2e.test_journey import visit

__all__ = ["visit"]

DOCUMENT = (Path(__file__).parent.parent.parent / "docs/payments.md").read_text()
STEPS = dict(re.findall(r"^(\d+)\. (.+)$", DOCUMENT, re.MULTILINE))


@pytest.fixture(scope="session")
def base_url(portal_with_standin: Portal) -> str:
    return portal_with_standin.url


def named(step: int) -> list[str]:
    """The names in bold of a step, in order."""
    return re.findall(r"\*\*(.+?)\*\*", STEPS[str(step)])


def at_the_provider(portal: Portal, key: str, path: str) -> list[dict[str, Any]]:
    """What Stripe's dashboard would show of the shop's account."""
    address = f"{portal.environ['PORTAL_PROVIDER_STANDIN']}/v1/{path}"
    request = urllib.request.Request(address, headers={"Authorization": f"Bearer {key}"})
    with urllib.request.urlopen(request) as answer:
        return list(json.load(answer)["data"])


def connect(shop: Page, key: str) -> None:
    for name in named(5):
        shop.get_by_role("link", name=name, exact=True).first.click()
    shop.fill("[name=stripe_key]", key)
    (button,) = named(6)
    shop.get_by_role("button", name=button).click()


def test_each_step_goes_as_it_stands_there(visit: Callable[[], Page], portal_with_standin: Portal) -> None:
    (said,) = re.findall(r"Connect a shop by the key `(.+?)`", DOCUMENT)
    assert said in portal_with_standin.said
    shop, customer, plan = begin(visit)
    at_shop, name = shop.url, uuid4().hex[:8]
    key = f"rk_test_{name}_1"
    connect(shop, key)
    expect(shop.get_by_text("Connected by a test key")).to_be_visible()
    expect(shop.get_by_text(key)).to_have_count(0)

    (mode,) = named(7)
    customer.goto(plan)
    for page in (shop, customer):
        expect(page.get_by_text(mode).first).to_be_visible()

    (pay,) = named(8)
    customer.get_by_role("button", name=re.compile(f"^{pay} ")).first.click()
    customer.get_by_role("button", name="Decline").click()
    expect(customer.get_by_role("alert")).to_be_visible()
    customer.get_by_role("button", name="Pay").click()
    expect(customer).to_have_url(plan)
    for _ in range(60):
        if customer.get_by_text("1 of 3 paid").count():
            break
        customer.wait_for_timeout(500)
        customer.reload()
    expect(customer.get_by_text("1 of 3 paid")).to_be_visible()

    shop.goto(at_shop)
    expect(shop_sees(shop, "1 of 3 paid")).to_be_visible()
    shop.goto(f"{at_shop}/refund?amount=100")
    shop.get_by_role("button", name=re.compile("^Refund")).last.click()
    expect(shop.get_by_text("returned to the customer").first).to_be_visible()
    (intent,) = at_the_provider(portal_with_standin, key, "payment_intents")
    (refund,) = at_the_provider(portal_with_standin, key, f"refunds?payment_intent={intent['id']}")
    assert refund["amount"] == intent["amount"] == 3334

    connect(shop, f"rk_live_{name}_1")
    expect(shop.get_by_text("Connected by a live key")).to_be_visible()
    expect(shop.get_by_text(mode)).to_have_count(0)
