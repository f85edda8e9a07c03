"""Lists page by page: nothing missed, nothing repeated, each status what it means today, cursors for one list only."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
import requests.utils

from portal.core.calendar import business_date
from portal.extensions import now
from tests import factories
from tests.api.conftest import Program, in_days, new_plan


def next_of(answer) -> str | None:
    links = requests.utils.parse_header_links(answer.headers.get("Link", ""))
    found = [link["url"] for link in links if link.get("rel") == "next"]
    return found[0].partition("/api")[2] if found else None


def walk(program: Program, path: str, meanwhile=lambda: None) -> list[list[dict]]:
    """The pages of a list, with something happening between any two of them."""
    pages = []
    here: str | None = path
    while here:
        answer = program.get(here)
        assert answer.status_code == 200, answer.json
        pages.append(answer.json)
        here = next_of(answer)
        meanwhile()
    return pages


def ids(pages: list[list[dict]]) -> list[str]:
    return [one["id"] for page in pages for one in page]


def offer(shop: Program, **more) -> dict:
    return shop.post("/plans/", json=new_plan(**more)).json


def test_a_list_walked_while_plans_are_created_misses_and_repeats_nothing(shop, ada):
    made = [offer(shop, num_installments=1)["id"] for _ in range(7)]
    pages = walk(shop, "/plans/?limit=3", meanwhile=lambda: offer(shop))
    assert ids(pages) == made[::-1]
    assert [len(page) for page in pages] == [3, 3, 1]
    assert ids(walk(ada, "/plans/?limit=4"))[-7:] == made[::-1]


def test_installments_come_by_due_date_those_of_offers_too(shop, ada):
    late = offer(shop, start_date=in_days(-40), num_installments=2)
    soon = offer(shop, start_date=in_days(1), num_installments=3, frequency="weekly")
    same = offer(shop, start_date=in_days(1), num_installments=3, frequency="weekly")
    for program in (shop, ada):
        found = [one for page in walk(program, "/plans/installments/?limit=2") for one in page]
        assert sorted(one["id"] for one in found) == sorted(
            line["id"] for plan in (late, soon, same) for line in plan["installments"]
        )
        assert [one["due_date"] for one in found] == sorted(one["due_date"] for one in found)
        assert {one["plan"] for one in found} == {late["id"], soon["id"], same["id"]}


@pytest.fixture
def one_of_each(shop, ada, expired) -> dict[str, str]:
    """A plan in every status, by its status; each of two installments."""

    def accepted(**more) -> dict:
        plan = offer(shop, num_installments=2, **more)
        assert ada.post(f"/plans/{plan['id']}/accept/").status_code == 200
        return plan

    plans = {status: offer(shop, num_installments=2) for status in ("offered", "declined", "revoked")}
    plans |= {"expired": expired, "active": accepted(), "overdue": accepted(start_date=in_days(-1))}
    plans["cancelled"] = accepted()
    plans["completed"] = accepted()
    ada.post(f"/plans/{plans['declined']['id']}/decline/")
    shop.post(f"/plans/{plans['revoked']['id']}/cancel/")
    shop.post(f"/plans/{plans['cancelled']['id']}/cancel/")
    ada.post(f"/plans/installments/{plans['active']['installments'][0]['id']}/pay/")
    for line in plans["completed"]["installments"]:
        ada.post(f"/plans/installments/{line['id']}/pay/")
    return {status: plan["id"] for status, plan in plans.items()}


def test_each_plan_is_in_the_list_of_its_status_and_in_no_other(shop, ada, one_of_each):
    for program in (shop, ada):
        shown = {plan["id"]: plan["status"] for plan in program.get("/plans/").json}
        assert shown == {plan_id: status for status, plan_id in one_of_each.items()}
        for status, plan_id in one_of_each.items():
            assert ids([program.get(f"/plans/?status={status}").json]) == [plan_id], status


def test_each_installment_is_in_the_list_of_its_status_and_in_no_other(shop, ada, one_of_each):
    for program in (shop, ada):
        shown = {line["id"]: line["status"] for line in program.get("/plans/installments/").json}
        counts = {}
        for status in ("pending", "late", "paid", "cancelled"):
            found = program.get(f"/plans/installments/?status={status}").json
            assert {line["id"] for line in found} == {i for i, s in shown.items() if s == status}, status
            counts[status] = len(found)
        assert counts == {"pending": 4, "late": 1, "paid": 3, "cancelled": 8}


def test_today_is_the_day_of_each_plans_own_merchant(app, ada):
    """Where it is tomorrow already, what is due today is late; the customer's list knows both shops' days."""
    due = {}
    for name, zone in (("first", "Pacific/Kiritimati"), ("last", "Pacific/Pago_Pago")):
        program = Program(app)
        program.register(name, "merchant", timezone=zone)
        program.sign_in(name)
        today = business_date(now(), zone)
        plan = program.post("/plans/", json=new_plan(num_installments=1, start_date=today.isoformat())).json
        yesterday = (today - timedelta(days=1)).isoformat()
        other = program.post("/plans/", json=new_plan(num_installments=1, start_date=yesterday)).json
        for made in (plan, other):
            assert ada.post(f"/plans/{made['id']}/accept/").status_code == 200
        due[name] = (plan["id"], other["id"])
    assert {one["plan"] for one in ada.get("/plans/installments/?status=late").json} == {
        due["first"][1],
        due["last"][1],
    }
    assert set(ids([ada.get("/plans/?status=active").json])) == {due["first"][0], due["last"][0]}
    assert set(ids([ada.get("/plans/?status=overdue").json])) == {due["first"][1], due["last"][1]}


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
def test_a_cursor_fits_its_own_list_and_person_only(shop, ada):
    for _ in range(2):
        offer(shop)
    there = next_of(shop.get("/plans/?limit=1"))
    assert there
    cursor = there.partition("cursor=")[2]
    assert shop.get(f"/plans/?limit=200&cursor={cursor}").status_code == 200
    for program, path in (
        (ada, "/plans/?"),
        (shop, "/plans/?status=offered&"),
        (shop, "/plans/installments/?"),
    ):
        answer = program.get(f"{path}cursor={cursor}")
        assert (answer.status_code, set(answer.json["errors"])) == (422, {"cursor"})
    assert set(shop.get(f"/plans/?cursor={cursor[:-1]}").json["errors"]) == {"cursor"}


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
def test_fifty_at_a_time_unless_asked_otherwise(shop, session):
    assert shop.get("/plans/").headers.get("Link") is None
    factories.allow_offers(session, factories.actor(session, UUID(shop.get("/auth/me/").json["id"])))
    for number in range(51):
        offer(shop, num_installments=1, customer_email=f"buyer{number}@example.com")
    assert [len(page) for page in walk(shop, "/plans/")] == [50, 1]
    assert [len(page) for page in walk(shop, "/plans/?limit=51")] == [51]
    assert len(walk(shop, "/plans/installments/?limit=200")[0]) == 51
