"""Automatic payments in a browser: agreed to, taken at nine, a card that fails, another one, and Stop."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from uuid import uuid4

import pytest
from playwright.sync_api import Locator, Page, expect

from config import load_settings
from portal import create_app
from portal.extensions import adapters, db
from portal.services import autopay
from tests.e2e.conftest import Portal
from tests.e2e.test_journey import offer, sign_up, visit
from tests.e2e.test_schedules import accept

__all__ = ["visit"]

# The first installment is due so many days after the offer.
DUE_IN = 7


@pytest.fixture(scope="session")
def base_url(portal_with_standin: Portal) -> str:
    return portal_with_standin.url


@pytest.fixture
def at_nine(portal_with_standin: Portal) -> Callable[[int], dict[str, int]]:
    """Runs the job as the worker does at nine in the morning, so many days from today."""

    def run(days: int) -> dict[str, int]:
        morning = datetime.combine(datetime.now(UTC).date() + timedelta(days=days), time(9), UTC)
        app = create_app(load_settings(portal_with_standin.environ) | {"TESTING": True})
        with app.app_context():
            try:
                return autopay.take_due(db.session, adapters().gateway, morning)
            finally:
                db.session.rollback()
                db.engine.dispose()

    return run


def turn_on(customer: Page) -> None:
    customer.locator("summary", has_text="Turn on automatic payments").click()
    customer.get_by_label("I agree to these automatic payments").check()
    customer.get_by_role("button", name="Turn on").click()


def stop(customer: Page) -> None:
    customer.locator("#autopay").get_by_role("button", name="Stop").click()
    expect(customer.get_by_text("Nothing more is taken from your card.")).to_be_visible()


def choose(customer: Page, card: str) -> None:
    customer.goto("/account")
    customer.locator(f"input[name=test_card][value={card}]").check(force=True)
    customer.get_by_role("button", name="Save").first.click()
    expect(customer.get_by_text("saved", exact=False).first).to_be_visible()


def begin(visit: Callable[[], Page]) -> tuple[Page, Page, str]:
    """A shop, its customer, and the customer's page of a plan that is accepted."""
    shop, customer, mark = visit(), visit(), uuid4().hex[:8]
    sign_up(shop, "merchant", "Oak & Ash", f"shop.{mark}@example.com")
    sign_up(customer, "customer", "Robin Roe", f"robin.{mark}@example.com")
    offer(shop, f"robin.{mark}@example.com")
    return shop, customer, accept(customer)


def test_with_the_simulator(visit: Callable[[], Page], at_nine: Callable[[int], dict[str, int]]) -> None:
    shop, customer, plan = begin(visit)
    choose(customer, "insufficient_funds")
    customer.goto(plan)
    turn_on(customer)
    expect(customer.get_by_text("Automatic payments are on.")).to_be_visible()
    expect(shop_sees(shop, "Only the customer can turn them on")).to_be_visible()
    at_nine(DUE_IN)
    customer.goto(plan)
    expect(customer.get_by_text("failed: not enough money on the card")).to_be_visible()
    expect(customer.get_by_text("Next: $33.34 on")).to_be_visible()
    choose(customer, "succeeds")
    at_nine(DUE_IN + 1)
    customer.goto(plan)
    expect(customer.get_by_text("0 of 3 paid")).to_be_visible()
    at_nine(DUE_IN + 2)
    customer.goto(plan)
    expect(customer.get_by_text("1 of 3 paid")).to_be_visible()
    expect(shop_sees(shop, "1 of 3 paid")).to_be_visible()
    stop(customer)
    at_nine(DUE_IN + 40)
    customer.goto(plan)
    expect(customer.get_by_text("1 of 3 paid")).to_be_visible()


def shop_sees(shop: Page, words: str) -> Locator:
    shop.reload()
    return shop.get_by_text(words).first


def connect(shop: Page) -> None:
    plan = shop.url
    shop.goto("/merchant/settings/payments")
    shop.fill("[name=stripe_key]", f"rk_test_{uuid4().hex[:8]}_1")
    shop.get_by_role("button", name="Connect").click()
    expect(shop.get_by_text("Connected by a test key")).to_be_visible()
    shop.goto(plan)


def give_card(customer: Page, plan: str, later: str) -> None:
    """On the provider's page; the plan says that automatic payments are on once the provider has said so."""
    turn_on(customer)
    expect(customer.get_by_role("heading", name="Save a card")).to_be_visible()
    customer.select_option("[name=decline]", label=later)
    customer.get_by_role("button", name="Save").click()
    expect(customer).to_have_url(plan)
    for _ in range(60):
        if customer.get_by_text("what is due is taken from your Visa ending 4242").count():
            return
        customer.wait_for_timeout(500)
        customer.reload()
    raise AssertionError("the card was never confirmed")


def test_on_the_providers_page(visit: Callable[[], Page], at_nine: Callable[[int], dict[str, int]]) -> None:
    shop, customer, plan = begin(visit)
    connect(shop)
    customer.goto(plan)
    turn_on(customer)
    customer.get_by_role("button", name="Leave").click()
    expect(customer.get_by_text("They are not on yet")).to_be_visible()
    card = customer.locator("#autopay")
    card.get_by_role("button", name="Continue").click()
    expect(customer.get_by_role("heading", name="Save a card")).to_be_visible()
    customer.goto(plan)
    card.get_by_role("button", name="Stop").click()
    expect(customer.get_by_text("Nothing more is taken from your card.")).to_be_visible()

    give_card(customer, plan, "are declined: lost card")
    at_nine(DUE_IN)
    customer.goto(plan)
    expect(customer.get_by_text("failed: the card is no longer valid").first).to_be_visible()
    expect(customer.get_by_text("Automatic payments off: the card is no longer valid")).to_be_visible()

    give_card(customer, plan, "succeed")
    at_nine(DUE_IN + 2)
    customer.goto(plan)
    expect(customer.get_by_text("1 of 3 paid")).to_be_visible()
    expect(shop_sees(shop, "1 of 3 paid")).to_be_visible()
    stop(customer)
    at_nine(DUE_IN + 40)
    customer.goto(plan)
    expect(customer.get_by_text("1 of 3 paid")).to_be_visible()
