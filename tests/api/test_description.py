"""The description of the API: complete, with an example for every request and answer that fits its own schema."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest

pytestmark = pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)


@pytest.fixture
def description(program) -> dict[str, Any]:
    answer = program.get("/openapi.json")
    assert (answer.status_code, answer.mimetype) == (200, "application/json")
    return answer.json


def operations(description: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [
        (f"{method} {path}", operation)
        for path, methods in description["paths"].items()
        for method, operation in methods.items()
    ]


def test_every_call_is_described_and_nothing_else(app, description):
    assert description["openapi"] == "3.1.0"
    routes = {
        f"{method.lower()} {re.sub('<(uuid|int):', '{', rule.rule).replace('>', '}')}"
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith("/api/") and rule.endpoint not in ("api_docs.openapi", "api_docs.page")
        for method in rule.methods - {"HEAD", "OPTIONS"}
    }
    assert {name for name, _ in operations(description)} == routes


def test_a_client_can_be_made_from_it(description):
    """By tools that name functions after ``operationId``, wherever the portal stands."""
    ids = [operation["operationId"] for _, operation in operations(description)]
    assert len(set(ids)) == len(ids) and all(name.isidentifier() for name in ids)
    assert description["servers"] == [{"url": "/"}]


def parts_of(schema: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every object within a schema, with the way to it."""
    if isinstance(schema, dict):
        yield path, schema
    pairs = (
        schema.items() if isinstance(schema, dict) else enumerate(schema) if isinstance(schema, list) else ()
    )
    for name, part in pairs:
        yield from parts_of(part, f"{path}/{name}")


def test_a_made_client_need_send_no_default_and_takes_new_fields(description):
    for path, part in parts_of(description["components"]["schemas"]):
        if not path.endswith("/properties"):
            assert "default" not in part and part.get("additionalProperties") is not False, path


def test_what_needs_no_token_says_so_and_all_else_needs_one(description):
    open_to_all = {
        operation["operationId"] for _, operation in operations(description) if not operation["security"]
    }
    assert open_to_all == {"register", "create_token", "refresh_token"}
    assert all(operation["security"] in ([], [{"bearer": []}]) for _, operation in operations(description))


def test_who_has_the_newest_description_is_sent_nothing(program):
    first = program.get("/openapi.json")
    again = program.get("/openapi.json", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    assert program.get("/openapi.json", headers={"If-None-Match": '"another"'}).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "sent", "status", "code"),
    [
        ("get", "/nothing/", {}, 404, "not_found"),
        ("delete", "/plans/", {}, 405, "method_not_allowed"),
        ("get", "/plans/", {}, 401, "unauthorized"),
        ("post", "/token/", {"data": "username=ada"}, 415, "not_json"),
        ("post", "/token/", {"data": "<a/>", "content_type": "application/xml"}, 415, "not_json"),
        ("post", "/token/", {"data": "{}", "content_type": "text/plain"}, 415, "not_json"),
        ("post", "/token/", {"data": "{", "content_type": "application/json"}, 400, "malformed"),
        ("post", "/token/", {"json": {}}, 422, "invalid"),
    ],
)
def test_every_problem_has_a_code(program, method, path, sent, status, code):
    answer = getattr(program.client, method)(f"/api{path}", **sent)
    assert (answer.status_code, answer.mimetype) == (status, "application/problem+json")
    assert (answer.json["status"], answer.json["code"]) == (status, code)


def contents(operation: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    """Every request and answer: what it is, its media type, and its schema with the example."""
    parts = [("request", operation.get("requestBody", {})), *operation["responses"].items()]
    return [
        (name, kind, content) for name, part in parts for kind, content in part.get("content", {}).items()
    ]


def test_every_request_and_answer_has_an_example_that_fits(description):
    for name, operation in operations(description):
        assert operation["summary"], name
        for part, kind, content in contents(operation):
            schema = content["schema"] | {"components": description["components"]}
            errors = list(
                jsonschema_rs.validator_for(schema, validate_formats=True).iter_errors(content["example"])
            )
            assert errors == [], (name, part)
            assert (kind == "application/problem+json") == (part.isdigit() and int(part) >= 400), (name, part)
        for parameter in operation["parameters"]:
            jsonschema_rs.validate(parameter["schema"], parameter["example"])


def test_every_call_names_its_refusals(description):
    for name, operation in operations(description):
        codes = set(operation["responses"])
        assert {"429", "503"} <= codes, name
        assert ("401" in codes) == (operation["security"] != [] or "token" in name), name
        if "requestBody" in operation:
            assert {"400", "403", "413", "415", "422"} <= codes, name
        if "{" in name:
            assert "404" in codes, name


def test_whatever_creates_or_pays_takes_a_key(description):
    keyed = {
        name
        for name, operation in operations(description)
        if any(parameter["name"] == "Idempotency-Key" for parameter in operation["parameters"])
    }
    posts = {
        name
        for name, operation in operations(description)
        if name.startswith("post") and operation["security"]
    }
    # A link works once by itself, and is sent once a minute.
    assert posts - keyed == {"post /api/auth/verify-email/", "post /api/auth/verify-email/resend/"}
    assert keyed < posts


def test_the_page_is_of_our_own_files_under_the_strict_policy(app):
    answer = app.test_client().get("/api/docs/")
    page = answer.get_data(as_text=True)
    assert answer.status_code == 200
    assert "script-src 'self'" in answer.headers["Content-Security-Policy"]
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
    loaded = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert loaded and all(path.startswith("/") for path in loaded)
    assert all(app.test_client().get(path, buffered=True).status_code == 200 for path in loaded)


def test_answers_set_no_cookie_and_are_kept_by_nobody(shop, plan):
    for answer in (shop.get("/plans/"), shop.get("/nothing/"), shop.sign_in("shop"), shop.get("/docs/")):
        assert "Set-Cookie" not in answer.headers
    assert (
        shop.get("/plans/").headers["Cache-Control"]
        == shop.sign_in("shop").headers["Cache-Control"]
        == "no-store"
    )
