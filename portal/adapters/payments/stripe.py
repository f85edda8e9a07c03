"""Stripe by hosted checkout, over its own SDK: pages, refunds, disputes, and what it sends under a signature.

The SDK is large, so this module is imported with the first shop that has a key.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import stripe

from portal.adapters.sealing import OF_PROVIDERS, seal, unseal
from portal.core.payments import Provider

from . import (
    Account,
    Charge,
    DisputeFound,
    FailedRefund,
    GoTo,
    Outcome,
    ProviderUnavailable,
    RefundRequest,
    ReportRequest,
    SavedCard,
    SaveRequest,
    Settled,
    stripe_cards,
    stripe_pages,
)
from .stripe_pages import error_code

log = logging.getLogger(__name__)

TIMEOUT_SECONDS = 15
SIGNED_WITHIN_SECONDS = 300
EVENTS = (
    "checkout.session.completed",
    "checkout.session.expired",
    "payment_intent.succeeded",
    "charge.dispute.created",
    "charge.dispute.closed",
    "refund.failed",
)
KEYS = {
    "sk_test_": Provider.STRIPE_TEST,
    "rk_test_": Provider.STRIPE_TEST,
    "sk_live_": Provider.STRIPE,
    "rk_live_": Provider.STRIPE,
}


class KeyRefused(Exception):
    """A key that cannot be used: ``unknown`` in form, ``refused`` by the provider, or of ``another`` account."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class NotSigned(Exception):
    """What came was not sent by the provider for this shop, or not now, or cannot be read."""


@dataclass(frozen=True, slots=True)
class Connection:
    """A key that works, with the webhook that was made by it, if the provider can reach this portal; both sealed."""

    provider: Provider
    sealed_key: str
    hint: str
    webhook_id: str | None
    webhook_secret: str | None


@dataclass(frozen=True, slots=True)
class ProviderMessage:
    """What is kept of an event: ``amount`` in minor units of what it concerns, a page or a dispute by ``reference``.

    What names no amount has 0 and no currency.
    """

    event_id: str
    kind: str
    reference: str
    payment_id: UUID | None
    amount: int
    currency: str


