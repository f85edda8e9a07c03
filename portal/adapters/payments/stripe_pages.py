"""Stripe's pages on which customers pay: opened once for a payment, found again, closed."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import stripe
from stripe.checkout import Session as Page

from . import Charge, GoTo, Outcome, ProviderUnavailable, Settled

# The portal closes a page after thirty minutes; should it be down, the provider does a little later.
CLOSES_AFTER = timedelta(minutes=45)
# A page is opened within so much time or never: the provider refuses one that closes in less than thirty minutes.
LOST_AFTER = timedelta(minutes=10)


def begin(client: stripe.StripeClient, charge: Charge, portal_url: str) -> Settled | GoTo:
    """Open a page, or find the one that is open; the idempotency key makes it one however often it is asked."""
    if charge.page or settled_by_now(begun_at(charge)):
        page = find(client, charge)
    else:
        options: stripe.RequestOptions = {"idempotency_key": f"payment-{charge.reference}"}
        try:
            page = client.v1.checkout.sessions.create(_order(charge, portal_url), options)
        except (stripe.InvalidRequestError, stripe.AuthenticationError, stripe.PermissionError) as error:
            return Settled(Outcome.REFUSED, error_code(error))
    outcome = _outcome(page, charge) if page else Outcome.ABANDONED
    if page and outcome is None and page.url:
        return GoTo(page.url, page.id)
    return Settled(outcome or Outcome.ABANDONED)


def get(client: stripe.StripeClient, charge: Charge) -> Outcome:
    """Raises ``ProviderUnavailable`` while the page is open, or may still be opened."""
    page = None if charge.saved else find(client, charge)
    if page is None:
        if not settled_by_now(begun_at(charge)):
            raise ProviderUnavailable("the page may still be opened")
        return Outcome.ABANDONED
    outcome = _outcome(page, charge)
    if outcome is None:
        raise ProviderUnavailable("the page is open")
    return outcome


def expire(client: stripe.StripeClient, charge: Charge) -> Outcome:
    """Close the page for good; the outcome is what came first."""
    page = find(client, charge)
    if page is None:
        return get(client, charge)
    if page.status == "open":
        with suppress(stripe.InvalidRequestError):  # It was paid or expired meanwhile.
            client.v1.checkout.sessions.expire(page.id)
    return get(client, replace(charge, page=page.id))


def find(client: stripe.StripeClient, charge: Charge) -> Page | None:
    """The page by its name, or, where the answer that named it was lost, by the payment that it is for."""
    pages = client.v1.checkout.sessions
    if charge.page:
        return pages.retrieve(charge.page)
    for page in pages.list(made_about(begun_at(charge))).auto_paging_iter():
        if page.client_reference_id == str(charge.reference):
            return page
    return None


def settled_by_now(begun: datetime) -> bool:
    """Whether what was begun then is at the provider by now, or never will be."""
    return datetime.now(UTC) - begun >= LOST_AFTER


def made_about(begun: datetime) -> Any:
    """What a list is asked for to find what was made at this time."""
    second = int(begun.timestamp())
    return {"created": {"gte": second - 300, "lte": second + 3600}, "limit": 100}


def begun_at(charge: Charge) -> datetime:
    return charge.begun_at or datetime.now(UTC)


def error_code(error: stripe.StripeError) -> str:
    """The provider's own word for a failure."""
    return str(error.code or type(error).__name__)[:64]


def _order(charge: Charge, portal_url: str) -> stripe.params.checkout.SessionCreateParams:
    """What the page asks for, when it was asked first and ever after: the same request is the same page."""
    back = f"{portal_url}/customer/payments/{charge.reference}/return"
    about = {"payment": str(charge.reference)}
    closes_at = begun_at(charge) + CLOSES_AFTER
    return {
        "mode": "payment",
        "allowed_payment_method_types": ["card"],
        "adaptive_pricing": {"enabled": False},
        "client_reference_id": str(charge.reference),
        "customer_email": charge.email,
        "line_items": [
            {
                "quantity": 1,
                "price_data": {
                    "currency": charge.currency.lower(),
                    "unit_amount": charge.amount,
                    "product_data": {"name": charge.text},
                },
            }
        ],
        "metadata": about,
        "payment_intent_data": {"metadata": about, "description": charge.text},
        "success_url": back,
        "cancel_url": back,
        "expires_at": int(closes_at.timestamp()),
    }


def _outcome(page: Page, charge: Charge) -> Outcome | None:
    """None while the page is open. Raises ``ValueError`` for a page that is not of this payment and amount."""
    about = (page.amount_total, (page.currency or "").upper(), page.client_reference_id)
    if about != (charge.amount, charge.currency, str(charge.reference)):
        raise ValueError("the provider's page is for another payment or amount")
    if page.payment_status == "paid":
        return Outcome.SUCCEEDED
    return Outcome.ABANDONED if page.status == "expired" else None
