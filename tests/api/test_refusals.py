"""Each refusal that an operation describes is provoked, and is word for word the example that its description gives."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import uuid4

import pytest

from portal.adapters.payments import Outcome
from portal.adapters.payments.simulator import Simulator
from portal.api import examples
from portal.api.answers import INSTALLMENT_ID
from tests import factories
from tests.api.conftest import Program, customer_of, in_days, new_plan

pytestmark = pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)

# What the floods and locks of other tests provoke.
ELSEWHERE = {"429", "503"}
OF_CUSTOMERS = ("/accept/", "/decline/", "/pay/")
# No kind of account is refused here, but what a page of another site sends.
OPEN = ("/register/", "/token/", "/token/refresh/", "/verify-email/")
MOVED = {"installments": [{"id": INSTALLMENT_ID, "due_date": in_days(15)}]}
# What is at fault in a request that is otherwise understood, by the end of its address.
FAULTS = {
    "/register/": {
        "json": {
            "username": "shop2",
            "email": "x",
            "password": factories.PASSWORD,
            "role": "merchant",
            "password2": factories.PASSWORD,
        }
    },
    "/token/": {"json": {"username": "shop"}},
    "/refresh/": {"json": {}},
    "/verify-email/": {"json": {}},
    "/plans/": {"json": new_plan(num_installments=61)},
    "/refunds/": {"json": {"amount": "100.01"}},
    "/payments/": {"json": {"amount": "100.01", "method": "cash"}},
    "/reverse/": {"json": {"reason": "Bounced"}, "headers": {"Idempotency-Key": " "}},
    "/amendments/": {"json": MOVED, "headers": {"Idempotency-Key": " "}},
    "/analytics/": {"query_string": {"period": "7d"}},
    "list": {"query_string": {"limit": "0"}},
    "key": {"headers": {"Idempotency-Key": " "}},
}


def fault(method: str, path: str) -> dict:
    if method == "get":
        return FAULTS["/analytics/" if "analytics" in path else "list"]
    return next((sent for end, sent in FAULTS.items() if path.endswith(end)), FAULTS["key"])


# What a request says that is sound in itself, by the end of its address.
BODIES = {
    "/refunds/": {"amount": "1.00"},
    "/payments/": {"amount": "1.00", "method": "cash"},
    "/reverse/": {"reason": "Bounced"},
    "/amendments/": MOVED,
}


class Declining(Simulator):
    """A provider that takes money and sends none back."""

    def refund(self, request):
        return Outcome.DECLINED


@dataclass
class Operation:
    """One operation, called so that it refuses in the way that is asked for; by the boss, who is of no use here."""

    method: str
    path: str
    shop: Program
    ada: Program
    boss: Program
    plan: dict
    paid: str = ""

    @property
    def body(self) -> dict | None:
        sound = (sent for end, sent in BODIES.items() if self.path.endswith(end))
        return next(sound, None) if self.method == "post" else None

    def call(self, program: Program, plan: dict | None = None, **more):
        plan = plan or self.plan
        ids = {"plan_id": plan["id"], "installment_id": plan["installments"][0]["id"]}
        ids |= {"payment_id": self.paid or plan["id"], "number": 1}
        return program.call(self.method, self.path.removeprefix("/api").format(**ids), **more)

    @property
    def own(self) -> Program:
        return self.ada if self.path.endswith(OF_CUSTOMERS) else self.shop

    def is_400(self):
        return self.call(self.own, data="{")

    def is_401(self):
        wrong = {"/token/": {"username": "nobody", "password": "x"}, "/refresh/": {"refresh": "x"}}
        sent = next((body for end, body in wrong.items() if self.path.endswith(end)), None)
        return self.call(Program(self.shop.client.application), json=sent)

    def is_402(self):
        if self.path.endswith("/payments/"):
            self.ada.post(f"/plans/{self.plan['id']}/accept/")
            return self.call(self.ada, json={"amount": "25.00"})
        return self.call(self.ada)

    def is_403(self):
        if self.path.endswith(OPEN):
            return self.call(self.own, json={}, headers={"Origin": "https://evil.example.com"})
        return self.call(self.boss)

    def is_404(self):
        nowhere = {"id": uuid4(), "installments": [{"id": uuid4()}]}
        if self.path.endswith("/verify-email/"):
            return self.call(self.own, json={"token": "no link"})
        return self.call(self.own, nowhere, json=self.body)

    def is_409(self):
        """What was done is not done again, no money of an offer moves, and nobody is sent offers without end."""
        if self.path == "/api/plans/":
            offer = new_plan(customer_email="busy@example.com")
            return [self.call(self.shop, json=offer) for _ in range(21)][-1]
        if "/amendments/" in self.path:
            return self.is_amended_already()
        if not self.body or "/reverse/" in self.path:
            self.ada.post(f"/plans/{self.plan['id']}/accept/")
        if "/reverse/" in self.path:
            by_card = self.ada.post(f"/plans/{self.plan['id']}/payments/", json={"amount": "25.00"})
            self.paid = by_card.json["id"]
        elif not self.body:
            self.call(self.own)
        return self.call(self.own, json=self.body)

    def is_amended_already(self):
        """Earlier dates wait for the customer; they are declined before anything else is done about them."""
        proposed = f"/plans/{self.plan['id']}/amendments/"
        last = self.plan["installments"][-1]["id"]
        earlier = {"installments": [{"id": last, "due_date": in_days(80)}]}
        self.ada.post(f"/plans/{self.plan['id']}/accept/")
        assert self.shop.post(proposed, json=earlier).json["state"] == "proposed"
        if not self.body:
            self.ada.post(f"{proposed}1/decline/")
        return self.call(self.own, json=self.body and earlier)

    def is_413(self):
        return self.call(self.own, data=b" " * 1_000_001)

    def is_415(self):
        return self.call(self.own, data="{}", content_type="text/plain")

    def is_422(self):
        self.ada.post(f"/plans/{self.plan['id']}/accept/")
        return self.call(self.own, **fault(self.method, self.path))


@pytest.fixture
def refuse(app, session, shop, ada):
    """Has an operation refuse with a status, on a plan that was just offered."""
    factories.make_admin(session, "Boss")
    boss = Program(app)
    boss.sign_in("boss@example.com")

    def refusal(method: str, path: str, status: str):
        plan = shop.post("/plans/", json=new_plan()).json
        answer = getattr(Operation(method, path, shop, ada, boss, plan), f"is_{status}")()
        # Offers that nobody answers are not piled up.
        shop.post(f"/plans/{plan['id']}/cancel/")
        return answer

    return refusal


def refusals(description: dict) -> list[tuple[str, str, str, dict]]:
    return [
        (method, path, status, described)
        for path, operations in description["paths"].items()
        for method, operation in operations.items()
        for status, described in operation["responses"].items()
        if status >= "400" and status not in ELSEWHERE
    ]


def test_every_refusal_is_as_described(shop, ada, session, plan, refuse):
    described_ones = refusals(shop.get("/openapi.json").json)
    assert len(described_ones) > 70
    customer = customer_of(session, plan)
    for method, path, status, described in described_ones:
        if (status, path.rpartition("/api")[2]) == ("409", "/auth/verify-email/"):
            # A link needs a mail server: tests/api/test_verification.py.
            continue
        if status == "402" and path.endswith("/refunds/"):
            continue
        factories.choose_card(session, customer, "declined" if status == "402" else "succeeds")
        answer = refuse(method, path, status)
        told = described["content"]["application/problem+json"]["example"]
        assert (answer.status_code, answer.json) == (int(status), told), (method, path, status)
        assert set(described["headers"]) <= set(answer.headers.keys()), (method, path, status)


def test_a_return_that_is_declined_is_as_described(app, shop, ada, plan):
    assert ada.post(f"/plans/installments/{plan['installments'][0]['id']}/pay/").status_code == 200
    factories.replace_adapters(app, gateway=Declining())
    answer = shop.post(f"/plans/{plan['id']}/refunds/", json={"amount": "80.00"})
    told = examples.NOT_SENT_BACK[402]
    assert answer.status_code == 402 and answer.json.keys() == told.keys()
    assert answer.json | {"refund": None} == told | {"refund": None}
    for name in ("amount", "currency", "status", "cancelled", "returned"):
        assert answer.json["refund"][name] == told["refund"][name], name
