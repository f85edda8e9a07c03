"""The stand-in's HTTP server: the provider's API, its hosted page, and the webhooks that it sends."""

from __future__ import annotations

import html
import json
import queue
import random
import re
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import stripe

from .account import Account, Refusal, Thing

HEAD = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><link rel="icon" href="data:,">'
    '<meta name="viewport" content="width=device-width">'
)
PAGE = (
    HEAD
    + """<title>Pay · stand-in</title><body><h1>{text}</h1><p>{amount} {currency}</p>{notice}
<p>This page stands in for the provider's. No card is asked for, and no money moves.</p>
<form method="post"><button name="do" value="pay">Pay</button> <button name="do" value="decline">Decline</button>
<button name="do" value="leave">Leave</button></form></body></html>"""
)
SAVE = (
    HEAD
    + """<title>Save a card · stand-in</title><body><h1>Save a card</h1>
<p>This page stands in for the provider's. No card is asked for, and no money moves.</p>
<form method="post"><p><label>Later payments <select name="decline"><option value="">succeed</option>
<option value="insufficient_funds">are declined: insufficient funds</option>
<option value="generic_decline">are declined</option><option value="lost_card">are declined: lost card</option>
<option value="authentication_required">need the customer</option></select></label></p>
<button name="do" value="pay">Save</button> <button name="do" value="leave">Leave</button></form></body></html>"""
)
CLOSED = HEAD + "<title>Closed</title><body><h1>This page is closed.</h1></body></html>"
KEY = re.compile(r"Bearer ((?:sk|rk)_(test|live)_([a-z0-9]+)\w*)")
# What a page may be asked for; the provider refuses names that it does not know.
OF_PAGE = {
    *(
        "mode",
        "allowed_payment_method_types",
        "adaptive_pricing",
        "client_reference_id",
        "customer_email",
        "customer",
    ),
    *(
        "line_items",
        "metadata",
        "payment_intent_data",
        "setup_intent_data",
        "success_url",
        "cancel_url",
        "expires_at",
    ),
    *("currency", "customer_creation"),
}
OF_PAYMENT = {
    *("amount", "currency", "customer", "payment_method", "allowed_payment_method_types"),
    *("off_session", "confirm", "description", "metadata"),
}

# What a restricted key has to be given for a part of an address, or for what an answer writes out.
RIGHTS = {
    "checkout": "Checkout Sessions",
    "payment_intents": "PaymentIntents",
    "payment_intent": "PaymentIntents",
    "refunds": "Refunds",
    "disputes": "Disputes",
    "webhook_endpoints": "Webhook Endpoints",
    "setup_intent": "SetupIntents",
    "payment_method": "PaymentMethods",
}

# Given an address, a body and its signature; False if the receiver did not take it.
Deliver = Callable[[str, bytes, str], bool | None]
MOST_TRIES, RETRY_SECONDS = 100, 2


@dataclass
class Webhook:
    """An event on its way, which is signed anew whenever it is sent."""

    url: str
    body: str
    secret: str
    tries: int = 0


@dataclass
class Faults:
    """What goes wrong: calls that are ``unheard``, answers that are ``cut`` off after the work was done, webhooks
    ``lost``, ``doubled`` and ``late``; each a share of all, from 0 to 1. Each answer is ``slow`` by so many seconds."""

    unheard: float = 0
    cut: float = 0
    lost: float = 0
    doubled: float = 0
    late_seconds: float = 0
    slow_seconds: float = 0


