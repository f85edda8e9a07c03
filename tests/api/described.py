"""Holds the API's answers and its description together: every answer that a test gets is one that is described."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any

import jsonschema_rs
from apiflask import APIFlask
from werkzeug.test import TestResponse

# The same for every portal, so it is made once for all tests.
_descriptions: list[dict[str, Any]] = []


def check_described(app: APIFlask, answer: TestResponse) -> None:
    """Raise ``AssertionError`` unless the operation, the status and the body are described."""
    if not _descriptions:
        description = json.loads(json.dumps(app.spec))
        # Clients have to bear new fields; here one that is not described is a fault.
        for schema in description["components"]["schemas"].values():
            schema["additionalProperties"] = False
        _descriptions.append(description)
    method, path = answer.request.method, answer.request.path
    responses = _responses(method, path)
    if responses is None:
        return
    described = responses.get(str(answer.status_code))
    assert described, f"{method} {path} is not described to answer {answer.status}"
    assert answer.mimetype in described["content"], f"{method} {path} answers as {answer.mimetype}"
    validator = _validator(method, path, str(answer.status_code), answer.mimetype)
    errors = [f"{list(error.instance_path)}: {error.message}" for error in validator.iter_errors(answer.json)]
    assert errors == [], f"{method} {path} answers {answer.status} otherwise than described"


@cache
def _responses(method: str, path: str) -> dict[str, Any] | None:
    """What the operation may answer; None where no operation is described."""
    for pattern, operations in _descriptions[0]["paths"].items():
        if re.fullmatch(re.sub(r"\{\w+\}", "[0-9a-f-]{36}", pattern), path):
            return operations.get(method.lower(), {}).get("responses")
    return None


@cache
def _validator(method: str, path: str, status: str, mimetype: str) -> jsonschema_rs.Validator:
    schema = _responses(method, path)[status]["content"][mimetype]["schema"]
    components = _descriptions[0]["components"]
    return jsonschema_rs.validator_for(schema | {"components": components}, validate_formats=True)
