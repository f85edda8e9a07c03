"""What keeps floods out, what a client is told about it, and which front ends of other origins are let in."""

from __future__ import annotations

from uuid import uuid4

import pytest

from config import ConfigError, load_settings
from portal.extensions import limiter
from tests.api.conftest import Program
from tests.databases import environment

ON_SQLITE = pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
FRONT_END = "http://localhost:3000"


@ON_SQLITE
@pytest.mark.parametrize(("path", "limit"), [("/auth/register/", 10), ("/token/", 300)])
def test_so_many_a_minute_from_one_address(program, path, limit):
    body = {"username": "", "password": "x"}
    # What is not understood is counted too.
    sent = ({"json": body}, {"json": {}}, {"data": "{"})
    answers = [program.post(path, **sent[k % len(sent)]) for k in range(limit)]
    assert {answer.status_code for answer in answers} == {400, 422}
    assert [answers[k].headers["RateLimit-Remaining"] for k in (0, -1)] == [str(limit - 1), "0"]
    assert "Retry-After" not in answers[-1].headers
    refused = program.post(path, json=body)
    assert (refused.status_code, refused.mimetype) == (429, "application/problem+json")
    assert refused.headers["RateLimit-Limit"] == str(limit)
    assert 0 < int(refused.headers["Retry-After"]) <= 61
    assert 0 <= int(refused.headers["RateLimit-Reset"]) <= 61
    elsewhere = program.post(path, json=body, environ_base={"REMOTE_ADDR": "192.0.2.9"})
    assert elsewhere.status_code == 422


@ON_SQLITE
def test_whoever_has_an_ipv6_network_has_no_more_than_others(program):
    for last in range(10):
        answer = program.post("/auth/register/", json={}, environ_base={"REMOTE_ADDR": f"2001:db8::{last:x}"})
    assert answer.headers["RateLimit-Remaining"] == "0"
    elsewhere = program.post("/auth/register/", json={}, environ_base={"REMOTE_ADDR": "2001:db8:0:1::1"})
    assert elsewhere.headers["RateLimit-Remaining"] == "9"


@ON_SQLITE
def test_everything_else_is_counted_by_user_wherever_they_call(shop, ada):
    paths = ("/auth/me/", "/plans/", "/plans/installments/", "/analytics/dashboard/", "/openapi.json")
    answers = [shop.get(path) for path in paths]
    assert {answer.headers["RateLimit-Limit"] for answer in answers} == {"6000"}
    assert [answer.headers["RateLimit-Remaining"] for answer in answers] == [
        "5999",
        "5998",
        "5997",
        "5996",
        "5995",
    ]
    elsewhere = shop.get("/auth/me/", environ_base={"REMOTE_ADDR": "192.0.2.9"})
    assert elsewhere.headers["RateLimit-Remaining"] == "5994"
    assert ada.get("/auth/me/").headers["RateLimit-Remaining"] == "5999"


@ON_SQLITE
def test_the_six_thousand_and_first_is_refused(shop, ada):
    """The others are counted in the storage itself, as the first one was."""
    limiter.counts.hit(f"api {shop.get('/auth/me/').json['id']}", 60, 5998)
    last = shop.get("/auth/me/")
    assert (last.status_code, last.headers["RateLimit-Remaining"]) == (200, "0")
    refused = shop.get("/auth/me/")
    assert (refused.status_code, refused.headers["RateLimit-Remaining"]) == (429, "0")
    assert ada.get("/auth/me/").status_code == 200


@pytest.fixture
def environ(database_url, instance, request):
    """A portal that lets a front end in, unless the test says otherwise."""
    origins = getattr(request, "param", f"{FRONT_END}, https://shop.example.com/")
    return environment(instance, DATABASE_URL=database_url, **({"CORS_ORIGINS": origins} if origins else {}))


def preflight(program: Program, origin: str, path: str = "/plans/"):
    headers = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type,idempotency-key",
    }
    return program.call("OPTIONS", path, headers=headers)


@ON_SQLITE
def test_a_front_end_that_is_named_can_work(program):
    asked = preflight(program, FRONT_END)
    assert asked.status_code == 200
    assert asked.headers["Access-Control-Allow-Origin"] == FRONT_END
    assert "POST" in asked.headers["Access-Control-Allow-Methods"]
    allowed = asked.headers["Access-Control-Allow-Headers"].lower()
    assert all(name in allowed for name in ("authorization", "content-type", "idempotency-key"))
    assert "Access-Control-Allow-Credentials" not in asked.headers
    program.register("shop", "merchant")
    program.sign_in("shop")
    for path, status in (("/plans/", 200), ("/plans/nothing/", 404), ("/plans/?limit=0", 422)):
        answer = program.get(path, headers={"Origin": FRONT_END})
        assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (status, FRONT_END)
        assert "Link" in answer.headers["Access-Control-Expose-Headers"]
        assert "Origin" in answer.headers["Vary"]
    refused = Program(program.client.application).get("/plans/", headers={"Origin": FRONT_END})
    assert (refused.status_code, refused.headers["Access-Control-Allow-Origin"]) == (401, FRONT_END)


@ON_SQLITE
def test_a_preflight_of_an_address_without_its_last_slash_is_answered(program):
    for path in ("/plans", "/token", f"/plans/installments/{uuid4()}/pay"):
        asked = preflight(program, FRONT_END, path)
        assert (asked.status_code, asked.headers["Access-Control-Allow-Origin"]) == (204, FRONT_END), path
        assert "POST" in asked.headers["Access-Control-Allow-Methods"]
        assert "Location" not in asked.headers
        stranger = preflight(program, "https://evil.example", path)
        assert (stranger.status_code, "Access-Control-Allow-Origin" in stranger.headers) == (308, False)
    assert preflight(program, FRONT_END, "/nothing").status_code == 404


@ON_SQLITE
@pytest.mark.parametrize(
    "origin", ["http://localhost:3001", "https://localhost:3000", "null", "http://evil.example"]
)
def test_others_are_not(program, origin):
    for answer in (preflight(program, origin), program.get("/plans/", headers={"Origin": origin})):
        assert "Access-Control-Allow-Origin" not in answer.headers


@ON_SQLITE
@pytest.mark.parametrize("environ", [None], indirect=True)
def test_nobody_is_let_in_by_default(program):
    assert "Access-Control-Allow-Origin" not in preflight(program, FRONT_END).headers


@ON_SQLITE
def test_pages_are_never_shared(program, client):
    assert "Access-Control-Allow-Origin" not in client.get("/login", headers={"Origin": FRONT_END}).headers


@pytest.mark.parametrize(
    "origins",
    [
        *("*", "localhost:3000", "http://a.example/path", "ftp://a.example", "http://", "null"),
        *("https://*.example.com", "https://a?.example.com", "https://[ab].example.com", "http://[::1]:3000"),
        *("https://a.example.com$", "https://(a|b).example.com", "^https://a.example.com", "https://a\\.b"),
        *("https://user@a.example.com", "https://a.example.com:port", "HTTPS://A.EXAMPLE.COM"),
    ],
)
def test_what_is_no_origin_stops_the_start(tmp_path, origins):
    with pytest.raises(ConfigError, match="CORS_ORIGINS"):
        load_settings(environment(tmp_path, CORS_ORIGINS=origins))
