"""What the predecessor's own tests asked of its API, over HTTP."""


def test_register_sign_in_and_me(program):
    made = program.register("corner-shop", "merchant")
    assert made.status_code == 201
    assert made.json == {
        "id": made.json["id"],
        "username": "corner-shop",
        "email": "corner-shop@example.com",
        "role": "merchant",
    }
    signed_in = program.sign_in("corner-shop")
    assert signed_in.status_code == 200 and set(signed_in.json) == {"access", "refresh"}
    me = program.get("/auth/me/")
    assert me.status_code == 200 and me.json == made.json | {
        "email_verified": False,
        "merchants": [{"id": made.json["id"], "name": "corner-shop", "role": "owner"}],
    }


def test_a_merchant_creates_a_plan_of_4_and_gets_4_installments(shop, plan):
    assert plan["status"] == "offered"
    assert [line["amount"] for line in plan["installments"]] == ["25.00"] * 4
    listed = shop.get(f"/plans/{plan['id']}/installments/")
    assert listed.status_code == 200 and listed.json == plan["installments"]


def test_the_customer_pays_a_due_one(shop, ada, plan):
    due = plan["installments"][0]
    paid = ada.post(f"/plans/installments/{due['id']}/pay/")
    assert paid.status_code == 200
    assert paid.json["status"] == "paid" and paid.json["paid_at"].endswith("Z")
    assert shop.get(f"/plans/{plan['id']}/").json["status"] == "active"


def test_both_parties_read_one_installment(shop, ada, plan):
    for _ in range(2):
        for line in shop.get(f"/plans/{plan['id']}/installments/").json:
            for program in (shop, ada):
                answer = program.get(f"/plans/installments/{line['id']}/")
                assert (answer.status_code, answer.json) == (200, line)
        # Once more when one is paid and the others are owed.
        ada.post(f"/plans/installments/{plan['installments'][0]['id']}/pay/")


def test_the_dashboard_is_for_merchants_alone(shop, ada, plan):
    ada.post(f"/plans/installments/{plan['installments'][0]['id']}/pay/")
    for path in ("/analytics/dashboard/", "/plans/analytics/dashboard/", "/analytics/merchant/"):
        numbers = shop.get(path)
        assert numbers.status_code == 200
        told = ("total_revenue", "overdue_installments", "success_rate", "outstanding", "overdue", "currency")
        assert [numbers.json[name] for name in told] == [25, 0, 100, 75, 0, "USD"]
        assert ada.get(path).status_code == 403


def test_numbers_of_a_shop_without_plans_are_zero(shop):
    numbers = shop.get("/analytics/dashboard/").json
    assert (numbers["total_revenue"], numbers["overdue_installments"], numbers["success_rate"]) == (0, 0, 0)
