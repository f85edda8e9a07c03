"""An idempotency key does what it promises on every call that takes one: the same again, or another request refused."""

from __future__ import annotations

import json
import threading
import time
from uuid import UUID

import pytest
from sqlalchemy import select
from werkzeug.test import TestResponse

from portal.extensions import now
from portal.models import IdempotencyKey
from portal.services import idempotency, plans
from portal.services.transaction import unit_of_work
from tests import factories
from tests.api.conftest import Program, in_days, new_plan
from tests.browserlike import form_at
from tests.factories import PASSWORD, email_of

FIRST = "/plans/installments/{line}/pay/"
RECORDED = "/plans/{plan}/payments/"
ASKED = "/plans/{plan}/amendments/"
# Every call that takes a key: who sends it, what it needs to have happened before, its body and another's body or path.
KEYED = {
    "/api/plans/": ("shop", None, new_plan(), {"json": new_plan(total_amount="99.00")}),
    "/api/plans/{plan}/accept/": ("ada", None, None, {"path": "/plans/{plan}/decline/"}),
    "/api/plans/{plan}/decline/": ("ada", None, None, {"path": "/plans/{plan}/accept/"}),
    "/api/plans/{plan}/cancel/": (
        "shop",
        None,
        None,
        {"path": "/plans/{plan}/refunds/", "json": {"amount": "1"}},
    ),
    "/api/plans/{plan}/payments/": (
        "shop",
        FIRST,
        {"amount": "40.00", "method": "cash"},
        {"json": {"amount": "40.01", "method": "cash"}},
    ),
    "/api/plans/{plan}/payments/{recorded}/reverse/": (
        "shop",
        RECORDED,
        {"reason": "Bounced"},
        {"json": {"reason": "Typed twice"}},
    ),
    "/api/plans/{plan}/refunds/": ("shop", FIRST, {"amount": "80.00"}, {"json": {"amount": "80.01"}}),
    "/api/plans/{plan}/write-off/": (
        "shop",
        FIRST,
        {"reason": "Moved away"},
        {"json": {"reason": "Bankrupt"}},
    ),
    "/api/plans/{plan}/amendments/": (
        "shop",
        FIRST,
        {"installments": [{"id": "{other}", "due_date": in_days(40)}]},
        {"json": {"installments": [{"id": "{other}", "due_date": in_days(41)}]}},
    ),
    **{
        f"/api/plans/{{plan}}/amendments/{{amendment}}/{how}/": (
            who,
            ASKED,
            None,
            {"path": f"/plans/{{plan}}/amendments/{{amendment}}/{other}/"},
        )
        for how, who, other in (
            ("accept", "shop", "decline"),
            ("decline", "shop", "accept"),
            ("withdraw", "ada", "accept"),
        )
    },
    "/api/plans/installments/{line}/pay/": ("ada", None, None, {"path": "/plans/installments/{other}/pay/"}),
}


@pytest.mark.parametrize("path", KEYED)
def test_the_same_again_is_told_the_same_and_another_request_is_refused(app, shop, ada, plan, session, path):
    who, before, body, other = KEYED[path]
    ids = {"plan": plan["id"], "line": plan["installments"][0]["id"], "other": plan["installments"][1]["id"]}
    program = {"shop": shop, "ada": ada}[who]
    if before:
        ada.post(f"/plans/installments/{ids['line']}/pay/")
    if before == RECORDED:
        ids["recorded"] = shop.post(RECORDED.format(**ids), json={"amount": "5.00", "method": "cash"}).json[
            "id"
        ]
    if before == ASKED:
        wanted = [{"id": ids["other"], "due_date": in_days(40)}]
        ids["amendment"] = ada.post(ASKED.format(**ids), json={"installments": wanted}).json["number"]
    sent = {"path": path.removeprefix("/api"), **({"json": body} if body else {})}

    def send(**changed):
        asked = json.loads(json.dumps(sent | changed).replace("{other}", ids["other"]))
        return program.post(asked.pop("path").format(**ids), key="one", **asked)

    first = send()
    assert first.status_code in (200, 201)
    rows = factories.row_counts(session)
    again = send()
    assert (again.status_code, again.data) == (first.status_code, first.data)
    refused = send(**other)
    assert (refused.status_code, set(refused.json["errors"])) == (422, {"Idempotency-Key"})
    assert factories.row_counts(session) == rows


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
def test_no_call_that_takes_a_key_is_left_out(app, program):
    described = program.get("/openapi.json").json["paths"]
    keyed = {
        path
        for path, operations in described.items()
        for operation in operations.values()
        if any(sent["name"] == "Idempotency-Key" for sent in operation.get("parameters", []))
    }
    names = {"plan": "{plan_id}", "line": "{installment_id}", "recorded": "{payment_id}"}
    names["amendment"] = "{number}"
    assert keyed == {path.format(**names) for path in KEYED}


@pytest.mark.parametrize("first", ["form", "program"])
def test_a_key_of_a_form_is_another_request_to_a_program(app, shop, session, first):
    """Both make an offer, and each is answered in its own way."""
    browser = app.test_client()
    browser.submit("/login", {"email": email_of("shop"), "password": PASSWORD})
    fields = form_at(browser, "/merchant/plans/new", "/merchant/plans/new")
    fields |= new_plan() | {"num_installments": "4", "frequency": "monthly"}
    ways = [
        lambda: browser.post("/merchant/plans/new", data=fields),
        lambda: shop.post("/plans/", json=new_plan(), key=fields["key"]),
    ]
    one, another = ways if first == "form" else reversed(ways)
    assert one().status_code in (201, 303)
    assert another().status_code == 422
    assert factories.row_counts(session)["plans"] == 1


@pytest.mark.parametrize("engine_name", ["postgres"], indirect=True)
@pytest.mark.parametrize("answer", ["accept", "decline"])
def test_one_key_for_answering_and_for_paying_at_once_is_no_deadlock(app, shop, ada, plan, session, answer):
    """Paying and answering both lock the plan first, and then claim the key."""
    told: list[TestResponse] = []
    plan_id, shop_id = UUID(plan["id"]), UUID(plan["merchant"])
    customer_id = UUID(ada.get("/auth/me/").json["id"])
    another = plans.Cancellation(plan_id, None)
    program = Program(app)
    program.tokens = ada.tokens
    answering = threading.Thread(
        target=lambda: told.append(program.post(f"/plans/{plan_id}/{answer}/", key="one"))
    )
    with unit_of_work(session):
        plans.lock(session, shop_id, plan_id, now())
        answering.start()
        time.sleep(0.4)
        assert idempotency.claim(session, shop_id, customer_id, "one", another, now()) is None
    answering.join()
    assert [each.status_code for each in told] == [422]
    assert session.scalars(select(IdempotencyKey.key)).all() == ["one"]
