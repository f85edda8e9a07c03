"""Sixteen people's browsers, as threads that keep their connections open; each answer is kept, even a broken one."""

from __future__ import annotations

import http.client
import random
import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlencode

from tests import factories
from tests.browserlike import Forms

CLIENTS = 16
MOST_TRIES = 200
LONGEST_PAUSE = 0.5
PATIENCE = 60
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class Order(Protocol):
    """A money form that the person with this address sends; ``fields`` are those beside the token of its page."""

    @property
    def email(self) -> str: ...
    @property
    def path(self) -> str: ...
    @property
    def key(self) -> str: ...
    @property
    def fields(self) -> dict[str, str]: ...


@dataclass(frozen=True, slots=True)
class SignedIn:
    """What a browser keeps after signing in: the cookie, and the token that its forms send."""

    cookie: str
    token: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back for one try of an order; ``status`` 0 is a connection that broke. Times are monotonic seconds."""

    order: Order
    status: int
    retry_after: str | None
    began: float
    ended: float


# The portal takes 300 from one network.
SIGN_INS_A_MINUTE = 280


class GaveUp(Exception):
    """An order that was still refused or broken after many tries."""


def sign_in(port: int, email: str) -> SignedIn:
    """Sign in as a browser would: open the form, send it with its token, open a page behind."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    cookie, page = _ask(connection, "GET", "/login")
    fields = Forms(page).all[0].fields | {"email": email, "password": factories.PASSWORD}
    cookie, _page = _ask(connection, "POST", "/login", cookie, urlencode(fields))
    cookie, page = _ask(connection, "GET", "/account", cookie)
    connection.close()
    tokens = [form.fields["csrf_token"] for form in Forms(page).all if form.action == "/logout"]
    if not tokens:
        raise GaveUp(f"{email} was not signed in")
    return SignedIn(cookie, tokens[0])


def _ask(
    connection: http.client.HTTPConnection, method: str, path: str, cookie: str = "", body: str = ""
) -> tuple[str, str]:
    connection.request(method, path, body, FORM | {"Cookie": cookie})
    response = connection.getresponse()
    page = response.read().decode()
    cookies = dict(pair.split("=", 1) for pair in cookie.split("; ") if pair)
    for given in response.headers.get_all("Set-Cookie", []):
        cookies |= [given.partition(";")[0].split("=", 1)]
    return "; ".join(map("=".join, cookies.items())), page


class Load:
    """Sends orders from sixteen threads; ``log`` holds every answer, in the order in which they came."""

    def __init__(self, port: int, orders: Iterable[Order], seed: int) -> None:
        self.port, self.seed = port, seed
        self.log: list[Answer] = []
        self._orders: Iterator[Order] = iter(orders)
        self._one_at_a_time = threading.Lock()
        self._signed_in: dict[str, SignedIn] = {}
        self._failed = threading.Event()

    def sign_in(self, emails: Iterable[str]) -> None:
        for number, email in enumerate(emails, start=1):
            self._signed_in[email] = sign_in(self.port, email)
            if number % SIGN_INS_A_MINUTE == 0:
                time.sleep(61)

    def cookie_of(self, email: str) -> str:
        return self._signed_in[email].cookie

    def run(self) -> None:
        """Returns when every order has its answer. Raises ``GaveUp`` and stops all if one has none in the end."""
        with ThreadPoolExecutor(CLIENTS) as threads:
            for client in [threads.submit(self._client, number) for number in range(CLIENTS)]:
                client.result()

    def _client(self, number: int) -> None:
        chance = random.Random(f"{self.seed} {number}")
        # Each from an address of its own, since a proxy counts the requests of one.
        own = (f"127.0.1.{number + 1}", 0)
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE, source_address=own)
        try:
            while not self._failed.is_set() and (order := self._next()):
                self._until_answered(connection, order, chance)
        except BaseException:
            self._failed.set()
            raise
        finally:
            connection.close()

    def _next(self) -> Order | None:
        with self._one_at_a_time:
            return next(self._orders, None)

    def _until_answered(
        self, connection: http.client.HTTPConnection, order: Order, chance: random.Random
    ) -> None:
        """Repeat with the same key while the answer is 503 or broken, sooner than Retry-After asks: it must hold."""
        for _attempt in range(MOST_TRIES):
            answer = self._send(connection, order, by_htmx=chance.random() < 0.8)
            self.log.append(answer)
            if answer.status not in (0, 503):
                return
            time.sleep(chance.uniform(0.05, LONGEST_PAUSE))
        raise GaveUp(f"{order.path} with {order.key} had no answer after {MOST_TRIES} tries")

    def _send(self, connection: http.client.HTTPConnection, order: Order, *, by_htmx: bool) -> Answer:
        person = self._signed_in[order.email]
        fields = order.fields | {"csrf_token": person.token, "key": order.key}
        headers = FORM | {"Cookie": person.cookie} | ({"HX-Request": "true"} if by_htmx else {})
        began = time.monotonic()
        try:
            connection.request("POST", order.path, urlencode(fields), headers)
            response = connection.getresponse()
            response.read()
            status, retry_after = response.status, response.headers["Retry-After"]
        except (OSError, http.client.HTTPException):
            connection.close()
            status, retry_after = 0, None
        return Answer(order, status, retry_after, began, time.monotonic())
