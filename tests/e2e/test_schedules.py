"""Schedules in a browser: a deposit at the counter, own lines, a hardship that is spread, a worse change declined."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from time import sleep
from uuid import uuid4

from playwright.sync_api import Page, expect

from tests.e2e.test_journey import sign_up, visit

__all__ = ["visit"]


def in_days(days: int) -> str:
    return (datetime.now(UTC) + timedelta(days=days)).date().isoformat()


def pair(visit: Callable[[], Page]) -> tuple[Page, Page, str]:
    """A shop, a customer, and the customer's address."""
    shop, customer, mark = visit(), visit(), uuid4().hex[:8]
    email = f"robin.{mark}@example.com"
    sign_up(shop, "merchant", "Oak & Ash", f"shop.{mark}@example.com")
    sign_up(customer, "customer", "Robin Roe", email)
    return shop, customer, email


def begin(shop: Page, customer: str) -> None:
    shop.goto("/merchant/plans/new")
    shop.fill("[name=customer_email]", customer)
    shop.fill("[name=description]", "Oak dining table")
    shop.fill("[name=total_amount]", "100.00")
    shop.fill("[name=num_installments]", "2")


def send(shop: Page) -> str:
    """The plan's page of the shop."""
    shop.get_by_role("button", name="Send offer").click()
    expect(shop).to_have_url(re.compile("/merchant/plans/[0-9a-f-]{36}$"))
    return shop.url


def accept(customer: Page) -> str:
    customer.goto("/customer/")
    customer.get_by_role("link", name="Review offer").click()
    customer.get_by_label("I have read and agree to these terms").check()
    customer.get_by_role("button", name="Accept plan").click()
    expect(customer.get_by_text("You accepted the plan.")).to_be_visible()
    return customer.url


def test_a_deposit_at_the_counter(visit: Callable[[], Page]) -> None:
    shop, customer, email = pair(visit)
    begin(shop, email)
    shop.fill("[name=deposit]", "20%")
    shop.locator("input[name=first_due][value=acceptance]").check()
    plan = send(shop)
    customer.goto("/customer/")
    customer.get_by_role("link", name="Review offer").click()
    expect(customer.locator("#terms").get_by_role("row", name=re.compile("Deposit.*20.00"))).to_be_visible()
    accept(customer)
    shop.goto(plan)
    shop.get_by_role("link", name="Record payment").click()
    shop.fill("[name=amount]", "20.00")
    shop.get_by_role("button", name="Record payment").click()
    expect(shop.get_by_role("row", name=re.compile("Deposit.*Paid"))).to_be_visible()


def test_single_lines_say_what_is_left_to_place(visit: Callable[[], Page]) -> None:
    shop, _customer, email = pair(visit)
    begin(shop, email)
    shop.fill("[name=start_date]", in_days(7))
    shop.get_by_role("button", name="Change single lines").click()
    shop.fill("[name=lines-0-amount]", "38.00")
    shop.get_by_role("button", name="Add a line").click()
    expect(shop.get_by_label("Amount of line 3")).to_be_visible()
    expect(shop.get_by_text("$12.00 still to be assigned.").first).to_be_visible()
    shop.fill("[name=lines-2-amount]", "12.00")
    plan = send(shop)
    assert plan
    expect(shop.get_by_role("row", name=re.compile("12.00"))).to_be_visible()


def test_a_hardship_is_spread_anew_and_a_worse_change_is_declined(visit: Callable[[], Page]) -> None:
    shop, customer, email = pair(visit)
    begin(shop, email)
    shop.fill("[name=start_date]", in_days(7))
    plan, own = send(shop), accept(customer)

    shop.goto(plan)
    shop.get_by_role("link", name="Change dates").click()
    shop.get_by_role("link", name="Spread what is owed over new installments instead").click()
    shop.fill("[name=num_installments]", "4")
    shop.fill("[name=start_date]", in_days(60))
    shop.fill("[name=reason]", "Out of work until spring")
    shop.get_by_role("button", name="Spread what is owed").click()
    expect(shop.get_by_text("The new dates are in force.")).to_be_visible()
    customer.goto(own)
    expect(customer.get_by_text("Moved").first).to_be_visible()
    expect(customer.get_by_role("row", name=re.compile(r"6.*25\.00"))).to_be_visible()

    shop.goto(plan)
    shop.get_by_role("link", name="Change dates").click()
    shop.locator("input[name^=due_date-]").first.fill(in_days(10))
    shop.get_by_role("button", name="Change dates").click()
    expect(shop.get_by_text("Your proposal is sent.")).to_be_visible()
    customer.goto(own)
    customer.get_by_role("link", name="Read and answer").click()
    expect(customer.get_by_text("more is due than before")).to_be_visible()
    customer.get_by_role("button", name="Decline").click()
    expect(customer.get_by_text("The dates stay as they were.")).to_be_visible()


