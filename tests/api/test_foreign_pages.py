"""A page of another site signs nobody in or up: bodies are JSON by name, and a foreign Origin is refused."""

from __future__ import annotations

import json

import pytest

from portal.models import LoginAttempt
from tests import factories
from tests.databases import environment
from tests.factories import PASSWORD

pytestmark = pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)

FRONT_END = "https://shop.example.com"
PORTAL = "https://pay.example.com"
ACCOUNT = {
    "username": "ada",
    "email": "ada@example.com",
    "password": PASSWORD,
    "password2": PASSWORD,
    "role": "customer",
}
FOREIGN = [
    {"Origin": "https://evil.example.com"},
    {"Origin": "null"},
    {"Origin": ""},
    {"Origin": "http://pay.example.com"},
    {"Origin": "https://pay.example.com.evil.example"},
    {"Origin": "https://pay.example.com:444"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Origin": PORTAL, "Sec-Fetch-Site": "cross-site"},
    {"Origin": "http://shop.example.com", "Sec-Fetch-Site": "cross-site"},
]
WELCOME = [
    {},
    {"Origin": PORTAL},
    {"Origin": PORTAL, "Sec-Fetch-Site": "same-origin"},
    {"Sec-Fetch-Site": "none"},
    {"Origin": FRONT_END, "Sec-Fetch-Site": "cross-site"},
]


@pytest.fixture
def environ(database_url, instance):
    settings = {"PORTAL_URL": f"{PORTAL}/", "CORS_ORIGINS": FRONT_END, "DATABASE_URL": database_url}
    return environment(instance, **settings, PORTAL_PASSWORDS="")


@pytest.fixture
def post(program):
    def send(path, **more):
        return program.post(path, base_url=PORTAL, **more)

    return send


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
def test_a_foreign_page_signs_nobody_in_or_up(post, session, headers):
    assert post("/auth/register/", json=ACCOUNT).status_code == 201
    refresh = post("/token/", json={"username": "ada", "password": PASSWORD}).json["refresh"]
    before = factories.row_counts(session)
    for path, body in (
        ("/auth/register/", ACCOUNT | {"username": "eve", "email": "eve@example.com"}),
        ("/token/", {"username": "ada", "password": "a wrong guess"}),
        ("/token/", {"username": "ada", "password": PASSWORD}),
        ("/token/refresh/", {"refresh": refresh}),
        ("/token/", "{"),
    ):
        sent = {"data": body} if isinstance(body, str) else {"json": body}
        answer = post(path, headers=headers, **sent)
        assert (answer.status_code, answer.mimetype) == (403, "application/problem+json")
        assert answer.json["code"] == "forbidden"
    assert factories.row_counts(session) == before
    assert before[LoginAttempt.__tablename__] == 0


@pytest.mark.parametrize("headers", WELCOME, ids=str)
def test_programs_the_portals_own_pages_and_named_front_ends_do(post, headers):
    assert post("/auth/register/", json=ACCOUNT, headers=headers).status_code == 201
    signing_in = {"username": "ada", "password": PASSWORD}
    refresh = post("/token/", json=signing_in, headers=headers).json["refresh"]
    assert post("/token/refresh/", json={"refresh": refresh}, headers=headers).status_code == 200


@pytest.mark.parametrize(
    "headers", [*FOREIGN, {"Origin": FRONT_END, "Sec-Fetch-Site": "cross-site"}], ids=str
)
def test_no_page_takes_a_form_from_elsewhere(app, client, session, headers):
    before = factories.row_counts(session)
    tried = 0
    for rule in app.url_map.iter_rules():
        for method in rule.methods - {"GET", "HEAD", "OPTIONS"}:
            if rule.rule.startswith("/api") or rule.arguments:
                continue
            answer = client.open(
                rule.rule, method=method, headers=headers, base_url=PORTAL, data={"email": "x"}
            )
            assert answer.status_code == 403, rule.rule
            tried += 1
    assert tried >= 10
    assert factories.row_counts(session) == before
    assert client.get("/login", headers=headers, base_url=PORTAL).status_code == 200


@pytest.mark.parametrize(
    "kind",
    ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "text/json", "", "a/b/c"],
)
def test_a_body_that_is_not_called_json_is_not_read(post, session, kind):
    for path in ("/auth/register/", "/token/", "/token/refresh/"):
        answer = post(path, data=json.dumps(ACCOUNT), content_type=kind)
        assert (answer.status_code, answer.mimetype) == (415, "application/problem+json")
        assert (answer.json["code"], answer.headers["Accept"]) == ("not_json", "application/json")
    assert factories.row_counts(session)["users"] == 0


@pytest.mark.parametrize("kind", ["application/json", "application/json; charset=utf-8", "Application/JSON"])
def test_json_is_called_so_in_any_spelling(post, kind):
    assert post("/auth/register/", data=json.dumps(ACCOUNT), content_type=kind).status_code == 201
