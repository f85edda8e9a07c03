"""Customers who pay on the provider's page, each in a way of their own, over HTTP and as often as it takes."""

from __future__ import annotations

import http.client
import random
import threading
import time
import urllib.parse
import urllib.request
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID, uuid4

from tests.standin.account import Account, Thing

from .clients import FORM, LONGEST_PAUSE, MOST_TRIES, PATIENCE, GaveUp, sign_in


class Browser:
    """A signed-in person; what was refused for now or broke is sent again, and ``answers`` counts every status."""

    def __init__(self, port: int, email: str, answers: Counter[str]) -> None:
        self.port, self.answers = port, answers
        self.person = sign_in(port, email)

    def send(self, path: str, **fields: object) -> str:
        """The address to which the answer leads, if any."""
        body = urllib.parse.urlencode(fields | {"csrf_token": self.person.token})
        for _ in range(MOST_TRIES):
            status, location = self._send_once(path, body)
            self.answers[str(status or "cut")] += 1
            if status not in (0, 503):
                return location
            pause()
        raise GaveUp(f"{path} had no answer after {MOST_TRIES} tries")

    def _send_once(self, path: str, body: str) -> tuple[int, str]:
        own = (f"127.0.1.{random.randint(1, 250)}", 0)
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE, source_address=own)
        try:
            connection.request("POST", path, body, FORM | {"Cookie": self.person.cookie})
            response = connection.getresponse()
            response.read()
            return response.status, response.headers["Location"] or ""
        except (OSError, http.client.HTTPException):
            return 0, ""
        finally:
            connection.close()


@dataclass
class Errand:
    """An installment to be paid in minor units, and the ``story`` of how; ``late_page`` was paid after it had ended."""

    story: Callable[[Errand, Browser, Browser, Account], None]
    email: str
    plan_id: UUID
    installment_id: UUID
    amount: int
    late_page: str | None = None


def pays(errand: Errand, customer: Browser, shop: Browser, account: Account) -> None:
    press(account, "pay", open_page(errand, customer, account))


def pays_anew(errand: Errand, customer: Browser, account: Account, stopped: Thing) -> None:
    press(account, "pay", open_page(errand, customer, account, stopped))


def is_declined_first(errand: Errand, customer: Browser, shop: Browser, account: Account) -> None:
    page = open_page(errand, customer, account)
    press(account, "decline", page)
    press(account, "pay", page)


def leaves_and_continues(errand: Errand, customer: Browser, shop: Browser, account: Account) -> None:
    page = open_page(errand, customer, account)
    press(account, "leave", page)
    there = until_page(account, lambda: customer.send(f"{payment_at(page)}/continue"))
    press(account, "pay", there)


def stops_and_pays_anew(errand: Errand, customer: Browser, shop: Browser, account: Account) -> None:
    page = open_page(errand, customer, account)
    stop(customer, page)
    pays_anew(errand, customer, account, page)


def stops_while_it_is_paid(errand: Errand, customer: Browser, shop: Browser, account: Account) -> None:
    """In two windows; if the stop came first, the customer begins anew."""
    page = open_page(errand, customer, account)
    paying = threading.Thread(target=press, args=(account, "pay", page))
    paying.start()
    stop(customer, page)
    paying.join()
    if page["status"] == "expired":
        pays_anew(errand, customer, account, page)


def pays_after_cash_did(errand: Errand, customer: Browser, shop: Browser, account: Account) -> None:
    """The payment is stopped and the shop has the money in cash; then the provider takes it all the same."""
    page = open_page(errand, customer, account)
    stop(customer, page)
    today = datetime.now(UTC).date()
    amount = f"{errand.amount / 100:.2f}"
    cash = {"amount": amount, "method": "cash", "received_on": today, "owed": errand.amount, "key": uuid4()}
    for _ in range(MOST_TRIES):
        if shop.send(f"/merchant/plans/{errand.plan_id}/payments/new", **cash):
            break
        stop(customer, page)  # Its answer was lost before it was noted.
        pause()
    else:
        raise GaveUp(f"no cash was recorded on {errand.plan_id}")
    page |= {"status": "open"}
    press(account, "pay", page)
    errand.late_page = page["id"]


STORIES = (
    pays,
    is_declined_first,
    leaves_and_continues,
    stops_and_pays_anew,
    stops_while_it_is_paid,
    pays_after_cash_did,
)


def open_page(errand: Errand, customer: Browser, account: Account, stopped: Thing | None = None) -> Thing:
    """Press Pay until it leads to a page; if the answer to stopping another was lost, that is stopped again."""
    form = {"amount": errand.amount, "plan": errand.plan_id, "page": "plan", "key": uuid4()}

    def pay() -> str:
        if stopped:
            stop(customer, stopped)
        return customer.send(f"/customer/installments/{errand.installment_id}/pay", **form)

    return until_page(account, pay)


def until_page(account: Account, ask: Callable[[], str]) -> Thing:
    for _ in range(MOST_TRIES):
        name = ask().rpartition("/pay/")[2]
        if name in account.things:
            return account.things[name]
        pause()
    raise GaveUp("no page was opened")


def stop(customer: Browser, page: Thing) -> None:
    """Press Stop until the provider's page is closed."""
    for _ in range(MOST_TRIES):
        customer.send(f"{payment_at(page)}/stop")
        if page["status"] != "open":
            return
        pause()
    raise GaveUp(f"{page['id']} was never closed")


def press(account: Account, button: str, page: Thing) -> None:
    """Press a button of the provider's page; where it leads is not opened."""
    body = urllib.parse.urlencode({"do": button}).encode()
    opener = urllib.request.build_opener(Stay)
    opener.open(urllib.request.Request(f"{account.base}/pay/{page['id']}", body), timeout=PATIENCE).close()


class Stay(urllib.request.HTTPErrorProcessor):
    def http_response(self, request: object, response: object) -> object:
        return response


def payment_at(page: Thing) -> str:
    return f"/customer/payments/{page['client_reference_id']}"


def pause() -> None:
    time.sleep(random.uniform(0.05, LONGEST_PAUSE))
