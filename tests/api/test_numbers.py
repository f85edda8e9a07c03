"""The merchant's numbers over the API: for the period that is asked for, exact when a payment is answered."""

import pytest

from tests.api.conftest import in_days, new_plan

PATH = "/analytics/dashboard/"


@pytest.fixture
def accepted(shop, ada):
    """100.00 in four parts, of which the first was due forty days ago and the second about ten."""
    plan = shop.post("/plans/", json=new_plan(start_date=in_days(-40))).json
    return ada.post(f"/plans/{plan['id']}/accept/").json


def test_a_payment_is_in_the_next_answer(shop, ada, accepted):
    for number, line in enumerate(accepted["installments"], start=1):
        assert ada.post(f"/plans/installments/{line['id']}/pay/").status_code == 200
        numbers = shop.get(PATH).json
        assert (numbers["total_revenue"], numbers["outstanding"]) == (25 * number, 100 - 25 * number)


def test_a_refund_is_in_the_next_answer(shop, ada, accepted):
    ada.post(f"/plans/installments/{accepted['installments'][0]['id']}/pay/")
    shop.post(f"/plans/{accepted['id']}/refunds/", json={"amount": "80.00"})
    numbers = shop.get(PATH).json
    assert (numbers["total_revenue"], numbers["outstanding"], numbers["overdue"]) == (20, 0, 0)


def test_the_period_decides_what_is_told_beside_the_numbers_of_today(shop, accepted):
    numbers = {period: shop.get(f"{PATH}?period={period}").json for period in ("30d", "90d", "12m", "all")}
    assert shop.get(PATH).json == numbers["all"]
    first_due = sum(line["due_date"] < in_days(0) for line in accepted["installments"])
    assert {told["overdue"] for told in numbers.values()} == {25 * first_due}
    assert numbers["30d"]["overdue_new"] == 25 * (first_due - 1)
    assert numbers["90d"]["overdue_new"] == numbers["all"]["overdue_new"] == 25 * first_due
    assert numbers["30d"]["outstanding_before"] == 0 and numbers["all"]["outstanding_before"] is None
    assert numbers["30d"]["period_begins"] == in_days(-29) and numbers["all"]["period_begins"] is None
    assert len(numbers["30d"]["schedule"]) == 12 and len(numbers["30d"]["expected"]) == 8


def test_a_period_that_does_not_exist_is_refused_by_name(shop):
    refused = shop.get(f"{PATH}?period=7d")
    assert refused.status_code == 422 and set(refused.json["errors"]) == {"period"}