def test_a_customer_in_hardship_asks_and_the_shop_agrees(visit: Callable[[], Page]) -> None:
    shop, customer, email = pair(visit)
    begin(shop, email)
    shop.fill("[name=start_date]", in_days(7))
    plan, own = send(shop), accept(customer)

    customer.goto(own)
    customer.get_by_role("link", name="What if I pay early, late or on another date?").click()
    customer.get_by_role("button", name="Show what follows").nth(1).click()
    expect(customer.get_by_role("row", name=re.compile("Reminder: late for a week"))).to_be_visible()
    customer.goto(own)
    customer.get_by_role("link", name="Ask for other dates").click()
    customer.get_by_role("link", name="Spread what is owed over new installments instead").click()
    customer.fill("[name=num_installments]", "5")
    customer.fill("[name=start_date]", in_days(40))
    customer.fill("[name=reason]", "Out of work until spring")
    customer.get_by_role("button", name="Ask for these dates").click()
    expect(customer.get_by_text("Your proposal is sent.")).to_be_visible()

    shop.goto(plan)
    shop.get_by_role("link", name="Read and answer").click()
    expect(shop.get_by_text("Out of work until spring")).to_be_visible()
    shop.get_by_role("button", name="Agree").click()
    expect(shop.get_by_text("The new dates are in force.")).to_be_visible()
    customer.goto(own)
    expect(customer.get_by_text("Dates moved once")).to_be_visible()
    expect(customer.get_by_role("row", name=re.compile(r"^7 .*20\.00"))).to_be_visible()


def test_a_template_is_saved_and_fills_in_the_next_plan(visit: Callable[[], Page]) -> None:
    shop, _customer, email = pair(visit)
    begin(shop, email)
    shop.fill("[name=deposit]", "20%")
    shop.get_by_text("Save as template").click()
    shop.fill("[name=template_name]", "A fifth down")
    shop.get_by_role("button", name="Save template").click()
    expect(shop.get_by_text("Saved as template A fifth down.")).to_be_visible()
    expect(shop.locator("[name=customer_email]")).to_have_value(email)
    shop.goto("/merchant/plans/new")
    shop.select_option("[name=template]", label="A fifth down")
    shop.get_by_role("button", name="Use template").click()
    expect(shop.locator("[name=deposit]")).to_have_value("20%")
    expect(shop.locator("[name=num_installments]")).to_have_value("2")


def test_a_preview_ends_when_its_form_is_sent(visit: Callable[[], Page]) -> None:
    """None that comes is drawn, and one still to come does not begin: nothing asks about a plan that has changed."""
    shop, customer, email = pair(visit)
    begin(shop, email)
    shop.fill("[name=start_date]", in_days(7))
    plan = send(shop)
    accept(customer)
    shop.goto(f"{plan}/amendments/new")
    begun: list[str] = []
    shop.on("request", lambda request: begun.append(request.url) if "preview" in request.url else None)
    # Answered after the time in which a preview begins, so that it would meet the change.
    shop.route("**/amendments/new", lambda route: (sleep(1), route.continue_()))
    scripted = shop.evaluate("Boolean(window.htmx)")
    with shop.expect_response("**/amendments/preview") if scripted else nullcontext():
        shop.locator("input[name^=due_date-]").first.fill(in_days(12))
    shop.fill("[name=reason]", "As agreed on the phone")
    shop.get_by_role("button", name="Change dates").click()
    expect(shop.get_by_text("The new dates are in force.")).to_be_visible()
    assert begun == ([f"{plan}/amendments/preview"] if scripted else [])
