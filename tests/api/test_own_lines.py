"""An offer whose amounts and due dates a program names one by one."""

from __future__ import annotations

import pytest

from tests.api.conftest import in_days, new_plan


def asked(*lines, **more):
    body = new_plan(**more)
    for name in ("num_installments", "start_date", "frequency"):
        if name not in more:
            body.pop(name, None)
    return body | {"installments": [{"amount": amount, "due_date": day} for amount, day in lines]}


def errors(answer):
    assert answer.status_code == 422, answer.json
    return answer.json["errors"]


def test_the_plan_has_exactly_these_lines_and_the_customer_agrees_to_them(shop, ada):
    lines = [("40.00", in_days(3)), ("10.50", in_days(4)), ("49.50", in_days(90))]
    made = shop.post("/plans/", json=asked(*lines, total_amount="100.00"))
    assert made.status_code == 201, made.json
    plan = made.json
    assert [(line["amount"], line["due_date"]) for line in plan["installments"]] == lines
    assert (plan["frequency"], plan["num_installments"], plan["start_date"]) == ("own", 3, in_days(3))
    assert ada.post(f"/plans/{plan['id']}/accept/", json={}).json["status"] == "active"


def test_lines_that_do_not_sum_say_what_is_left(shop):
    refused = shop.post(
        "/plans/", json=asked(("40.00", in_days(1)), ("48.00", in_days(2)), total_amount="100.00")
    )
    assert errors(refused) == {"installments": ["12.00 still to be assigned."]}


def test_each_fault_names_its_line_beside_the_others(shop):
    lines = [("40.00", in_days(3)), ("0", in_days(2)), ("1.234", in_days(9))]
    refused = shop.post("/plans/", json=asked(*lines, total_amount="100.00", customer_email="nobody"))
    assert set(errors(refused)) == {
        "customer_email",
        "installments.1.amount",
        "installments.1.due_date",
        "installments.2.amount",
    }


def test_a_line_that_cannot_be_read_names_itself_alone(shop):
    assert list(errors(shop.post("/plans/", json=asked(("40.00", "tomorrow"))))) == [
        "installments.0.due_date"
    ]


@pytest.mark.parametrize("count", [0, 61])
def test_one_to_sixty_lines(shop, count):
    lines = [("1.00", in_days(day)) for day in range(count)]
    assert list(errors(shop.post("/plans/", json=asked(*lines, total_amount="61.00")))) == ["installments"]


def test_count_start_and_frequency_are_left_out(shop):
    more = {"total_amount": "40.00", "num_installments": 1, "start_date": in_days(1), "frequency": "weekly"}
    refused = errors(shop.post("/plans/", json=asked(("40.00", in_days(1)), **more)))
    assert list(refused) == ["num_installments", "start_date", "frequency"]


def test_without_lines_count_and_start_are_required(shop):
    body = new_plan()
    del body["num_installments"], body["start_date"]
    assert set(errors(shop.post("/plans/", json=body))) == {"num_installments", "start_date"}
