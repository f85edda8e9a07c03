"""Everything that programs change over the API, each call with success, as a shop and its customer would."""

from __future__ import annotations

from uuid import uuid4

from flask import Flask
from werkzeug.test import TestResponse

from portal.core.roles import Actor
from tests.api.conftest import Program, in_days, new_plan


class Calls:
    """A program whose calls all succeed, each with a key of its own if it changes something of a plan."""

    def __init__(self, app: Flask, email: str) -> None:
        self.program = Program(app)
        assert self.program.sign_in(email).status_code == 200

    def post(self, path: str, **body: object) -> TestResponse:
        answer = self.program.post(path, json=body, key=str(uuid4()) if path.startswith("/plans/") else None)
        assert answer.status_code < 300, (path, answer.text)
        return answer


def change_by_the_api(app: Flask, shop: Actor, customer: Actor) -> None:
    """Fails at the first call that does not succeed."""
    owner, ada = Calls(app, shop.email), Calls(app, customer.email)
    sign_up(app, ada)
    plan = make_plan(owner, customer)
    accepted = ada.post(f"/plans/{plan}/accept/").json
    first, second, *_ = accepted["installments"]
    ada.post(f"/plans/installments/{first['id']}/pay/")
    ada.post(f"/plans/{plan}/payments/", amount="1.00")
    recorded = owner.post(f"/plans/{plan}/payments/", amount="5.00", method="cash").json
    owner.post(f"/plans/{plan}/payments/{recorded['id']}/reverse/", reason="Bounced")
    amend(owner, ada, plan, second["id"])
    # More than is owed, so that the rest goes back.
    owner.post(f"/plans/{plan}/refunds/", amount="80.00")
    ada.post(f"/plans/{make_plan(owner, customer)}/decline/")
    for end in ("cancel", "write-off"):
        sold = make_plan(owner, customer)
        ada.post(f"/plans/{sold}/accept/")
        owner.post(f"/plans/{sold}/{end}/")


def sign_up(app: Flask, ada: Calls) -> None:
    newcomer = Program(app)
    assert newcomer.register("newcomer", "merchant").status_code == 201
    assert newcomer.sign_in("newcomer").status_code == 200
    ada.post("/token/refresh/", refresh=ada.program.tokens["refresh"])
    # Nothing is to be verified without emails; asked for all the same.
    for path, body in (("verify-email/", {"token": "x"}), ("verify-email/resend/", {})):
        assert newcomer.post(f"/auth/{path}", json=body).status_code < 500


def make_plan(owner: Calls, customer: Actor) -> str:
    return owner.post("/plans/", **new_plan(customer_email=customer.email)).json["id"]


def amend(owner: Calls, ada: Calls, plan: str, installment: str) -> None:
    """The shop proposes another date three times; its customer accepts, then declines, then the shop withdraws."""
    for days, answer, program in ((20, "accept", ada), (15, "decline", ada), (10, "withdraw", owner)):
        lines = [{"id": installment, "due_date": in_days(days)}]
        number = owner.post(f"/plans/{plan}/amendments/", installments=lines).json["number"]
        program.post(f"/plans/{plan}/amendments/{number}/{answer}/")
