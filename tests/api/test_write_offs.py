"""A shop's program writes off a plan: once per key, never what is not active, and its own plans only."""

from __future__ import annotations

from tests.api.conftest import new_plan


def accepted(shop, ada):
    plan = shop.post("/plans/", json=new_plan()).json
    ada.post(f"/plans/{plan['id']}/accept/")
    return plan["id"]


def test_what_is_owed_is_written_off_and_the_plan_says_so(shop, ada):
    plan_id = accepted(shop, ada)
    answer = shop.post(f"/plans/{plan_id}/write-off/", json={"reason": "Moved away"})
    assert (answer.status_code, answer.json["status"]) == (200, "written_off")
    lines = answer.json["installments"]
    assert {line["status"] for line in lines} == {"written_off"}
    assert [line["written_off"] for line in lines] == [line["amount"] for line in lines]
    assert {(line["owed"], line["recovered"], line["paid_at"]) for line in lines} == {("0.00", "0.00", None)}
    listed = shop.get("/plans/?status=written_off").json
    assert [plan["id"] for plan in listed] == [plan_id]
    assert len(ada.get("/plans/installments/?status=written_off").json) == len(lines)
    assert shop.get("/analytics/dashboard/").json["written_off"] == 100.0


def test_a_key_writes_off_once_and_without_a_body(shop, ada):
    plan_id, key = accepted(shop, ada), {"Idempotency-Key": "once"}
    first = shop.post(f"/plans/{plan_id}/write-off/", headers=key)
    again = shop.post(f"/plans/{plan_id}/write-off/", headers=key)
    assert first.status_code == again.status_code == 200 and first.json == again.json
    without = shop.post(f"/plans/{plan_id}/write-off/")
    assert (without.status_code, without.json["code"]) == (409, "plan_written_off")


def test_an_offer_cannot_be_written_off_and_the_customer_cannot_at_all(shop, ada):
    offer = shop.post("/plans/", json=new_plan()).json["id"]
    assert shop.post(f"/plans/{offer}/write-off/").json["code"] == "plan_offered"
    assert ada.post(f"/plans/{offer}/write-off/").status_code == 403


def test_a_long_reason_is_422_at_its_name(shop, ada):
    answer = shop.post(f"/plans/{accepted(shop, ada)}/write-off/", json={"reason": "x" * 201})
    assert answer.status_code == 422 and list(answer.json["errors"]) == ["reason"]


def test_what_comes_in_later_is_recorded_as_a_recovery(shop, ada):
    plan_id = accepted(shop, ada)
    shop.post(f"/plans/{plan_id}/write-off/")
    path, sent = f"/plans/{plan_id}/payments/", {"amount": "30.00", "method": "cash"}
    plain = shop.post(path, json=sent)
    assert (plain.status_code, plain.json["code"]) == (409, "plan_written_off")
    made = shop.post(path, json=sent | {"recovery": True})
    assert (made.status_code, made.json["recovery"], made.json["amount"]) == (201, True, "30.00")
    too_much = shop.post(path, json=sent | {"recovery": True, "amount": "70.01"})
    assert too_much.status_code == 422 and list(too_much.json["errors"]) == ["amount"]
    recovered = [line["recovered"] for line in shop.get(f"/plans/{plan_id}/").json["installments"]]
    assert sum(map(float, recovered)) == 30.0
    assert shop.get("/analytics/dashboard/").json["recovered"] == 30.0
    back = shop.post(f"{path}{made.json['id']}/reverse/", json={"reason": "Bounced"})
    assert (back.status_code, back.json["reversed"]) == (200, "30.00")
    assert ada.post(path, json={"amount": "1.00", "recovery": True}).status_code == 422
