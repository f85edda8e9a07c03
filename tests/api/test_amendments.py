"""Programs of both sides propose and answer other dates: better at once, worse by the customer, once per key."""

from __future__ import annotations

from tests.api.conftest import Program, in_days, new_plan


def accepted(shop, ada):
    """Four installments, the first due in ten days."""
    plan = shop.post("/plans/", json=new_plan(start_date=in_days(10))).json
    ada.post(f"/plans/{plan['id']}/accept/")
    return shop.get(f"/plans/{plan['id']}/").json


def body(plan, number=1, day=None, **more):
    line = plan["installments"][number - 1]
    return {"installments": [{"id": line["id"], "due_date": day or in_days(15)}]} | more


def path(plan, rest=""):
    return f"/plans/{plan['id']}/amendments/{rest}"


def due(program, plan):
    return program.get(f"/plans/{plan['id']}/").json["installments"][0]["due_date"]


def test_later_is_in_force_at_once(shop, ada):
    plan = accepted(shop, ada)
    made = shop.post(path(plan), json=body(plan, reason="Wages"))
    assert made.status_code == 201
    assert (made.json["effect"], made.json["state"], made.json["proposed_by"]) == (
        "better",
        "in_force",
        "shop",
    )
    assert made.json["installments"] == [
        {
            "id": plan["installments"][0]["id"],
            "number": 1,
            "amount": "25.00",
            "old_due_date": in_days(10),
            "due_date": in_days(15),
        }
    ]
    assert due(ada, plan) == in_days(15)
    assert ada.get(path(plan)).json == [made.json]


def test_earlier_waits_for_the_customer(shop, ada):
    plan = accepted(shop, ada)
    made = shop.post(path(plan), json=body(plan, day=in_days(5)))
    assert (made.json["effect"], made.json["state"], due(ada, plan)) == ("worse", "proposed", in_days(10))
    assert shop.post(path(plan, "1/accept/")).status_code == 403
    taken = ada.post(path(plan, "1/accept/"))
    assert (taken.status_code, taken.json["state"]) == (200, "in_force")
    assert taken.json["accepted_at"] and due(shop, plan) == in_days(5)


def test_the_customer_asks_and_the_shop_answers(shop, ada):
    plan = accepted(shop, ada)
    assert ada.post(path(plan), json=body(plan)).json["state"] == "proposed"
    assert shop.post(path(plan), json=body(plan)).json["code"] == "amendment_open"
    assert shop.post(path(plan, "1/decline/")).json["state"] == "declined"
    again = shop.post(path(plan, "1/accept/"))
    assert (again.status_code, again.json["code"]) == (409, "amendment_declined")
    ada.post(path(plan), json=body(plan))
    assert ada.post(path(plan, "2/withdraw/")).json["state"] == "withdrawn"
    ada.post(path(plan), json=body(plan))
    assert shop.post(path(plan, "3/accept/")).json["state"] == "in_force"


def test_a_key_proposes_once(shop, ada):
    plan, key = accepted(shop, ada), {"Idempotency-Key": "once"}
    first = shop.post(path(plan), json=body(plan), headers=key)
    again = shop.post(path(plan), json=body(plan), headers=key)
    assert first.status_code == again.status_code == 201 and first.json == again.json
    assert len(shop.get(path(plan)).json) == 1


def test_what_was_paid_meanwhile_withdraws_it(shop, ada):
    plan = accepted(shop, ada)
    shop.post(path(plan), json=body(plan, day=in_days(5)))
    ada.post(f"/plans/installments/{plan['installments'][0]['id']}/pay/")
    answer = ada.post(path(plan, "1/accept/"))
    assert (answer.status_code, answer.json["code"]) == (409, "other_terms")
    assert shop.get(path(plan)).json[0]["state"] == "withdrawn"
    settled = shop.post(path(plan), json=body(plan))
    assert (settled.status_code, settled.json["code"]) == (409, "line_settled")


def test_faults_are_named_by_their_places(shop, ada):
    plan = accepted(shop, ada)
    lines = plan["installments"]
    refused = shop.post(
        path(plan),
        json={
            "installments": [{"id": lines[0]["id"], "due_date": "soon"}, {"id": 7, "due_date": in_days(50)}],
        },
    )
    assert refused.status_code == 422
    assert set(refused.json["errors"]) == {"installments.0.due_date", "installments.1.id"}
    long = shop.post(path(plan), json=body(plan, day=in_days(-1), reason="x" * 201))
    assert set(long.json["errors"]) == {"installments.0.due_date", "reason"}
    passed = shop.post(path(plan), json=body(plan, day=in_days(-1)))
    assert list(passed.json["errors"]) == ["installments.0.due_date"]
    for installments in ([], [{"id": plan["id"], "due_date": in_days(20)}]):
        unknown = shop.post(path(plan), json={"installments": installments})
        assert list(unknown.json["errors"]) == ["installments"]
    assert shop.get(path(plan)).json == []


def test_a_stranger_finds_nothing(app, shop, ada):
    plan = accepted(shop, ada)
    shop.post(path(plan), json=body(plan, day=in_days(5)))
    stranger = Program(app)
    stranger.register("stranger", "merchant")
    stranger.sign_in("stranger")
    for answer in (
        stranger.post(path(plan), json=body(plan)),
        stranger.get(path(plan)),
        stranger.post(path(plan, "1/accept/")),
        ada.post(path(plan, "9/accept/")),
    ):
        assert answer.status_code == 404


def new_lines(*lines):
    return {"installments": [{"amount": amount, "due_date": day} for amount, day in lines]}


def test_what_is_owed_is_spread_over_new_installments(shop, ada):
    plan = accepted(shop, ada)
    last = plan["installments"][-1]["due_date"]
    made = shop.post(path(plan), json=new_lines(("60.00", last), ("40.00", in_days(200))))
    assert (made.status_code, made.json["effect"], made.json["state"]) == (201, "better", "in_force")
    assert [line["due_date"] for line in made.json["installments"]] == [None] * 4 + [last, in_days(200)]
    lines = ada.get(f"/plans/{plan['id']}/installments/").json
    assert [(line["status"], line["moved"], line["owed"]) for line in lines] == [
        *[("moved", "25.00", "0.00")] * 4,
        ("pending", "0.00", "60.00"),
        ("pending", "0.00", "40.00"),
    ]
    found = ada.get("/plans/installments/?status=moved").json
    assert [line["id"] for line in found] == [line["id"] for line in plan["installments"]]
    paid = ada.post(f"/plans/installments/{lines[4]['id']}/pay/").json
    assert paid["status"] == "paid"


def test_a_spread_that_cannot_be_names_its_lines(shop, ada):
    plan = accepted(shop, ada)
    wrong = [
        (new_lines(("60.00", in_days(30))), {"installments"}),
        (new_lines(("60.00", in_days(30)), ("40.00", in_days(20))), {"installments.1.due_date"}),
        (new_lines(("0", in_days(30)), ("x", in_days(40))), {"installments.1.amount"}),
        (new_lines(("99.999", in_days(30))), {"installments.0.amount"}),
        (
            body(plan)
            | {
                "installments": [
                    *body(plan)["installments"],
                    *new_lines(("1.00", in_days(9)))["installments"],
                ]
            },
            {"installments"},
        ),
        ({"installments": [{"due_date": in_days(20)}]}, {"installments"}),
    ]
    for asked, fields in wrong:
        refused = shop.post(path(plan), json=asked)
        assert (refused.status_code, set(refused.json["errors"])) == (422, fields)