class Stripe:
    """``api`` is another address than Stripe's own, for tests; ``portal_url`` where customers and events come back."""

    def __init__(self, secrets: Sequence[str], portal_url: str, api: str | None = None) -> None:
        self.secrets, self.portal_url, self.api = secrets, portal_url, api

    # --- Payments

    def begin(self, charge: Charge) -> Settled | GoTo:
        """With a saved card there is no page."""
        client = self._client(charge.account)
        if charge.saved:
            return stripe_cards.take(client, charge)
        return stripe_pages.begin(client, charge, self.portal_url)

    def get(self, charge: Charge) -> Outcome | None:
        client = self._client(charge.account)
        if charge.saved and (found := stripe_cards.get(client, charge)):
            return found
        return stripe_pages.get(client, charge)

    def expire(self, charge: Charge) -> Outcome:
        return stripe_pages.expire(self._client(charge.account), charge)

    def refund(self, request: RefundRequest) -> Outcome:
        options: stripe.RequestOptions = {"idempotency_key": f"refund-{request.reference}"}
        try:
            made = self._client(request.charge.account).v1.refunds.create(
                {
                    "payment_intent": self._intent(request.charge),
                    "amount": request.amount,
                    "metadata": {"refund": str(request.reference)},
                },
                options,
            )
        except stripe.InvalidRequestError as error:
            log.warning("the provider refused a refund", extra={"code": error_code(error)})
            return Outcome.DECLINED
        return _refunded(made)

    def get_refund(self, request: RefundRequest) -> Outcome | None:
        refunds = self._client(request.charge.account).v1.refunds
        made = refunds.list({"payment_intent": self._intent(request.charge), "limit": 100})
        for refund in made.auto_paging_iter():
            if _named(refund.metadata, "refund") == str(request.reference):
                return _refunded(refund)
        return None

    def get_dispute(self, request: ReportRequest) -> DisputeFound | None:
        """An inquiry, whose states begin with ``warning``, takes no money."""
        disputes = self._client(request.account).v1.disputes
        found = disputes.retrieve(request.reference, {"expand": ["payment_intent"]})
        if found.status.startswith("warning") or isinstance(found.payment_intent, str):
            return None
        payment = _named(found.payment_intent.metadata, "payment") if found.payment_intent else None
        state = found.status if found.status in ("won", "lost") else "open"
        return DisputeFound(_uuid(payment), found.amount, found.currency.upper(), state)

    def get_failed_refund(self, request: ReportRequest) -> FailedRefund | None:
        refunds = self._client(request.account).v1.refunds
        found = refunds.retrieve(request.reference, {"expand": ["payment_intent"]})
        if found.status != "failed" or found.payment_intent is None or isinstance(found.payment_intent, str):
            return None
        payment = _uuid(_named(found.payment_intent.metadata, "payment"))
        reference = _uuid(_named(found.metadata, "refund"))
        if payment is None or reference is None:
            return None
        return FailedRefund(payment, reference, found.amount, found.currency.upper())

    # --- Saved cards

    def save_card(self, request: SaveRequest) -> SavedCard | GoTo | None:
        return stripe_cards.save(self._client(request.account), request, self.portal_url)

    def get_card(self, request: SaveRequest) -> SavedCard | None:
        return stripe_cards.get_card(self._client(request.account), request)

    def close_card_page(self, request: SaveRequest) -> None:
        stripe_cards.close_page(self._client(request.account), request)

    # --- Keys and what is signed

    def connect(self, key: str, merchant_id: UUID, known: str | None = None) -> Connection:
        """Try the key by a call, and have it make the webhook. The page or payment ``known`` must be in its account.

        Raises ``KeyRefused``, ``ProviderUnavailable``.
        """
        provider = next((p for prefix, p in KEYS.items() if key.startswith(prefix)), None)
        if provider is None:
            raise KeyRefused("unknown")
        client = self._client_with(key)
        try:
            if known and known.startswith("pi_"):
                client.v1.payment_intents.retrieve(known)
            elif known:
                client.v1.checkout.sessions.retrieve(known)
            client.v1.checkout.sessions.list({"limit": 1})
        except stripe.InvalidRequestError:
            raise KeyRefused("another") from None
        except (stripe.AuthenticationError, stripe.PermissionError):
            raise KeyRefused("refused") from None
        except stripe.StripeError as error:
            raise ProviderUnavailable() from error
        webhook_id, secret = self._make_webhook(client, merchant_id)
        return Connection(
            provider, self._seal(key), key[-4:], webhook_id, self._seal(secret) if secret else None
        )

    def disconnect(self, account: Account, webhook_id: str | None) -> None:
        """Remove the webhook, as far as the provider lets us: what still comes is refused anyway."""
        if webhook_id:
            with suppress(stripe.StripeError, ProviderUnavailable):
                self._client(account).v1.webhook_endpoints.delete(webhook_id)

    def verify(
        self, body: bytes, signature: str, secrets: dict[Provider, str]
    ) -> tuple[Provider, ProviderMessage]:
        """What came, and which of the shop's sealed ``secrets`` signed it. Raises ``NotSigned``."""
        for provider, sealed in secrets.items():
            try:
                text = body.decode()
                stripe.WebhookSignature.verify_header(
                    text, signature, self._unseal(sealed), SIGNED_WITHIN_SECONDS
                )
            except (stripe.SignatureVerificationError, UnicodeDecodeError, ValueError, IndexError):
                continue
            try:
                return provider, _message(json.loads(text), provider)
            except (ValueError, KeyError, TypeError, AttributeError):
                raise NotSigned("malformed") from None
        raise NotSigned("signature")

    # --- What these share

    def _make_webhook(self, client: stripe.StripeClient, merchant_id: UUID) -> tuple[str | None, str | None]:
        """None where the provider refuses the address, as that of a machine that it cannot reach: then the job asks."""
        url = f"{self.portal_url}/webhooks/stripe/{merchant_id}"
        try:
            made = client.v1.webhook_endpoints.create({"url": url, "enabled_events": list(EVENTS)})
        except (stripe.InvalidRequestError, stripe.PermissionError) as error:
            log.warning("the provider made no webhook", extra={"code": error_code(error)})
            return None, None
        except stripe.StripeError as error:
            raise ProviderUnavailable() from error
        return made.id, made.secret

    def _intent(self, charge: Charge) -> str:
        if charge.saved and (paid := stripe_cards.find_intent(self._client(charge.account), charge)):
            return paid.id
        page = stripe_pages.find(self._client(charge.account), charge)
        if page is None or not page.payment_intent:
            raise ProviderUnavailable("there is no payment to refund")
        return page.payment_intent if isinstance(page.payment_intent, str) else page.payment_intent.id

    def _client(self, account: Account | None) -> stripe.StripeClient:
        if account is None or account.sealed_key is None:
            raise ProviderUnavailable("the shop has removed its key")
        return self._client_with(self._unseal(account.sealed_key))

    def _client_with(self, key: str) -> stripe.StripeClient:
        http = stripe.RequestsClient(timeout=TIMEOUT_SECONDS)
        return stripe.StripeClient(
            key,
            base_addresses={"api": self.api} if self.api else None,
            max_network_retries=1,
            http_client=http,
        )

    def _seal(self, text: str) -> str:
        return seal(self.secrets[0], text, OF_PROVIDERS)

    def _unseal(self, sealed: str) -> str:
        for secret in self.secrets:
            text = unseal(secret, sealed, OF_PROVIDERS)
            if text is not None:
                return text
        raise ProviderUnavailable("the key was sealed with another SECRET_KEY")


def _refunded(made: stripe.Refund) -> Outcome:
    if made.status == "succeeded":
        return Outcome.SUCCEEDED
    if made.status in ("failed", "canceled"):
        return Outcome.DECLINED
    raise ProviderUnavailable("the refund is on its way")


def _message(event: dict[str, Any], provider: Provider) -> ProviderMessage:
    """Raises ``ValueError``, ``KeyError`` or ``TypeError`` for what is no event of this account."""
    if event["livemode"] != (provider is Provider.STRIPE):
        raise ValueError("an event of the other mode")
    about = event["data"]["object"]
    amount = about.get("amount_total", about.get("amount")) or 0
    if not isinstance(amount, int):
        raise ValueError("an amount is a number of minor units")
    return ProviderMessage(
        str(event["id"])[:255],
        str(event["type"])[:64],
        str(about["id"])[:255],
        _uuid((about.get("metadata") or {}).get("payment")),
        amount,
        str(about.get("currency") or "").upper()[:3],
    )


def _named(metadata: Any, name: str) -> str | None:
    """One of the texts that were sent along when something was made."""
    return metadata[name] if metadata and name in metadata else None


def _uuid(text: str | None) -> UUID | None:
    with suppress(ValueError):
        return UUID(text) if text else None
    return None
