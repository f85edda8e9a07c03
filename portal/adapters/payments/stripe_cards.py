"""Cards that customers let a shop keep at Stripe, and payments from them while the customer is away."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import stripe
from stripe.checkout import Session as Page

from . import Charge, GoTo, Outcome, ProviderUnavailable, SavedCard, SaveRequest, Settled
from .stripe_pages import begun_at, made_about, settled_by_now

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
# The card or the customer is not there any more.
GONE = {"resource_missing", "payment_method_invalid_parameter", "payment_method_unexpected_state"}
# A page on which a card is given is open for so many seconds.
OPEN_FOR = 45 * 60
WITH_CARD: Any = {"expand": ["setup_intent.payment_method"]}


def save(client: stripe.StripeClient, request: SaveRequest, portal_url: str) -> SavedCard | GoTo | None:
    """The page on which the customer gives a card, or the card; the page takes no money. None once it has closed."""
    if request.page or settled_by_now(request.begun_at):
        page = _find_page(client, request)
    else:
        key = f"mandate-{request.reference}"
        page = client.v1.checkout.sessions.create(_order(request, portal_url), {"idempotency_key": key})
    if page and page.status == "open" and page.url:
        return GoTo(page.url, page.id)
    return _card(page, request) if page else None


def get_card(client: stripe.StripeClient, request: SaveRequest) -> SavedCard | None:
    """The card that was given. Raises ``ProviderUnavailable`` while the page is open, or may still be opened."""
    page = _find_page(client, request)
    if page is None:
        if not settled_by_now(request.begun_at):
            raise ProviderUnavailable("the page may still be opened")
        return None
    if page.status == "open":
        raise ProviderUnavailable("the page is open")
    return _card(page, request)


def close_page(client: stripe.StripeClient, request: SaveRequest) -> None:
    if request.page:
        with suppress(stripe.InvalidRequestError):  # A card was given, or the page has expired.
            client.v1.checkout.sessions.expire(request.page)


def _order(request: SaveRequest, portal_url: str) -> Any:
    """What the page asks for, when it was asked first and ever after: the same request is the same page."""
    back = f"{portal_url}/customer/plans/{request.plan_id}"
    about = {"mandate": str(request.reference)}
    return {
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
    }


def _find_page(client: stripe.StripeClient, request: SaveRequest) -> Page | None:
    """The page by its name, or, where the answer that named it was lost, by the consent that it is for."""
    pages = client.v1.checkout.sessions
    if request.page:
        return pages.retrieve(request.page, WITH_CARD)
    for page in pages.list(made_about(request.begun_at)).auto_paging_iter():
        if page.client_reference_id == str(request.reference):
            return pages.retrieve(page.id, WITH_CARD)
    return None


def _card(page: Page, request: SaveRequest) -> SavedCard | None:
    """The card that was given on a closed page. Raises ``ValueError`` for a page that is not of this consent."""
    if (page.mode, page.client_reference_id) != ("setup", str(request.reference)):
        raise ValueError("the provider's page is for another consent")
    setup = page.setup_intent
    if page.status != "complete" or setup is None or isinstance(setup, str):
        return None
    method, customer = setup.payment_method, page.customer
    if method is None or isinstance(method, str) or method.card is None or customer is None:
        return None
    name = customer if isinstance(customer, str) else customer.id
    return SavedCard(method.card.brand, method.card.last4, name, method.id)


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
        return Settled(Outcome.CARD_UNUSABLE if error.code in GONE else Outcome.REFUSED, error.code)
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
    for paid in client.v1.payment_intents.list(made_about(begun_at(charge))).auto_paging_iter():
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
