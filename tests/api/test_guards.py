"""Who may call what, generated from routes and stamps: each role on each route, other people's ids, no token."""

from __future__ import annotations

import re

import pytest
from werkzeug.routing import Rule

from portal.api.answers import INSTALLMENT_ID
from portal.core.roles import Permission, Role
from tests import factories
from tests.api.conftest import Program, in_days

pytestmark = pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)

OPEN = {"/api/auth/register/", "/api/token/", "/api/token/refresh/", "/api/openapi.json", "/api/docs/"}
# What a shop's owner, a customer and an admin are to a guard.
KINDS = {
    Role.MERCHANT: {Role.MERCHANT, *Permission},
    Role.CUSTOMER: {Role.CUSTOMER},
    Role.ADMIN: {Role.ADMIN},
}
BODIES = {
    "/api/plans/": {
        "customer_email": "ada@example.com",
        "total_amount": "1.00",
        "num_installments": 1,
        "start_date": in_days(1),
    },
    "amendments": {"installments": [{"id": INSTALLMENT_ID, "due_date": in_days(40)}]},
    "payments": {"amount": "1.00"},
    "refunds": {"amount": "1.00"},
    "reverse": {"reason": "Bounced"},
}


@pytest.fixture
def calls(app) -> list[tuple[str, Rule]]:
    """Every method of every route of the API."""
    rules = [rule for rule in app.url_map.iter_rules() if rule.rule.startswith("/api/")]
    return [(method, rule) for rule in rules for method in sorted(rule.methods - {"HEAD", "OPTIONS"})]


@pytest.fixture
def people(app, session, shop, ada) -> dict[Role, Program]:
    factories.make_admin(session, "Boss")
    boss = Program(app)
    boss.sign_in("boss@example.com")
    return {Role.MERCHANT: shop, Role.CUSTOMER: ada, Role.ADMIN: boss}


@pytest.fixture
def strangers(app) -> dict[Role, Program]:
    """Another merchant and another customer."""
    programs = {role: Program(app) for role in (Role.MERCHANT, Role.CUSTOMER)}
    for role, program in programs.items():
        program.register(f"other-{role}", role)
        program.sign_in(f"other-{role}")
    return programs


def send(program: Program, method: str, rule: Rule, plan: dict):
    ids = {"plan_id": plan["id"], "installment_id": plan["installments"][0]["id"]}
    # An offer has no payments: one of this id is as good as another's.
    values = ids | {"payment_id": plan["id"], "number": "1"}
    path = rule.rule
    for name in rule.arguments:
        path = re.sub(f"<(uuid|int):{name}>", values[name], path)
    body = BODIES.get(rule.rule) or BODIES.get(rule.rule.strip("/").split("/")[-1])
    return program.call(method, path.removeprefix("/api"), json=body if method == "POST" else None)


def test_every_route_has_a_stamp_and_the_open_ones_are_these(app, calls):
    stamps = {rule.rule: getattr(app.view_functions[rule.endpoint], "guard", None) for _, rule in calls}
    assert None not in stamps.values()
    assert {path for path, roles in stamps.items() if not roles} == OPEN


def test_nothing_that_is_not_open_answers_without_a_token(app, calls, plan):
    for method, rule in calls:
        answer = send(Program(app), method, rule, plan)
        assert (answer.status_code == 401) == (rule.rule not in OPEN), rule.rule
        if answer.status_code == 401:
            assert (
                answer.mimetype == "application/problem+json"
                and answer.headers["WWW-Authenticate"] == "Bearer"
            )


def test_each_route_is_for_its_roles(app, calls, people, plan):
    for method, rule in calls:
        roles = app.view_functions[rule.endpoint].guard
        for role, program in people.items():
            answer = send(program, method, rule, plan)
            refused = bool(roles) and not KINDS[role] & set(roles)
            assert (answer.status_code == 403) == refused, (rule.rule, role)
            assert answer.status_code < 500


def test_what_is_anothers_is_not_there(app, calls, strangers, plan, session):
    rows = factories.row_counts(session)
    tried = 0
    for method, rule in calls:
        for role, stranger in strangers.items():
            if rule.arguments and KINDS[role] & set(app.view_functions[rule.endpoint].guard):
                answer = send(stranger, method, rule, plan)
                assert (answer.status_code, answer.mimetype) == (404, "application/problem+json"), rule.rule
                tried += 1
    assert tried >= 9
    assert factories.row_counts(session) == rows


def test_lists_hold_ones_own_only(people, strangers, plan):
    for path in ("/plans/", "/plans/installments/"):
        assert [bool(program.get(path).json) for program in people.values()] == [True, True, False]
        assert [program.get(path).json for program in strangers.values()] == [[], []]


def test_a_view_without_a_stamp_does_not_answer(own_app):
    own_app.add_url_rule("/api/unguarded", view_func=lambda: "seen")
    assert Program(own_app).get("/unguarded").status_code == 404


def test_an_unsafe_method_needs_no_form_token_but_a_bearer(app, client, shop, plan):
    """The API takes no cookie, so there is nothing that another site could ride on."""
    client.submit("/login", {"email": "ada@example.com", "password": factories.PASSWORD})
    answer = client.post(f"/api/plans/{plan['id']}/accept/")
    assert answer.status_code == 401
    assert shop.get(f"/plans/{plan['id']}/").json["status"] == "offered"
