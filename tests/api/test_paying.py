"""Paying over the API: whole, once, by the plan's own customer; the first payment of an offer accepts it."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
import sqlalchemy

from portal.adapters.payments.simulator import Simulator
from portal.extensions import now
from portal.models import Acceptance, Payment
from portal.services import payment_settlement
from tests import factories
from tests.api.conftest import Program, customer_of, in_days, new_plan


def pay_path(plan: dict, number: int = 1) -> str:
    return f"/plans/installments/{plan['installments'][number - 1]['id']}/pay/"


def choose(session, plan: dict, card: str) -> None:
    factories.choose_card(session, customer_of(session, plan), card)


def payments(session) -> int:
    session.rollback()
    return session.scalar(sqlalchemy.select(sqlalchemy.func.count()).select_from(Payment))


def test_the_first_payment_accepts_the_offer(ada, plan, session):
    paid = ada.post(pay_path(plan))
    assert paid.status_code == 200
    expected = {
        "status": "paid",
        "paid": "25.00",
        "owed": "0.00",
        "processing": False,
        "paid_at": paid.json["paid_at"],
    }
    told = paid.json
    assert told.pop("continue_url") is None
    assert told == plan["installments"][0] | expected
    evidence = session.scalars(sqlalchemy.select(Acceptance)).one()
    assert (evidence.how, evidence.customer_id) == ("first payment", customer_of(session, plan).id)
    assert ada.get(f"/plans/{plan['id']}/").json["installments"][0] == told


def test_paying_twice_without_a_key_is_409_and_changes_nothing(ada, plan, session):
    ada.post(pay_path(plan))
    rows = factories.row_counts(session)
    again = ada.post(pay_path(plan))
    assert (again.status_code, again.json["code"]) == (409, "already_paid")
    assert factories.row_counts(session) == rows


def test_the_same_key_is_told_the_same_also_after_a_refund(shop, ada, plan, session):
    first = ada.post(pay_path(plan), key="k")
    assert first.status_code == 200
    shop.post(f"/plans/{plan['id']}/refunds/", json={"amount": "100.00"})
    again = ada.post(pay_path(plan), key="k")
    assert (again.status_code, again.data) == (200, first.data)
    assert payments(session) == 1
    other = ada.post(pay_path(plan, 2), key="k")
    assert (other.status_code, set(other.json["errors"])) == (422, {"Idempotency-Key"})


@pytest.mark.parametrize("card", ["declined", "insufficient_funds"])
def test_a_declined_first_payment_leaves_the_plan_active_and_unpaid(ada, plan, session, card):
    choose(session, plan, card)
    refused = ada.post(pay_path(plan), key="k")
    assert (refused.status_code, refused.mimetype) == (402, "application/problem+json")
    assert refused.json["outcome"] == card and refused.json["detail"]
    now_is = ada.get(f"/plans/{plan['id']}/").json
    assert now_is["status"] == "active"
    assert {line["status"] for line in now_is["installments"]} == {"pending"}
    choose(session, plan, "succeeds")
    again = ada.post(pay_path(plan), key="k")
    assert (again.status_code, again.data) == (402, refused.data)
    assert ada.post(pay_path(plan), key="another-try").status_code == 200


def test_without_an_answer_it_is_processing_and_then_settled(ada, plan, session):
    choose(session, plan, "times_out")
    for _ in range(2):
        waiting = ada.post(pay_path(plan), key="k")
        assert (waiting.status_code, waiting.json["status"], waiting.json["processing"]) == (
            202,
            "pending",
            True,
        )
    assert ada.post(pay_path(plan)).json["code"] == "processing"
    assert payments(session) == 1
    payment_settlement.settle_pending(session, Simulator(), now() + timedelta(minutes=5))
    settled = ada.post(pay_path(plan), key="k")
    assert (settled.status_code, settled.json["status"], settled.json["processing"]) == (200, "paid", False)
    assert payments(session) == 1


def test_who_may_not_pay(app, shop, ada, plan):
    stranger = Program(app)
    stranger.register("stranger", "customer")
    stranger.sign_in("stranger")
    assert shop.post(pay_path(plan)).status_code == 403
    assert stranger.post(pay_path(plan)).status_code == 404
    assert Program(app).post(pay_path(plan)).status_code == 401
    assert ada.get(f"/plans/{plan['id']}/").json["status"] == "offered"


def test_a_plan_is_completed_by_its_last_payment(ada, plan):
    for number in (4, 1, 3, 2):
        assert ada.post(pay_path(plan, number)).status_code == 200
    assert ada.get(f"/plans/{plan['id']}/").json["status"] == "completed"


def test_an_overdue_one_can_be_paid_and_is_late_no_more(shop, ada):
    plan = shop.post("/plans/", json=new_plan(start_date=in_days(-10))).json
    assert plan["status"] == "offered" and plan["installments"][0]["status"] == "pending"
    accepted = ada.post(f"/plans/{plan['id']}/accept/").json
    assert (accepted["status"], accepted["installments"][0]["status"]) == ("overdue", "late")
    assert shop.get("/analytics/dashboard/").json["overdue_installments"] == 1
    assert ada.post(pay_path(plan)).json["status"] == "paid"
    assert ada.get(f"/plans/{plan['id']}/").json["status"] == "active"


@pytest.mark.parametrize("key", [None, "the-same"])
def test_eight_programs_at_once_pay_once(app, ada, plan, session, key):
    answers = []
    barrier = threading.Barrier(8)

    def pay() -> None:
        program = Program(app)
        program.tokens = ada.tokens
        barrier.wait()
        answers.append(program.post(pay_path(plan), key=key).status_code)

    threads = [threading.Thread(target=pay) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert payments(session) == 1
    assert answers.count(200) >= 1 and set(answers) <= ({200, 202} if key else {200, 409})
    assert ada.get(f"/plans/{plan['id']}/").json["installments"][0]["paid"] == "25.00"
