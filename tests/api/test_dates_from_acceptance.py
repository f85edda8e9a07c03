"""Deposits, dates that follow the acceptance, and days of the month, as a program asks for them."""

from __future__ import annotations

import pytest

from tests.api.conftest import in_days, new_plan


def asked(*without, **more):
    body = new_plan(**({"num_installments": 3} | more))
    return {name: value for name, value in body.items() if name not in without}


def errors(answer):
    assert answer.status_code == 422, answer.json
    return answer.json["errors"]


def lines_of(plan):
    return [(line["kind"], line["amount"], line["due_date"]) for line in plan["installments"]]


def test_a_deposit_is_due_on_the_day_of_acceptance_and_the_others_share_the_rest(shop, ada):
    made = shop.post(
        "/plans/",
        json=asked(deposit="30.00", start_date=in_days(10), num_installments=2, frequency="weekly"),
    )
    assert made.status_code == 201, made.json
    plan = made.json
    assert (plan["deposit"], plan["first_due"], plan["num_installments"]) == ("30.00", "date", 2)
    assert plan["last_day"] == in_days(9)
    assert lines_of(plan) == [
        ("deposit", "30.00", in_days(0)),
        ("installment", "35.00", in_days(10)),
        ("installment", "35.00", in_days(17)),
    ]
    accepted = ada.post(f"/plans/{plan['id']}/accept/", json={}).json
    assert lines_of(accepted) == lines_of(plan)
    paid = ada.post(f"/plans/installments/{plan['installments'][0]['id']}/pay/", json={}).json
    assert (paid["kind"], paid["status"]) == ("deposit", "paid")


def test_without_a_deposit_the_first_is_due_on_acceptance(shop):
    made = shop.post("/plans/", json=asked("start_date", first_due="acceptance", frequency="weekly")).json
    assert [day for _, _, day in lines_of(made)] == [in_days(days) for days in (0, 7, 14)]
    assert (made["deposit"], made["first_due"], made["start_date"]) == (None, "acceptance", in_days(0))


def test_after_a_deposit_the_first_follows_one_period_later(shop):
    body = asked("start_date", first_due="acceptance", frequency="weekly", deposit="10.00")
    made = shop.post("/plans/", json=body).json
    assert [day for _, _, day in lines_of(made)] == [in_days(days) for days in (0, 7, 14, 21)]
    assert made["start_date"] == in_days(7)


def test_the_last_of_each_month(shop):
    made = shop.post("/plans/", json=asked(start_date="2027-01-31", day_of_month="last")).json
    assert [day for _, _, day in lines_of(made)] == ["2027-01-31", "2027-02-28", "2027-03-31"]
    made = shop.post("/plans/", json=asked(start_date="2027-01-31", day_of_month=15)).json
    assert [day for _, _, day in lines_of(made)] == ["2027-02-15", "2027-03-15", "2027-04-15"]


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({"deposit": "100.00", "start_date": in_days(1)}, {"deposit"}),
        ({"deposit": "0"}, {"deposit"}),
        ({"deposit": "1.005"}, {"deposit"}),
        ({"deposit": "10.00", "start_date": in_days(0)}, {"start_date"}),
        ({"deposit": "40.00", "num_installments": 60, "start_date": in_days(1)}, {"num_installments"}),
        ({"first_due": "acceptance"}, {"start_date"}),
        ({"first_due": "whenever"}, {"first_due"}),
        ({"day_of_month": 29}, {"day_of_month"}),
        ({"day_of_month": 5, "frequency": "weekly"}, {"day_of_month"}),
    ],
)
def test_what_cannot_be_is_named(shop, body, fields):
    assert set(errors(shop.post("/plans/", json=asked(**body)))) == fields


def test_a_deposit_counts_among_own_lines(shop):
    body = asked("num_installments", "start_date", "frequency", deposit="60.00")
    body["installments"] = [{"amount": "30.00", "due_date": in_days(5)}]
    assert errors(shop.post("/plans/", json=body)) == {"installments": ["10.00 still to be assigned."]}
    body["installments"] = [{"amount": "40.00", "due_date": in_days(0)}]
    assert set(errors(shop.post("/plans/", json=body))) == {"installments.0.due_date"}
    body["installments"] = [{"amount": "40.00", "due_date": in_days(5)}]
    made = shop.post("/plans/", json=body).json
    assert lines_of(made) == [("deposit", "60.00", in_days(0)), ("installment", "40.00", in_days(5))]
    assert (made["num_installments"], made["start_date"], made["last_day"]) == (1, in_days(5), in_days(4))
