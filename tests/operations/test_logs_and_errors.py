"""What the log says of a request, what an error tells a collecting service, and what stops the start."""

from __future__ import annotations

import gzip
import json
import logging
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import brotli
import pytest
import sentry_sdk

from config import ConfigError, load_settings
from portal import create_app
from portal.extensions import now
from portal.logs import JsonLine
from tests import factories

pytestmark = pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)


# Put together here, since the lines of the program beside an error are sent with it.
SECRETS = ["-".join(["hidden", str(number)]) for number in range(5)]
UNPACK = {None: bytes, "gzip": gzip.decompress, "br": brotli.decompress}


@pytest.fixture
def lines():
    """What the portal logs meanwhile, as JSON."""
    kept: list[dict] = []

    class Keeping(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            kept.append(json.loads(JsonLine().format(record)))

    handler = Keeping()
    logging.getLogger("portal").addHandler(handler)
    yield kept
    logging.getLogger("portal").removeHandler(handler)


def test_a_request_is_logged_with_person_shop_time_and_statements(environ, lines, session):
    shop = factories.make_merchant(session, now=now())
    client = create_app(
        load_settings(environ | {"PORTAL_LOG_REQUESTS": "1"}) | {"TESTING": True}
    ).test_client()
    token = client.post("/api/token/", json={"username": shop.email, "password": factories.PASSWORD}).json
    client.get("/api/plans/?status=active", headers={"Authorization": f"Bearer {token['access']}"})
    line = [line for line in lines if line["message"] == "request"][-1]
    assert (line["method"], line["status"], line["endpoint"]) == ("GET", 200, "api_plans.index")
    assert (line["user_id"], line["merchant_id"]) == (str(shop.id), str(shop.merchant_id))
    assert line["statements"] > 0
    assert line["ms"] > 0
    assert "active" not in json.dumps(line)


def test_a_request_of_a_customer_is_logged_without_a_shop(environ, lines, session):
    ada = factories.make_customer(session, now=now())
    client = create_app(
        load_settings(environ | {"PORTAL_LOG_REQUESTS": "1"}) | {"TESTING": True}
    ).test_client()
    token = client.post("/api/token/", json={"username": ada.email, "password": factories.PASSWORD}).json
    client.get("/api/plans/", headers={"Authorization": f"Bearer {token['access']}"})
    line = [line for line in lines if line["message"] == "request"][-1]
    assert (line["status"], line["user_id"], line["merchant_id"]) == (200, str(ada.id), None)


def test_ordinary_requests_are_not_logged(client, lines):
    client.get("/healthz")
    assert [line for line in lines if line["message"] == "request"] == []


@pytest.fixture
def collector():
    """A service that keeps what is sent to it: its address, and the bodies."""
    bodies: list[bytes] = []

    class Keeping(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            bodies.append(UNPACK[self.headers["Content-Encoding"]](body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Keeping)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://key@127.0.0.1:{server.server_port}/1", bodies
    # Its threads would go on, and draw numbers from ``random`` beside the tests that come later.
    sentry_sdk.get_client().close()
    sentry_sdk.init(auto_enabling_integrations=False)
    server.shutdown()
    server.server_close()


def test_an_error_is_sent_without_secrets(environ, collector):
    dsn, bodies = collector
    app = create_app(load_settings(environ | {"SENTRY_DSN": dsn}))

    @app.get("/broken/<token>")
    def broken(token: str) -> None:
        raise ValueError(f"it broke\nKey (email)=({SECRETS[4]})")

    app.view_functions["broken"].guard = ()
    client = app.test_client()
    client.set_cookie("session", SECRETS[0])
    headers = {"Authorization": f"Bearer {SECRETS[1]}"}
    assert client.get(f"/broken/{SECRETS[2]}?a={SECRETS[3]}", headers=headers).status_code == 500
    sentry_sdk.flush(5)
    said = b"".join(bodies).decode()
    assert "it broke" in said
    assert [secret for secret in SECRETS if secret in said] == []


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"FLASK_DEBUG": "1"}, "FLASK_DEBUG must not be set"),
        ({"SECRET_KEY": "ab" * 20}, "SECRET_KEY repeats itself"),
        ({"SECRET_KEY": "short"}, "SECRET_KEY must have at least 32"),
        ({"PORTAL_PASSWORDS": "cheap"}, "PORTAL_PASSWORDS=cheap is for tests only"),
    ],
)
def test_a_portal_for_people_does_not_start_as_one_for_developers(environ, given, words):
    served = environ | {"PORTAL_URL": "https://pay.example.com", "PORTAL_PASSWORDS": ""}
    assert load_settings(served)["SESSION_COOKIE_SECURE"]
    with pytest.raises(ConfigError, match=words):
        load_settings(served | given)