def post(url: str, body: bytes, signature: str) -> bool:
    """Send one webhook; whether it was answered with 200."""
    headers = {"Content-Type": "application/json", "Stripe-Signature": signature}
    try:
        urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=30).close()
    except OSError:
        return False
    return True


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Who asked was killed meanwhile, or something is wrong here."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class StandIn:
    """Accounts by their keys: those of one account share the part after the mode, as in ``rk_test_harbor_2``.

    While it is ``closed`` it refuses every key. ``rights`` are those that the calls so far have needed.
    """

    def __init__(self, port: int = 0, deliver: Deliver = post) -> None:
        self.deliver, self.faults, self.accounts = deliver, Faults(), dict[str, Account]()
        self.outbox: queue.Queue[Webhook] = queue.Queue()
        self.lock, self.closed = threading.Lock(), False
        self.rights: set[tuple[str, str]] = set()
        self.ended = threading.Event()
        handler = type("Handler", (Handler,), {"standin": self})
        self.server = Server(("127.0.0.1", port), handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def account(self, key: str) -> Account:
        mode, name = key.split("_")[1:3]
        with self.lock:
            return self.accounts.setdefault(f"{mode}_{name}", Account(mode == "live", self.url, self.notify))

    def find_page(self, page_id: str) -> Account | None:
        return next((account for account in self.accounts.values() if page_id in account.things), None)

    def notify(self, event: Thing, hook: Thing) -> None:
        copies = 0 if random.random() < self.faults.lost else 1 + (random.random() < self.faults.doubled)
        for _ in range(copies):
            self.outbox.put(Webhook(hook["url"], json.dumps(event), hook["secret"]))

    def send_webhooks(self) -> bool:
        """Send those that wait, one after the other, in no order if they are late.

        What is not taken waits for the next time; whether all was taken.
        """
        waiting = []
        with suppress(queue.Empty):
            while True:
                waiting.append(self.outbox.get_nowait())
        if self.faults.late_seconds:
            random.shuffle(waiting)
        refused = []
        for webhook in waiting:
            signature = stripe.WebhookSignature.generate_signature_header(webhook.body, webhook.secret)
            webhook.tries += 1
            if self.deliver(webhook.url, webhook.body.encode(), signature) is False:
                refused.append(webhook)
        for webhook in refused:
            if webhook.tries < MOST_TRIES:
                self.outbox.put(webhook)
        return not refused

    def serve(self) -> None:
        threading.Thread(target=self._send_forever, daemon=True).start()
        self.server.serve_forever(poll_interval=0.05)

    def _send_forever(self) -> None:
        while not self.ended.wait(0.05 + random.random() * self.faults.late_seconds):
            if not self.send_webhooks():
                self.ended.wait(RETRY_SECONDS)

    @contextmanager
    def running(self, *, sending: bool = False) -> Iterator[StandIn]:
        """Serving in threads; without ``sending`` the webhooks wait for ``send_webhooks``."""
        target = self.serve if sending else lambda: self.server.serve_forever(poll_interval=0.05)
        threading.Thread(target=target, daemon=True).start()
        try:
            yield self
        finally:
            self.ended.set()
            self.server.shutdown()
            self.server.server_close()


class Handler(BaseHTTPRequestHandler):
    standin: StandIn
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer("GET")

    def do_POST(self) -> None:
        self._answer("POST")

    def do_DELETE(self) -> None:
        self._answer("DELETE")

    def log_message(self, *args: Any) -> None:
        pass

    def _answer(self, method: str) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        if len(body) < length:  # Who asked was killed meanwhile.
            self.close_connection = True
            return None
        sent = body.decode()
        path, query = urlsplit(self.path).path, urlsplit(self.path).query
        if path.startswith("/pay/"):
            return self._hosted(method, path.removeprefix("/pay/"), sent)
        if random.random() < self.standin.faults.unheard:
            self.close_connection = True
            return None
        try:
            key = KEY.fullmatch(self.headers.get("Authorization") or "")
            if key is None or "refused" in key[1] or self.standin.closed:
                raise Refusal("Invalid API Key provided.", status=401)
            account = self.standin.account(key[1])
            with account.lock:
                answer = self._call(account, method, path, sent or query)
            time.sleep(self.standin.faults.slow_seconds)
            if random.random() < self.standin.faults.cut:
                self.close_connection = True
                return None
            return self._write(200, "application/json", json.dumps(answer))
        except Refusal as refusal:
            return self._write(refusal.status, "application/json", json.dumps(refusal.body))

    def _call(self, account: Account, method: str, path: str, text: str) -> Thing:
        """One of the calls that the portal makes; anything else is not there."""
        sent = nested(parse_qsl(text, keep_blank_values=True))
        place = path.removeprefix("/v1/").split("/")
        self.standin.rights |= set(rights_for(method, place[0], sent))
        match method, place:
            case "POST", ["checkout", "sessions"]:
                refuse_unknown(sent, OF_PAGE)
                return self._once(account, text, lambda: account.open_page(sent))
            case "GET", ["checkout", "sessions"]:
                return listed(account.all("checkout.session"), sent, path)
            case "GET", ["checkout", "sessions", page]:
                found = account.get(page, "checkout.session")
                return with_card(account, found) if "expand" in sent else found
            case "POST", ["checkout", "sessions", page, "expire"]:
                return account.expire(page)
            case "POST", ["payment_intents"]:
                refuse_unknown(sent, OF_PAYMENT)
                return self._once(account, text, lambda: account.charge(sent))
            case "GET", ["payment_intents"]:
                return listed(account.all("payment_intent"), sent, path)
            case "GET", ["payment_intents", paid]:
                return account.get(paid, "payment_intent")
            case "POST", ["refunds"]:
                return self._once(account, text, lambda: account.refund(sent))
            case "GET", ["refunds"]:
                of = [r for r in account.all("refund") if r["payment_intent"] == sent.get("payment_intent")]
                return listed(of, sent, path)
            case "GET", ["refunds", refund]:
                found = account.get(refund, "refund")
                return found | {"payment_intent": account.get(found["payment_intent"], "payment_intent")}
            case "GET", ["disputes", dispute]:
                found = account.get(dispute, "dispute")
                return found | {"payment_intent": account.get(found["payment_intent"], "payment_intent")}
            case "POST", ["webhook_endpoints"]:
                return account.add_webhook(sent)
            case "DELETE", ["webhook_endpoints", hook]:
                account.things.pop(hook, None)
                return {"id": hook, "object": "webhook_endpoint", "deleted": True}
        raise Refusal(f"Unrecognized request URL ({method}: {path}).", status=404)

    def _once(self, account: Account, text: str, make: Callable[[], Thing]) -> Thing:
        return account.once(self.headers.get("Idempotency-Key"), text, make)

    def _hosted(self, method: str, page_id: str, sent: str) -> None:
        account = self.standin.find_page(page_id)
        if account is None or account.get(page_id, "checkout.session")["status"] != "open":
            return self._write(200, "text/html", CLOSED)
        page = account.get(page_id, "checkout.session")
        form = dict(parse_qsl(sent)) if method == "POST" else {}
        chosen = form.get("do")
        if chosen == "pay":
            try:
                with account.lock:
                    account.pay(page_id, form.get("decline"))
            except Refusal:  # The portal closed the page meanwhile.
                return self._write(200, "text/html", CLOSED)
            return self._redirect(page["success_url"])
        if chosen == "leave":
            return self._redirect(page["cancel_url"])
        if page["mode"] == "setup":
            return self._write(200, "text/html", SAVE)
        notice = "<p role='alert'>Your card was declined.</p>" if chosen == "decline" else ""
        about = {
            "text": html.escape(page["text"]),
            "amount": page["amount_total"],
            "currency": page["currency"],
        }
        return self._write(200, "text/html", PAGE.format(notice=notice, **about))

    def _redirect(self, url: str) -> None:
        self.send_response(303)
        self.send_header("Location", url)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _write(self, status: int, kind: str, text: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        with suppress(ConnectionError):  # Who asked was killed meanwhile.
            self.wfile.write(body)


def rights_for(method: str, kind: str, sent: Thing) -> Iterator[tuple[str, str]]:
    """What a restricted key needs for a call, as the provider's dashboard names it, and whether to read or to write."""
    if kind in RIGHTS:
        yield RIGHTS[kind], "read" if method == "GET" else "write"
    if "customer_creation" in sent:
        yield "Customers", "write"
    for names in sent.get("expand", {}).values():
        yield from ((RIGHTS[name], "read") for name in names.split("."))


def refuse_unknown(sent: Thing, known: set[str]) -> None:
    if unknown := set(sent) - known:
        raise Refusal(f"Received unknown parameter: {sorted(unknown)[0]}", "parameter_unknown")


def with_card(account: Account, page: Thing) -> Thing:
    """A page for a card with what was saved on it written out."""
    if not page["setup_intent"]:
        return page
    setup = account.things[page["setup_intent"]]
    return page | {"setup_intent": setup | {"payment_method": account.things[setup["payment_method"]]}}


def nested(pairs: list[tuple[str, str]]) -> Thing:
    """``a[b][0]=c`` as {"a": {"b": {"0": "c"}}}."""
    found: Thing = {}
    for name, value in pairs:
        *outer, last = [part.rstrip("]") for part in name.split("[")]
        place = found
        for part in outer:
            place = place.setdefault(part, {})
        place[last] = value
    return found


def listed(things: list[Thing], sent: Thing, path: str) -> Thing:
    """Newest first, a page at a time, perhaps of those made in a span of seconds."""
    span = sent.get("created", {})
    first, last = int(span.get("gte", 0)), int(span.get("lte", 1e12))
    found = [thing for thing in reversed(things) if first <= thing["created"] <= last]
    if after := sent.get("starting_after"):
        found = found[[thing["id"] for thing in found].index(after) + 1 :]
    limit = int(sent.get("limit", 10))
    return {"object": "list", "data": found[:limit], "has_more": len(found) > limit, "url": path}
