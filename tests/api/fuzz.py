"""``python -m tests.api.fuzz 1000``: Schemathesis against a running portal, that many examples an operation."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import requests
from flask import Flask

from config import load_settings
from portal import create_app
from tests import servers
from tests.databases import environment, migrate

ROOT = Path(__file__).parent.parent.parent
HERE = Path(__file__).parent
PASSWORD = "correct-horse-battery"
PLANS = 60
START_SECONDS = 60


def unlimited() -> Flask:
    """The portal without its outer fence, which would let few made-up requests through."""
    return create_app(load_settings(os.environ) | {"RATELIMIT_ENABLED": False})


def start(folder: Path, url: str) -> subprocess.Popen[bytes]:
    """A web server of the portal on a fresh SQLite database in this folder."""
    environ = environment(
        folder, DATABASE_URL=f"sqlite:///{folder}/portal.sqlite3", PORT=url.rpartition(":")[2]
    )
    migrate(environ)
    command = [
        sys.executable,
        "-m",
        "gunicorn",
        "-c",
        ROOT / "gunicorn.conf.py",
        "tests.api.fuzz:unlimited()",
    ]
    process = subprocess.Popen(command, cwd=ROOT, env=os.environ | environ)
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        try:
            requests.get(f"{url}/healthz", timeout=START_SECONDS)
            return process
        except requests.RequestException:
            time.sleep(0.1)
    process.terminate()
    raise RuntimeError("the portal did not start")


def post(url: str, body: dict[str, Any], token: str = "") -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    answer = requests.post(url, json=body, headers=headers, timeout=START_SECONDS)
    answer.raise_for_status()
    return answer.json()


def seed(url: str) -> dict[str, Any]:
    """A shop, its customer, and plans between them, three in four accepted and begun to be paid, made over the API."""
    people = {}
    for role in ("merchant", "customer"):
        account = {"username": role, "password": PASSWORD}
        more = {"email": f"{role}@example.com", "password2": PASSWORD, "role": role}
        post(f"{url}/api/auth/register/", account | more)
        people[role] = post(f"{url}/api/token/", account)
    offer = {
        "customer_email": "customer@example.com",
        "total_amount": 100,
        "num_installments": 4,
        "start_date": time.strftime("%Y-%m-%d"),
    }
    plans, payments = [], []
    cash = {"amount": "10.00", "method": "cash", "received_on": offer["start_date"]}
    for number in range(PLANS):
        plan = post(f"{url}/api/plans/", offer, people["merchant"]["access"])
        plans.append(plan)
        # A shop may have only twenty open offers to one customer.
        if number % 4:
            post(f"{url}/api/plans/{plan['id']}/accept/", {}, people["customer"]["access"])
            payments.append(
                post(f"{url}/api/plans/{plan['id']}/payments/", cash, people["merchant"]["access"])
            )
    return {
        "url": url,
        "refresh": {role: tokens["refresh"] for role, tokens in people.items()},
        "ids": {
            "plan_id": [plan["id"] for plan in plans],
            "installment_id": [line["id"] for plan in plans for line in plan["installments"]],
            "payment_id": [payment["id"] for payment in payments],
        },
    }


def fuzz(examples: int, *more: str) -> int:
    """The exit code of Schemathesis; it writes its findings to standard output."""
    url = f"http://127.0.0.1:{servers.free_port()}"
    with tempfile.TemporaryDirectory(prefix="tallystick-fuzz-") as folder:
        process = start(Path(folder), url)
        try:
            told = {"FUZZ_SEED": json.dumps(seed(url)), "SCHEMATHESIS_HOOKS": "tests.api.fuzz_hooks"}
            # One worker: with two, Python before 3.11.5 may fail when both read source text (its issue 106905).
            command = [
                Path(sys.executable).with_name("schemathesis"),
                "--config-file",
                HERE / "schemathesis.toml",
                "run",
                f"{url}/api/openapi.json",
                "--workers",
                "1",
                "--max-examples",
                str(examples),
                *more,
            ]
            environ = os.environ | told | {"PYTHONPATH": str(ROOT)}
            return subprocess.run(command, cwd=folder, env=environ).returncode
        finally:
            process.terminate()
            process.wait(30)


if __name__ == "__main__":
    sys.exit(fuzz(int(sys.argv[1]), *sys.argv[2:]))
