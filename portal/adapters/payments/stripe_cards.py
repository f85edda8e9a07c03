"""Cards that customers let a shop keep at Stripe, and payments from them while the customer is away."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import stripe

from . import Charge, GoTo, Outcome, ProviderUnavailable, SaveRequest, Settled

# What Stripe says of a card that will never be charged again.
UNUSABLE = {
    "card_not_supported",
    "expired_card",
    "incorrect_number",
    "invalid_account",
    "lost_card",
    "pickup_card",
    "restricted_card",
    "revocation_of_all_authorizations",
    "revocation_of_authorization",
    "stolen_card",
    "stop_payment_order",
}
# A page on which a card is given is open for so many seconds.
OPEN_FOR = 45 * 60


def save(client: stripe.StripeClient, request: SaveRequest, portal_url: str) -> GoTo:
    """The page on which the customer gives a card; it takes no money. Raises ``ProviderUnavailable`` without one."""
    back = f"{portal_url}/customer/plans/{request.plan_id}"
    about = {"mandate": str(request.reference)}
    page = client.v1.checkout.sessions.create(
        {
            "mode": "setup",
            "allowed_payment_method_types": ["card"],
            "customer_creation": "always",
            "customer_email": request.email,
            "client_reference_id": str(request.reference),
            "metadata": about,
            "setup_intent_data": {"metadata": about},
            "success_url": back,
            "cancel_url": back,
            "expires_at": int(request.begun_at.timestamp()) + OPEN_FOR,
        },
        {"idempotency_key": f"mandate-{request.reference}"},
    )
    if not page.url:
        raise ProviderUnavailable("the page is closed")
    return GoTo(page.url, page.id)


def take(client: stripe.StripeClient, charge: Charge) -> Settled:
    """Take the money from the saved card; the idempotency key makes it once however often it is asked."""
    saved = charge.saved
    if saved is None or saved.customer is None or saved.reference is None:
        raise ValueError("there is no saved card")
    try:
        paid = client.v1.payment_intents.create(
            {
                "amount": charge.amount,
                "currency": charge.currency.lower(),
                "customer": saved.customer,
                "payment_method": saved.reference,
                "allowed_payment_method_types": ["card"],
                "off_session": True,
                "confirm": True,
                "description": charge.text,
                "metadata": {"payment": str(charge.reference)},
            },
            {"idempotency_key": f"payment-{charge.reference}"},
        )
    except stripe.CardError as error:
        code = _decline_code(error.error) or error.code
        return Settled(_refused(code), code)
    except stripe.InvalidRequestError as error:
        return Settled(Outcome.CARD_UNUSABLE, error.code)
    except (stripe.AuthenticationError, stripe.PermissionError) as error:
        return Settled(Outcome.REFUSED, error.code)
    return Settled(_outcome(paid, charge), page=paid.id)


def get(client: stripe.StripeClient, charge: Charge) -> Outcome | None:
    """The outcome of a payment from a saved card; None if the provider does not know the payment."""
    paid = find_intent(client, charge)
    return _outcome(paid, charge) if paid else None


def find_intent(client: stripe.StripeClient, charge: Charge) -> stripe.PaymentIntent | None:
    """The payment by its name, or, where the answer that named it was lost, by the portal's own."""
    if charge.page:
        return client.v1.payment_intents.retrieve(charge.page)
    begun = int((charge.begun_at or datetime.now(UTC)).timestamp())
    created: Any = {"gte": begun - 300, "lte": begun + 3600}
    for paid in client.v1.payment_intents.list({"created": created, "limit": 100}).auto_paging_iter():
        if "payment" in paid.metadata and paid.metadata["payment"] == str(charge.reference):
            return paid
    return None


def _outcome(paid: stripe.PaymentIntent, charge: Charge) -> Outcome:
    """Raises ``ValueError`` for another amount, ``ProviderUnavailable`` while it is on its way."""
    if (paid.amount, paid.currency.upper()) != (charge.amount, charge.currency):
        raise ValueError("the provider's payment is of another amount")
    if paid.status == "succeeded":
        return Outcome.SUCCEEDED
    if paid.status == "processing":
        raise ProviderUnavailable("the payment is on its way")
    if paid.status == "requires_action":
        return Outcome.NEEDS_CUSTOMER
    last = paid.last_payment_error
    return _refused((_decline_code(last) or last.code) if last else None)


def _refused(code: str | None) -> Outcome:
    if code == "authentication_required":
        return Outcome.NEEDS_CUSTOMER
    if code in UNUSABLE:
        return Outcome.CARD_UNUSABLE
    return Outcome.INSUFFICIENT_FUNDS if code == Outcome.INSUFFICIENT_FUNDS else Outcome.DECLINED


def _decline_code(error: Any) -> str | None:
    code = getattr(error, "decline_code", None)
    return str(code) if code else None
