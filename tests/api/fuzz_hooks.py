"""What Schemathesis is told about this portal: who calls which operation, and ids of things that exist."""

from __future__ import annotations

import contextlib
import json
import os
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import requests
import schemathesis

SEED = json.loads(os.environ["FUZZ_SEED"])
OF_CUSTOMERS = ("/accept/", "/decline/", "/pay/")
RENEW_SECONDS = 600
LONGEST_QUERY = 3500


def role_of(path: str) -> str:
    return "customer" if path.endswith(OF_CUSTOMERS) else "merchant"


@schemathesis.auth(refresh_interval=RENEW_SECONDS, cache_by_key=lambda case, _: role_of(case.operation.path))
class Bearer:
    """The shop's token, or its customer's where only a customer can act; renewed before it ends."""

    def get(self, case: schemathesis.Case, context: schemathesis.AuthContext) -> str:
        refresh = SEED["refresh"][role_of(case.operation.path)]
        answer = requests.post(f"{SEED['url']}/api/token/refresh/", json={"refresh": refresh}, timeout=10)
        return answer.json()["access"]

    def set(self, case: schemathesis.Case, data: str, context: schemathesis.AuthContext) -> None:
        if case.operation.definition.raw.get("security"):
            case.headers = {**(case.headers or {}), "Authorization": f"Bearer {data}"}


@schemathesis.hook
def map_path_parameters(context: schemathesis.HookContext, path_parameters: Any) -> Any:
    """Of ids that could exist, most are exchanged for ones that do; what is no id at all stays what it is."""
    for name, value in (path_parameters or {}).items():
        try:
            number = UUID(str(value)).int
        except ValueError:
            continue
        if number % 4:
            known = SEED["ids"][name]
            path_parameters[name] = known[number % len(known)]
    return path_parameters


@schemathesis.hook
def filter_query(context: schemathesis.HookContext, query: Any) -> bool:
    """Gunicorn answers a longer address by itself."""
    return len(urlencode(query or {}, doseq=True)) < LONGEST_QUERY


@schemathesis.hook
def map_body(context: schemathesis.HookContext, body: Any) -> Any:
    """A day of any year is exchanged for one that a plan can begin on, or the other fields would hardly be tried."""
    if isinstance(body, dict) and "start_date" in body:
        with contextlib.suppress(ValueError, TypeError):
            day = date.fromisoformat(body["start_date"])
            body["start_date"] = day.replace(year=datetime.now(UTC).year, day=min(day.day, 28)).isoformat()
    return body
