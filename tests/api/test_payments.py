"""Payments over the API: any amount by the customer, recorded by the shop, listed for both; 422 at the field."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests import factories
from tests.api.conftest import Program, customer_of, today

CASH = {"amount": "40.00", "method": "cash"}


@pytest.fixture
def active(ada, plan):
    """100.00 in four, accepted."""
    assert ada.post(f"/plans/{plan['id']}/accept/").status_code == 200
    return plan


@pytest.fixture
def path(active) -> str:
    return f"/plans/{active['id']}/payments/"


def owed(program: Program, plan: dict) -> list[str]:
    return [line["owed"] for line in program.get(f"/plans/{plan['id']}/").json["installments"]]


def test_a_customer_pays_any_amount_by_card(ada, active, path):
    made = ada.post(path, json={"amount": "40.00"})
    assert made.status_code == 201
    lines = active["installments"]
    assert made.json | {"id": "", "created_at": ""} == {
        "id": "",
        "plan": active["id"],
        "receipt": made.json["receipt"],
        "amount": "40.00",
        "currency": "USD",
        "method": "provider",
        "recovery": False,
        "status": "succeeded",
        "received_on": today().isoformat(),
        "created_at": "",
        "reversed": "0.00",
        "allocations": [
            {"installment": lines[0]["id"], "number": 1, "amount": "25.00"},
            {"installment": lines[1]["id"], "number": 2, "amount": "15.00"},
        ],
        "continue_url": None,
    }
    assert made.json["receipt"].endswith("-1")
    assert owed(ada, active) == ["0.00", "10.00", "25.00", "25.00"]


def test_paying_one_installment_pays_what_is_owed_of_it(ada, active, path):
    ada.post(path, json={"amount": "10.00"})
    paid = ada.post(f"/plans/installments/{active['installments'][0]['id']}/pay/")
    assert (paid.status_code, paid.json["paid"], paid.json["owed"]) == (200, "25.00", "0.00")
    assert [each["amount"] for each in ada.get(path).json] == ["15.00", "10.00"]


def test_a_shop_records_what_it_received(shop, ada, active, path):
    made = shop.post(path, json=CASH | {"received_on": today().isoformat(), "note": "At the counter"})
    assert (made.status_code, made.json["method"], made.json["status"]) == (201, "cash", "succeeded")
    assert [part["amount"] for part in made.json["allocations"]] == ["25.00", "15.00"]
    assert (
        shop.get(path).json
        == ada.get(path).json
        == [{key: made.json[key] for key in made.json if key != "continue_url"}]
    )


@pytest.mark.parametrize("amount", ["100.01", "0.99", "0", "25.001", "-1", "ten"])
def test_what_cannot_be_paid_is_422_at_the_amount_for_both(shop, ada, path, session, amount):
    before = factories.row_counts(session)
    for answer in (ada.post(path, json={"amount": amount}), shop.post(path, json=CASH | {"amount": amount})):
        assert (answer.status_code, set(answer.json["errors"])) == (422, {"amount"})
    assert factories.row_counts(session) == before


def test_the_rest_may_be_less_than_one_unit(shop, ada, active, path):
    ada.post(path, json={"amount": "99.50"})
    assert shop.post(path, json=CASH | {"amount": "0.50"}).status_code == 201
    assert ada.get(f"/plans/{active['id']}/").json["status"] == "completed"


@pytest.mark.parametrize(
    "field",
    [
        {"method": "cash"},
        {"received_on": "2026-01-01"},
        {"note": "paid"},
        {"again": True},
        {"recovery": True},
    ],
)
def test_a_customer_records_nothing(ada, path, field):
    refused = ada.post(path, json={"amount": "40.00"} | field)
    assert (refused.status_code, set(refused.json["errors"])) == (422, set(field))


@pytest.mark.parametrize(
    "change",
    [
        {"method": "provider"},
        {"method": "barter"},
        {"received_on": "2999-12-31"},
        {"received_on": "yesterday"},
        {"note": "4111 1111 1111 1111"},
        {"note": "x" * 201},
    ],
)
def test_a_shop_is_told_the_field_at_fault(shop, path, session, change):
    before = factories.row_counts(session)
    refused = shop.post(path, json=CASH | change)
    assert (refused.status_code, set(refused.json["errors"])) == (422, set(change))
    assert factories.row_counts(session) == before


def test_a_shop_has_to_say_how_it_was_paid(shop, path):
    refused = shop.post(path, json={"amount": "40.00"})
    assert (refused.status_code, set(refused.json["errors"])) == (422, {"method"})


def test_what_looks_recorded_is_409_unless_it_is_said_to_be_another(shop, path):
    shop.post(path, json=CASH)
    refused = shop.post(path, json=CASH)
    assert (refused.status_code, refused.json["code"]) == (409, "looks_recorded")
    assert shop.post(path, json=CASH | {"again": True}).status_code == 201


def test_an_offer_takes_no_amount_from_anyone(shop, ada, plan):
    path = f"/plans/{plan['id']}/payments/"
    for answer in (ada.post(path, json={"amount": "40.00"}), shop.post(path, json=CASH)):
        assert (answer.status_code, answer.json["code"]) == (409, "plan_offered")


def test_the_same_key_is_told_the_same_and_records_once(shop, ada, active, path):
    first, again = (shop.post(path, json=CASH, key="k") for _ in range(2))
    assert (again.status_code, again.data) == (201, first.data)
    assert shop.post(path, json=CASH | {"amount": "41.00"}, key="k").status_code == 422
    card, once_more = (ada.post(path, json={"amount": "5.00"}, key="k") for _ in range(2))
    assert (once_more.status_code, once_more.data) == (201, card.data)
    assert owed(ada, active) == ["0.00", "5.00", "25.00", "25.00"]


def test_a_declined_card_is_402_and_no_answer_is_202(ada, plan, path, session):
    customer = customer_of(session, plan)
    factories.choose_card(session, customer, "declined")
    refused = ada.post(path, json={"amount": "40.00"})
    assert (refused.status_code, refused.json["outcome"]) == (402, "declined")
    factories.choose_card(session, customer, "times_out")
    waiting = ada.post(path, json={"amount": "40.00"})
    assert (waiting.status_code, waiting.json["status"], waiting.json["receipt"]) == (202, "processing", None)


def test_while_a_card_payment_waits_only_what_it_does_not_cover_can_be_paid(shop, ada, plan, path, session):
    customer = customer_of(session, plan)
    factories.choose_card(session, customer, "times_out")
    ada.post(f"/plans/installments/{plan['installments'][1]['id']}/pay/")
    factories.choose_card(session, customer, "succeeds")
    assert shop.post(path, json=CASH).json["code"] == "processing"
    assert ada.post(path, json={"amount": "40.00"}).json["code"] == "processing"
    assert ada.post(path, json={"amount": "20.00"}).status_code == 201


def test_payments_are_listed_by_day_and_method(shop, ada, path):
    shop.post(path, json=CASH)
    shop.post(path, json=CASH | {"amount": "10.00", "method": "bank_transfer"})
    ada.post(path, json={"amount": "5.00"})
    day, before = today().isoformat(), (today() - timedelta(days=1)).isoformat()
    found = {
        query: [each["amount"] for each in shop.get(f"/payments/?{query}").json]
        for query in ("", "method=cash", f"from={day}&to={day}", f"to={before}", "method=provider")
    }
    assert found == {
        "": ["5.00", "10.00", "40.00"],
        "method=cash": ["40.00"],
        f"from={day}&to={day}": ["5.00", "10.00", "40.00"],
        f"to={before}": [],
        "method=provider": ["5.00"],
    }
    assert [each["amount"] for each in ada.get("/payments/?method=cash").json] == ["40.00"]
    for query in ("from=tomorrow", "method=barter", "since=2026-01-01", "to=2026-13-01"):
        refused = shop.get(f"/payments/?{query}")
        assert (refused.status_code, set(refused.json["errors"])) == (422, {query.partition("=")[0]})


def test_payments_come_page_by_page(shop, path):
    for cents in range(5):
        shop.post(path, json=CASH | {"amount": f"10.0{cents}"})
    for address in ("/payments/", path):
        seen, url = [], f"{address}?limit=2"
        while url:
            answer = shop.get(url)
            seen += [each["amount"] for each in answer.json]
            link = answer.headers.get("Link")
            url = link and link.partition(">")[0].partition("/api")[2]
        assert seen == ["10.04", "10.03", "10.02", "10.01", "10.00"]


@pytest.fixture
def recorded(shop, path) -> dict:
    """40.00 in cash: the first installment and 15.00 of the second."""
    made = shop.post(path, json=CASH).json
    assert made.pop("continue_url") is None
    return made


def test_a_shop_reverses_what_it_recorded(shop, ada, active, path, recorded):
    answer = shop.post(f"{path}{recorded['id']}/reverse/", json={"reason": "The notes were false"}, key="k")
    assert (answer.status_code, answer.json) == (200, recorded | {"reversed": "40.00"})
    again = shop.post(f"{path}{recorded['id']}/reverse/", json={"reason": "The notes were false"}, key="k")
    assert (again.status_code, again.data) == (200, answer.data)
    assert owed(ada, active) == ["25.00"] * 4
    assert ada.get(path).json == [answer.json]


def test_a_reversal_that_cannot_be_is_refused(shop, ada, path, recorded, session):
    card = ada.post(path, json={"amount": "5.00"}).json
    before = factories.row_counts(session)
    refusals = [
        shop.post(f"{path}{card['id']}/reverse/", json={"reason": "Disputed"}),
        ada.post(f"{path}{recorded['id']}/reverse/", json={"reason": "Disputed"}),
        shop.post(f"{path}{recorded['id']}/reverse/", json={"reason": " "}),
        shop.post(f"{path}{recorded['id']}/reverse/"),
    ]
    assert [(r.status_code, r.json["code"]) for r in refusals] == [
        (409, "not_recorded"),
        (403, "forbidden"),
        (422, "invalid"),
        (422, "invalid"),
    ]
    assert set(refusals[2].json["errors"]) == set(refusals[3].json["errors"]) == {"reason"}
    assert factories.row_counts(session) == before


def test_refunding_what_was_recorded_asks_whether_it_was_handed_back(shop, active, path, session):
    shop.post(path, json=CASH | {"amount": "100.00"})
    before = factories.row_counts(session)
    refused = shop.post(f"/plans/{active['id']}/refunds/", json={"amount": "30.00"})
    assert (refused.status_code, refused.json["errors"]) == (
        422,
        {"handed_back": ["Hand back 30.00 in cash, then confirm."]},
    )
    assert factories.row_counts(session) == before
    body = {"amount": "30.00", "handed_back": True, "reason": "One chair was broken"}
    made = shop.post(f"/plans/{active['id']}/refunds/", json=body)
    assert (made.status_code, made.json["status"], made.json["returned"]) == (201, "succeeded", "30.00")
    assert shop.get("/refunds/").json == [made.json]


def test_both_parties_list_refunds_as_they_were_answered(shop, ada, active, path):
    ada.post(path, json={"amount": "40.00"})
    made = [
        shop.post(f"/plans/{active['id']}/refunds/", json={"amount": amount}).json
        for amount in ("10.00", "60.00")
    ]
    assert shop.get("/refunds/").json == ada.get("/refunds/").json == made[::-1]
    first = shop.get("/refunds/?limit=1")
    assert first.json == made[1:]
    link = first.headers["Link"].partition(">")[0].partition("/api")[2]
    assert shop.get(link).json == made[:1]


def test_both_payments_of_an_installment_give_back_the_newer_first(shop, ada, active, path, session):
    ada.post(path, json={"amount": "10.00"})
    shop.post(path, json=CASH | {"amount": "90.00"})
    made = shop.post(f"/plans/{active['id']}/refunds/", json={"amount": "95.00", "handed_back": True})
    assert (made.status_code, made.json["status"]) == (201, "succeeded")
    returned = {p["method"]: p["amount"] for p in shop.get(path).json}
    assert returned == {"cash": "90.00", "provider": "10.00"}
    session.rollback()
    again = shop.post(f"/plans/{active['id']}/refunds/", json={"amount": "5.00"})
    assert (again.status_code, again.json["returned"]) == (201, "5.00")


def test_an_installment_tells_what_was_reversed_and_the_sums_add_up(shop, ada, active, path, recorded):
    shop.post(f"{path}{recorded['id']}/reverse/", json={"reason": "Bounced"})
    ada.post(path, json={"amount": "10.00"})
    line = ada.get(f"/plans/{active['id']}/installments/").json[0]
    sums = (
        "paid",
        "reversed",
        "cancelled",
        "returned",
        "written_off",
        "recovered",
        "moved",
        "paid_before",
        "owed",
    )
    assert [line[name] for name in sums] == [
        *("35.00", "25.00", "0.00", "0.00", "0.00", "0.00", "0.00", "0.00"),
        "15.00",
    ]
    assert (line["status"], line["paid_at"]) == ("pending", None)
