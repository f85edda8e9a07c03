"""Whatever a program sends: refused within 100 ms of CPU, its field named. Generated from the API's description."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlencode

import pytest
from werkzeug.test import TestResponse

from portal.extensions import limiter
from tests import factories
from tests.api.conftest import Program
from tests.hostile_input import CARDS, MISLEADING, TOO_LONG, within_limit
from tests.integration.test_web_guards import ON_SQLITE, person_of, stamp, world

world  # noqa: B018 - the fixture is used by its name

pytestmark = ON_SQLITE


@dataclass
class Operation:
    """One call of the API with a body, as its description has it."""

    program: Program
    path: str
    example: dict[str, Any]
    texts: dict[str, dict[str, Any]]

    def send(self, body: bytes) -> TestResponse:
        return self.program.post(self.path, data=body, content_type="application/json")

    def send_with(self, **values: str) -> Callable[[], TestResponse]:
        body = json.dumps(self.example | values, ensure_ascii=False).encode()
        return lambda: self.send(body)


@pytest.fixture
def operations(app, world, monkeypatch) -> list[Operation]:
    monkeypatch.setattr(limiter, "enabled", False)
    description = Program(app).get("/openapi.json").json
    found = []
    for path, methods in description["paths"].items():
        body = methods.get("post", {}).get("requestBody")
        if body is None:
            continue
        content = body["content"]["application/json"]
        schema = content["schema"]
        if "$ref" in schema:
            schema = description["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        rule = next(
            r
            for r in app.url_map.iter_rules()
            if re.sub("<(uuid|int):", "{", r.rule).replace(">", "}") == path
        )
        program = Program(app)
        if roles := stamp(app, rule):
            assert program.sign_in(person_of(world, roles[0]).email).status_code == 200
        ids = {name: str(world.ids[name][0]) for name in rule.arguments}
        texts = {
            name: field
            for name, field in schema.get("properties", {}).items()
            if "string" in json.dumps(field)
        }
        found.append(
            Operation(program, path.format(**ids).removeprefix("/api"), content.get("example") or {}, texts)
        )
    return found


# Compared, never shown to anybody.
UNREAD = {"password", "password2", "otp", "refresh", "timezone", "token"}


def test_every_text_of_the_api_is_bounded_and_named(operations, session):
    cases = 0
    before = factories.row_counts(session)
    for operation in operations:
        for name, schema in operation.texts.items():
            for what, text in TOO_LONG.items():
                about = (operation.path, name, what)
                answer = within_limit(operation.send_with(**{name: text}), about)
                cases += 1
                assert answer.status_code == 422 and name in answer.json["errors"], (about, answer.json)
                assert len(answer.get_data()) < 5000, about
                assert answer.json["errors"][name][0], about
            if schema.get("maxLength") and name not in UNREAD:
                for text in MISLEADING:
                    answer = operation.send_with(**{name: text})()
                    cases += 1
                    assert answer.status_code == 422 and name in answer.json["errors"], (name, text)
    assert cases > 150, cases
    assert factories.row_counts(session) == before


def test_every_parameter_of_the_api_is_bounded_and_named(app, world):
    program = Program(app)
    program.sign_in(world.shop.email)
    cases = 0
    for path, methods in program.get("/openapi.json").json["paths"].items():
        address = path.replace("{plan_id}", str(world.ids["plan_id"][0]))
        for parameter in methods.get("get", {}).get("parameters", []):
            if parameter["in"] != "query":
                continue
            for text in ("\u0301" * 600, "9" * 3900, "\u202e", CARDS[0]):
                query = urlencode({parameter["name"]: text})
                answer = within_limit(
                    partial(program.get, address.removeprefix("/api"), query_string=query), query[:20]
                )
                cases += 1
                assert answer.status_code == 422 and parameter["name"] in answer.json["errors"], (
                    path,
                    query[:20],
                )
                assert len(answer.get_data()) < 1000
    assert cases >= 20, cases


def test_the_api_names_at_most_twenty_unknown_fields(operations):
    assert len(operations) > 8
    for operation in operations:
        for count in (1000, 9000, 60_000):
            body = json.dumps({f"f{k}": 1 for k in range(count)}).encode()
            answer = within_limit(lambda o=operation, b=body: o.send(b), (operation.path, count))
            errors = answer.json["errors"]
            assert answer.status_code == 422 and 1 <= len(errors) <= 20 + len(operation.texts) + 5, errors
            assert len(answer.get_data()) < 10_000
        form = within_limit(
            lambda o=operation: o.program.post(
                o.path, data=b"a=&" * 240_000, content_type="application/x-www-form-urlencoded"
            ),
            operation.path,
        )
        assert form.status_code == 415


@pytest.mark.parametrize(
    "body",
    [
        b"[" + b"[]," * 330_000 + b"[]]",
        b"[" + b"{}," * 330_000 + b"{}]",
        b"[" + b"1," * 490_000 + b"1]",
        b"[" + b"1," * 9000 + b"9" * 900_000 + b"]",
        b'{"a":' * 160_000,
        b"[" * 1_000_000,
        b'{"description": "' + b"\\u0301" * 160_000 + b'"}',
        b'{"' + b"x" * 900_000 + b'": 1}',
    ],
    ids=[
        "lists",
        "objects",
        "numbers",
        "an endless number",
        "deep objects",
        "deep lists",
        "escapes",
        "a long name",
    ],
)
def test_json_that_takes_long_to_read_is_refused_before(operations, body):
    for operation in operations:
        answer = within_limit(lambda o=operation: o.send(body), operation.path)
        assert answer.status_code in (400, 422)
        assert len(answer.get_data()) < 5000
