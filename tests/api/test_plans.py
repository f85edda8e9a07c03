"""A plan's life over the API: offered, answered, cancelled, refunded; each act once per key, and only by its party."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
import sqlalchemy

from portal.adapters.payments.simulator import Simulator
from portal.core.money import decimal_text
from portal.extensions import now
from portal.models import Acceptance
from portal.services import payment_settlement, refund_settlement
from tests import factories
from tests.api.conftest import Program, customer_of, in_days, new_plan, today

FIELDS = {
    "id",
    "merchant",
    "customer",
    "customer_email",
    "description",
    "total_amount",
    "currency",
    "num_installments",
    "frequency",
    "deposit",
    "first_due",
    "start_date",
    "last_day",
    "email_verified",
    "status",
    "created_at",
    "updated_at",
    "installments",
}
LINE_FIELDS = {
    "id",
    "plan",
    "number",
    "amount",
    "currency",
    "due_date",
    "status",
    "processing",
    "paid",
    "cancelled",
    "returned",
    "reversed",
    "written_off",
    "recovered",
    "moved",
    "kind",
    "paid_before",
    "owed",
    "paid_at",
}


def statuses(plan: dict) -> list[str]:
    return [line["status"] for line in plan["installments"]]


def test_a_plan_says_all_that_is_agreed(shop, ada, plan):
    assert set(plan) == FIELDS and {frozenset(line) for line in plan["installments"]} == {
        frozenset(LINE_FIELDS)
    }
    assert plan["merchant"] == shop.get("/auth/me/").json["id"]
    assert (plan["customer_email"], plan["total_amount"], plan["currency"]) == (
        "ada@example.com",
        "100.00",
        "USD",
    )
    assert (plan["frequency"], plan["start_date"]) == ("monthly", today().isoformat())
    assert [line["number"] for line in plan["installments"]] == [1, 2, 3, 4]
    assert shop.get(f"/plans/{plan['id']}/").json == plan
    # Each party is given an id of the customer of its own.
    me = ada.get("/auth/me/").json["id"]
    assert ada.get(f"/plans/{plan['id']}/").json == plan | {"customer": me}
    assert plan["customer"] != me and UUID(plan["customer"]).version == 4


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
def test_100_in_3_by_the_week_without_a_description(shop):
    plan = {k: v for k, v in new_plan(num_installments=3, frequency="weekly").items() if k != "description"}
    made = shop.post("/plans/", json=plan).json
    assert [line["amount"] for line in made["installments"]] == ["33.34", "33.33", "33.33"]
    assert [line["due_date"] for line in made["installments"]] == [in_days(0), in_days(7), in_days(14)]
    assert made["description"]


def test_an_offer_to_somebody_unknown_has_a_customer(shop):
    made = shop.post("/plans/", json=new_plan(customer_email="New@Example.com")).json
    assert made["customer_email"] == "new@example.com" and UUID(made["customer"])
    again = shop.post("/plans/", json=new_plan(customer_email="new@example.com")).json
    assert again["customer"] == made["customer"]


def test_the_same_key_makes_one_plan(shop, session):
    first = shop.post("/plans/", json=new_plan(), key="order-1")
    rows = factories.row_counts(session)
    again = shop.post("/plans/", json=new_plan(), key="order-1")
    assert (again.status_code, again.data) == (first.status_code, first.data) == (201, first.data)
    assert factories.row_counts(session) == rows
    other = shop.post("/plans/", json=new_plan(total_amount="100.01"), key="order-1")
    assert (other.status_code, set(other.json["errors"])) == (422, {"Idempotency-Key"})
    assert shop.post("/plans/", json=new_plan(), key="order-2").json["id"] != first.json["id"]
    # A request that was refused has not used its key up.
    assert shop.post("/plans/", json=new_plan(total_amount="0"), key="order-3").status_code == 422
    assert shop.post("/plans/", json=new_plan(), key="order-3").status_code == 201


def test_accepting_binds_once_and_leaves_evidence(ada, plan, session):
    path = f"/plans/{plan['id']}/accept/"
    accepted = ada.post(path, key="yes", headers={"User-Agent": "Bot/1"})
    assert (accepted.status_code, accepted.json["status"]) == (200, "active")
    assert ada.post(path, key="yes").data == accepted.data
    again = ada.post(path)
    assert (again.status_code, again.json["code"]) == (409, "plan_active")
    evidence = session.scalars(sqlalchemy.select(Acceptance)).one()
    assert (evidence.how, evidence.user_agent, evidence.customer_id) == (
        "accepted",
        "Bot/1",
        customer_of(session, plan).id,
    )


def test_a_declined_offer_owes_nothing(shop, ada, plan):
    declined = ada.post(f"/plans/{plan['id']}/decline/")
    assert (declined.status_code, declined.json["status"]) == (200, "declined")
    assert statuses(declined.json) == ["cancelled"] * 4
    assert {line["owed"] for line in declined.json["installments"]} == {"0.00"}
    assert ada.post(f"/plans/{plan['id']}/accept/").status_code == 409
    assert shop.post(f"/plans/{plan['id']}/cancel/").status_code == 409


def test_cancelling_revokes_an_offer(shop, ada, plan):
    revoked = shop.post(f"/plans/{plan['id']}/cancel/", key="stop")
    assert (revoked.status_code, revoked.json["status"]) == (200, "revoked")
    assert shop.post(f"/plans/{plan['id']}/cancel/", key="stop").data == revoked.data
    assert ada.post(f"/plans/{plan['id']}/accept/").json["code"] == "plan_revoked"


def test_cancelling_a_plan_cancels_what_is_owed(shop, ada, plan):
    ada.post(f"/plans/installments/{plan['installments'][0]['id']}/pay/")
    cancelled = shop.post(f"/plans/{plan['id']}/cancel/")
    assert (cancelled.status_code, cancelled.json["status"]) == (200, "cancelled")
    assert statuses(cancelled.json) == ["paid", "cancelled", "cancelled", "cancelled"]
    assert shop.post(f"/plans/{plan['id']}/cancel/").status_code == 409


def test_an_expired_offer_cannot_be_answered_whether_or_not_the_job_has_run(shop, ada, expired):
    assert (expired["status"], statuses(expired)) == ("expired", ["cancelled"] * 2)
    for path in (
        f"/plans/{expired['id']}/accept/",
        f"/plans/installments/{expired['installments'][0]['id']}/pay/",
    ):
        answer = ada.post(path)
        assert (answer.status_code, answer.json["code"]) == (409, "plan_expired")
    assert shop.post(f"/plans/{expired['id']}/cancel/").json["code"] == "plan_expired"


def test_a_refund_of_80_after_one_of_four_cancels_three_and_returns_5(shop, ada, plan):
    lines = [line["id"] for line in plan["installments"]]
    ada.post(f"/plans/installments/{lines[0]}/pay/")
    body = {"amount": "80.00", "reason": "Out of stock"}
    made = shop.post(f"/plans/{plan['id']}/refunds/", json=body, key="back")
    assert made.status_code == 201
    assert made.json | {"id": "", "created_at": ""} == {
        "id": "",
        "created_at": "",
        "reason": "Out of stock",
        "plan": plan["id"],
        "amount": "80.00",
        "currency": "USD",
        "status": "succeeded",
        "cancelled": "75.00",
        "returned": "5.00",
        "installments": [
            *(
                {"installment": line, "cancelled": "25.00", "returned": "0.00"}
                for line in reversed(lines[1:])
            ),
            {"installment": lines[0], "cancelled": "0.00", "returned": "5.00"},
        ],
    }
    again = shop.post(f"/plans/{plan['id']}/refunds/", json=body, key="back")
    assert (again.status_code, again.data) == (201, made.data)
    after = shop.get(f"/plans/{plan['id']}/").json
    assert (after["status"], statuses(after)) == (
        "completed",
        ["paid", "cancelled", "cancelled", "cancelled"],
    )
    too_much = shop.post(f"/plans/{plan['id']}/refunds/", json={"amount": "20.01"})
    assert (too_much.status_code, set(too_much.json["errors"])) == (422, {"amount"})


def test_a_refund_without_an_answer_is_processing_until_it_is_settled(shop, ada, plan, session):
    factories.choose_card(session, customer_of(session, plan), "times_out")
    assert ada.post(f"/plans/installments/{plan['installments'][0]['id']}/pay/").status_code == 202
    later = now() + timedelta(minutes=5)
    payment_settlement.settle_pending(session, Simulator(), later)
    path, sent = f"/plans/{plan['id']}/refunds/", {"json": {"amount": "100.00"}, "key": "all"}
    for _ in range(2):
        answer = shop.post(path, **sent)
        assert (answer.status_code, answer.json["status"], answer.json["returned"]) == (
            202,
            "processing",
            "25.00",
        )
    assert shop.post(path, json={"amount": "1.00"}).json["code"] == "processing"
    refund_settlement.settle_pending(session, Simulator(), later)
    settled = shop.post(path, **sent)
    assert (settled.status_code, settled.json) == (201, answer.json | {"status": "succeeded"})
    assert shop.get(f"/plans/{plan['id']}/").json["status"] == "cancelled"


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
@pytest.mark.parametrize(("currency", "amount", "shown"), [("JPY", "1001", "251"), ("KWD", "1.003", "0.251")])
def test_amounts_have_the_places_of_their_currency(app, ada, currency, amount, shown):
    program = Program(app)
    program.register("abroad", "merchant", currency=currency)
    program.sign_in("abroad")
    made = program.post("/plans/", json=new_plan(total_amount=amount)).json
    assert (made["total_amount"], made["installments"][0]["amount"]) == (amount, shown)
    assert made["total_amount"] == decimal_text(int(amount.replace(".", "")), currency)
    assert set(program.post("/plans/", json=new_plan(total_amount="1.0005")).json["errors"]) == {
        "total_amount"
    }


def test_the_program_chooses_how_long_an_offer_can_be_answered(shop):
    def last_day(**more):
        return shop.post("/plans/", json=new_plan(**more)).json["last_day"]

    assert (last_day(), last_day(valid_days=7), last_day(valid_days="60")) == (
        in_days(30),
        in_days(7),
        in_days(60),
    )
    for wrong in (0, 61, 1.5, True):
        refused = shop.post("/plans/", json=new_plan(valid_days=wrong))
        assert refused.status_code == 422 and list(refused.json["errors"]) == ["valid_days"]
