"""What the stand-in keeps of one account, from pages to webhooks, and what it refuses as Stripe does."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Thing = dict[str, Any]
SHORTEST_SECONDS, LONGEST_SECONDS = 30 * 60, 24 * 60 * 60


class Refusal(Exception):
    """An error as the provider answers it."""

    def __init__(
        self, message: str, code: str | None = None, kind: str = "invalid_request_error", status: int = 400
    ):
        super().__init__(message)
        self.status = status
        self.body: Thing = {"error": {"type": kind, "message": message} | ({"code": code} if code else {})}


@dataclass
class Account:
    """``notify`` is told of each event and each webhook that is to get it; refunds begin with a ``refund_status``."""

    live: bool
    base: str
    notify: Callable[[Thing, Thing], None]
    things: dict[str, Thing] = field(default_factory=dict)
    answers: dict[str, tuple[str, Thing | Refusal]] = field(default_factory=dict)
    refund_status: str = "succeeded"
    lock: threading.RLock = field(default_factory=threading.RLock)

    # --- Pages

    def open_page(self, sent: Thing) -> Thing:
        closes_at = int(sent.get("expires_at", time.time() + LONGEST_SECONDS))
        if not SHORTEST_SECONDS <= closes_at - time.time() <= LONGEST_SECONDS:
            raise Refusal(
                "`expires_at` must be between 30 minutes and 24 hours after creation.", "parameter_invalid"
            )
        setup = sent["mode"] == "setup"
        prices = [item["price_data"] for item in sent.get("line_items", {}).values()]
        page = self._new("cs", "checkout.session") | {
            "client_reference_id": sent.get("client_reference_id"),
            "customer": None,
            "customer_email": sent.get("customer_email"),
            "metadata": sent.get("metadata", {}),
            "mode": sent["mode"],
            "amount_total": None if setup else sum(int(price["unit_amount"]) for price in prices),
            "currency": None if setup else prices[0]["currency"],
            "payment_intent": None,
            "setup_intent": None,
            "payment_status": "no_payment_required" if setup else "unpaid",
            "status": "open",
            "expires_at": closes_at,
            "success_url": sent["success_url"],
            "cancel_url": sent["cancel_url"],
            "text": "" if setup else prices[0]["product_data"]["name"],
            "about": (sent.get("payment_intent_data") or sent.get("setup_intent_data") or {}).get(
                "metadata", {}
            ),
        }
        page["url"] = f"{self.base}/pay/{page['id']}"
        return self._keep(page)

    def get(self, thing_id: str, kind: str) -> Thing:
        found = self.things.get(thing_id)
        if found is None or found["object"] != kind:
            raise Refusal(f"No such {kind}: {thing_id!r}", "resource_missing", status=404)
        if found.get("status") == "open" and found.get("expires_at", time.time()) < time.time():
            self.expire(thing_id)
        return found

    def expire(self, page_id: str) -> Thing:
        page = self.things.get(page_id)
        if page is None or page["status"] != "open":
            raise Refusal("Only pages with the status `open` can be expired.")
        page |= {"status": "expired", "url": None}
        self.tell("checkout.session.expired", page)
        return page

    def pay(self, page_id: str, decline: str | None = None) -> Thing:
        """The customer has paid on the page, or saved a card there, which later payments ``decline`` with a code."""
        page = self.get(page_id, "checkout.session")
        if page["status"] != "open":
            raise Refusal("This page is closed.")
        if page["mode"] == "setup":
            card = self.save_card(page["customer_email"], decline)
            about = {"payment_method": card["id"], "status": "succeeded", "metadata": page["about"]}
            setup = self._keep(self._new("seti", "setup_intent") | about)
            page |= {"setup_intent": setup["id"], "customer": card["customer"]}
        else:
            paid = self.take(page["amount_total"], page["currency"], page["about"])
            page |= {"payment_intent": paid["id"], "payment_status": "paid"}
            self.tell("payment_intent.succeeded", paid)
        page |= {"status": "complete", "url": None}
        self.tell("checkout.session.completed", page)
        return page

    # --- Payments, refunds, disputes

    def take(self, amount: int, currency: str, about: Thing) -> Thing:
        paid = {"amount": amount, "currency": currency, "metadata": about, "status": "succeeded"}
        paid["last_payment_error"] = None
        return self._keep(self._new("pi", "payment_intent") | paid)

    def save_card(self, email: str | None, decline: str | None) -> Thing:
        customer = self._keep(self._new("cus", "customer") | {"email": email})
        card = {"customer": customer["id"], "type": "card", "card": {"brand": "visa", "last4": "4242"}}
        return self._keep(self._new("pm", "payment_method") | card | {"decline": decline})

    def charge(self, sent: Thing) -> Thing:
        """Take money from a saved card while its customer is away."""
        card = self.things.get(sent["payment_method"])
        if card is None:
            raise Refusal("No such PaymentMethod.", "resource_missing")
        if card["customer"] != sent["customer"]:
            raise Refusal("The PaymentMethod does not belong to the Customer.", "resource_missing")
        paid = self.take(int(sent["amount"]), sent["currency"], sent.get("metadata", {}))
        if code := card["decline"]:
            error = {"type": "card_error", "message": "Your card was declined.", "decline_code": code}
            error["code"] = code if code == "authentication_required" else "card_declined"
            paid |= {"status": "requires_payment_method", "last_payment_error": error}
            refusal = Refusal("Your card was declined.", status=402)
            refusal.body = {"error": error | {"payment_intent": dict(paid)}}
            raise refusal
        self.tell("payment_intent.succeeded", paid)
        return paid

    def refund(self, sent: Thing) -> Thing:
        paid = self.get(sent["payment_intent"], "payment_intent")
        given = sum(r["amount"] for r in self.all("refund") if r["payment_intent"] == paid["id"])
        amount = int(sent["amount"])
        if given + amount > paid["amount"]:
            raise Refusal(
                "The refund is greater than what is left of the payment.", "charge_already_refunded"
            )
        made = {
            "amount": amount,
            "currency": paid["currency"],
            "payment_intent": paid["id"],
            "status": self.refund_status,
        }
        return self._keep(self._new("re", "refund") | made | {"metadata": sent.get("metadata", {})})

    def fail_refund(self, refund_id: str) -> Thing:
        """The customer's bank has sent the money back."""
        refund = self.get(refund_id, "refund")
        refund["status"] = "failed"
        self.tell("refund.failed", refund)
        return refund

    def dispute(self, intent: str) -> Thing:
        paid = self.get(intent, "payment_intent")
        about = {"amount": paid["amount"], "currency": paid["currency"], "payment_intent": paid["id"]}
        made = self._keep(self._new("du", "dispute") | about | {"status": "needs_response", "metadata": {}})
        self.tell("charge.dispute.created", made)
        return made

    def close_dispute(self, dispute_id: str, status: str) -> Thing:
        dispute = self.get(dispute_id, "dispute")
        dispute["status"] = status
        self.tell("charge.dispute.closed", dispute)
        return dispute

    # --- Webhooks

    def add_webhook(self, sent: Thing) -> Thing:
        if self.live and not sent["url"].startswith("https:"):
            raise Refusal("Webhooks in live mode must be https.", "url_invalid")
        secret = f"whsec_{secrets.token_hex(16)}"
        hook = {"url": sent["url"], "secret": secret, "enabled_events": list(sent["enabled_events"].values())}
        return self._keep(self._new("we", "webhook_endpoint") | hook)

    def tell(self, kind: str, about: Thing) -> Thing:
        event = self._new("evt", "event") | {"type": kind, "data": {"object": dict(about)}}
        self._keep(event)
        for hook in self.all("webhook_endpoint"):
            if kind in hook["enabled_events"]:
                self.notify(event, hook)
        return event

    # --- What these share

    def all(self, kind: str) -> list[Thing]:
        return [thing for thing in self.things.values() if thing["object"] == kind]

    def once(self, key: str | None, sent: str, make: Callable[[], Thing]) -> Thing:
        """The same key gets the same answer; with something else it is refused."""
        with self.lock:
            if key is None:
                return make()
            if key not in self.answers:
                self.answers[key] = sent, self._try(make)
            before, answer = self.answers[key]
            if before != sent:
                raise Refusal(
                    "Keys for idempotent requests can only be used with the same parameters.",
                    kind="idempotency_error",
                )
            if isinstance(answer, Refusal):
                raise answer
            return answer

    @staticmethod
    def _try(make: Callable[[], Thing]) -> Thing | Refusal:
        """What is kept under a key: what was made, or that a card was declined; a wrong request is not kept."""
        try:
            return dict(make())
        except Refusal as refusal:
            if refusal.status != 402:
                raise
            return refusal

    def _new(self, prefix: str, kind: str) -> Thing:
        mode = "live" if self.live else "test"
        made = (
            f"{prefix}_{mode}_{secrets.token_hex(12)}"
            if prefix == "cs"
            else f"{prefix}_{secrets.token_hex(12)}"
        )
        return {"id": made, "object": kind, "created": int(time.time()), "livemode": self.live}

    def _keep(self, thing: Thing) -> Thing:
        self.things[thing["id"]] = thing
        return thing
