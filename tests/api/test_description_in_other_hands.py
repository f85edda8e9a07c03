"""Other people's programs read the description: two linters, and a generator of clients whose client then walks."""

from __future__ import annotations

import importlib
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from werkzeug.serving import make_server

from tests.linters import openapi_faults

pytestmark = pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)


@pytest.fixture
def description(client, tmp_path: Path) -> Path:
    path = tmp_path / "openapi.json"
    path.write_bytes(client.get("/api/openapi.json").data)
    return path


def test_two_linters_find_nothing(description):
    assert openapi_faults(description) == {"Redocly": [], "Spectral": []}


@pytest.fixture
def made_client(description, tmp_path: Path, monkeypatch) -> Any:
    """The package that openapi-python-client makes from the description."""
    command = [
        sys.executable,
        "-m",
        "openapi_python_client",
        "generate",
        "--path",
        description,
        "--meta",
        "none",
    ]
    done = subprocess.run(
        [*command, "--output-path", tmp_path / "made_client"], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "parsing" not in done.stdout.lower(), done.stdout
    monkeypatch.syspath_prepend(tmp_path)
    yield importlib.import_module("made_client")
    for name in [name for name in sys.modules if name.partition(".")[0] == "made_client"]:
        del sys.modules[name]


@pytest.fixture
def url(app) -> Iterator[str]:
    """The portal on a port of its own."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_client_made_from_it_walks_from_registering_to_a_paid_installment(made_client, url):
    models = importlib.import_module("made_client.models")

    def call(operation: str, client: Any, *ids: str, **body: Any) -> Any:
        return importlib.import_module(f"made_client.api.{operation}").sync(*ids, client=client, **body)

    def signed_in(role: str, name: str) -> Any:
        anyone = made_client.Client(base_url=url)
        known = {"username": name, "password": "two-matching-halves"}
        more = {"email": f"{name}@example.com", "password2": "two-matching-halves", "role": role}
        account = call("accounts.register", anyone, body=models.Register.from_dict(known | more))
        assert account.username == name
        tokens = call("accounts.create_token", anyone, body=models.SignIn.from_dict(known))
        return made_client.AuthenticatedClient(base_url=url, token=tokens.access)

    shop, ada = signed_in("merchant", "corner-shop"), signed_in("customer", "ada")
    plan = {
        "customer_email": "ada@example.com",
        "description": "Oak table",
        "total_amount": "100.00",
        "num_installments": 4,
        "start_date": "2030-01-31",
    }
    offered = call("plans.create_plan", shop, body=models.NewPlan.from_dict(plan))
    assert offered.status == "offered"
    assert call("plans.accept_plan", ada, offered.id).status == "active"
    first = call("plans.list_plan_installments", shop, offered.id)[0]
    paid = call("installments.pay_installment", ada, first.id)
    assert (paid.status, paid.paid, paid.owed) == ("paid", "25.00", "0.00")
    assert call("numbers.get_analytics_dashboard", shop).total_revenue == 25.0
