"""How many statements a call sends, the user's own included: a bound that does not move with the number of rows."""

from __future__ import annotations

import pytest

from tests.api.conftest import in_days, new_plan

LISTS = ["/plans/", "/plans/?status=overdue", "/plans/installments/", "/plans/installments/?status=late"]


@pytest.fixture
def statements_of(count_statements):
    def count(call, *expected: int) -> int:
        with count_statements() as statements:
            answer = call()
        assert answer.status_code in (expected or (200, 201)), answer.json
        return len(statements)

    return count


def test_lists_and_plans_send_at_most_five_and_the_users(shop, ada, plan, statements_of):
    overdue = shop.post("/plans/", json=new_plan(start_date=in_days(-9))).json
    ada.post(f"/plans/{overdue['id']}/accept/")
    one = f"/plans/installments/{plan['installments'][0]['id']}/"
    of_plan = [f"/plans/{plan['id']}/", f"/plans/{plan['id']}/installments/", one]
    paths = [*LISTS, *of_plan, "/analytics/dashboard/"]
    readers = [
        (program, path)
        for program in (shop, ada)
        for path in paths
        if program is shop or "analyt" not in path
    ]
    few = [statements_of(lambda p=program, u=path: p.get(u)) for program, path in readers]
    assert max(few) <= 6
    for number in range(8):
        made = shop.post("/plans/", json=new_plan(num_installments=12, start_date=in_days(-number))).json
        ada.post(f"/plans/{made['id']}/accept/")
    assert [statements_of(lambda p=program, u=path: p.get(u)) for program, path in readers] == few


@pytest.mark.parametrize("key", [None, "a-key"])
@pytest.mark.parametrize("parts", [2, 60])
def test_a_payment_sends_at_most_16_in_all_its_steps(shop, ada, statements_of, key, parts):
    plan = shop.post("/plans/", json=new_plan(num_installments=parts)).json
    ada.post(f"/plans/{plan['id']}/accept/")
    path = f"/plans/installments/{plan['installments'][0]['id']}/pay/"
    assert statements_of(lambda: ada.post(path, key=key)) <= 16


@pytest.mark.parametrize("key", [None, "a-key"])
def test_the_payment_that_completes_a_plan_sends_one_more_to_end_its_consent(shop, ada, statements_of, key):
    plan = shop.post("/plans/", json=new_plan(num_installments=1)).json
    ada.post(f"/plans/{plan['id']}/accept/")
    path = f"/plans/installments/{plan['installments'][0]['id']}/pay/"
    assert statements_of(lambda: ada.post(path, key=key)) <= 17


@pytest.mark.parametrize("parts", [2, 60])
def test_accepting_by_the_first_payment_adds_its_own_and_no_more(shop, ada, statements_of, parts):
    plan = shop.post("/plans/", json=new_plan(num_installments=parts)).json
    path = f"/plans/installments/{plan['installments'][0]['id']}/pay/"
    assert statements_of(lambda: ada.post(path, key="k")) <= 24


@pytest.mark.parametrize("parts", [2, 60])
def test_offering_does_not_grow_with_the_installments(shop, ada, statements_of, parts):
    # The first offer of a shop fixes its currency too.
    shop.post("/plans/", json=new_plan())
    assert statements_of(lambda: shop.post("/plans/", json=new_plan(num_installments=parts), key="k")) <= 13
