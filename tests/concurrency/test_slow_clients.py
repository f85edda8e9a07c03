"""Half-sent requests: what Gunicorn alone bounds, and that nobody notices them behind the repository's nginx."""

from __future__ import annotations

import json
import socket
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from config import load_settings
from portal import create_app
from portal.server import PATIENCE
from tests.concurrency import proxies, web
from tests.concurrency.slow_clients import (
    HALF_A_BODY,
    HALF_A_HEAD,
    NOTHING,
    fetch,
    probe,
    seconds_until_all_are_closed,
    sending,
    slowest_of,
)
from tests.databases import environment

pytestmark = pytest.mark.alone

# More than the threads of both workers.
MANY = 24


@pytest.fixture(scope="module")
def portal(sqlite_databases, tmp_path_factory):
    folder = tmp_path_factory.mktemp("slow")
    environ = environment(folder, DATABASE_URL=sqlite_databases.fresh(folder), TRUSTED_PROXIES="1")
    del environ["PORTAL_PASSWORDS"]  # which https refuses
    environ["PORTAL_URL"] = "https://127.0.0.1"
    with web.running(environ, folder) as running:
        yield running


@pytest.fixture(scope="module")
def nginx(portal, tmp_path_factory):
    with proxies.proxy(portal.port, folder=tmp_path_factory.mktemp("nginx")) as running:
        yield running


def test_clients_that_send_nothing_hold_no_thread(portal):
    with sending(portal.port, NOTHING, 10 * MANY) as clients:
        assert slowest_of(portal.port, 20) < 1
        assert seconds_until_all_are_closed(clients, 10) < 10


def test_a_request_that_does_not_arrive_is_given_up_and_the_rest_goes_on(portal):
    with (
        sending(portal.port, HALF_A_HEAD, MANY // 4) as heads,
        sending(portal.port, HALF_A_BODY, MANY // 4) as bodies,
    ):
        with ThreadPoolExecutor() as waiting:
            waits = waiting.map(partial(seconds_until_all_are_closed, within=PATIENCE + 5), (heads, bodies))
        assert min(waits) > PATIENCE - 3
        assert slowest_of(portal.port, 20) < 1
    assert "Traceback" not in portal.log.read_text()


def test_clients_that_do_not_hang_up_stop_nobody(portal):
    asking = b"GET /healthz HTTP/1.0\r\n\r\n"
    clients = []
    for _ in range(MANY):
        client = socket.create_connection(("127.0.0.1", portal.port), timeout=5)
        client.send(asking)
        clients.append(client)
    try:
        assert probe(portal.port) < 3
    finally:
        for client in clients:
            client.close()


def test_gunicorns_own_lines_are_json_like_the_rest(portal):
    with socket.create_connection(("127.0.0.1", portal.port), timeout=5) as client:
        client.send(b"no request at all\r\n\r\n")
        client.recv(1000)
    lines = [json.loads(line) for line in portal.log.read_text().splitlines()]
    assert "gunicorn.error" in {line["logger"] for line in lines}


@pytest.mark.parametrize(
    "start", [NOTHING, HALF_A_HEAD, HALF_A_BODY], ids=["nothing", "half a head", "half a body"]
)
def test_behind_nginx_nobody_notices_slow_clients(nginx, start):
    with sending(nginx.https, start, 5 * MANY, tls=True):
        assert slowest_of(nginx.https, 20, tls=True) < 1


def test_nginx_lets_go_of_a_client_that_stops(nginx):
    with sending(nginx.https, HALF_A_BODY, 5, tls=True, drip=b"") as clients:
        assert seconds_until_all_are_closed(clients, 20) > 5


def test_nginx_says_who_asks_and_how_and_believes_no_client(nginx):
    plain = fetch(nginx.http, "/login?next=/", headers={"Host": "127.0.0.1"})
    assert (plain.status, plain.headers["Location"]) == (301, "https://127.0.0.1/login?next=/")
    lies = {"X-Forwarded-Proto": "http", "X-Forwarded-Host": "evil.example", "X-Forwarded-Prefix": "/evil"}
    page = fetch(nginx.https, "/login", tls=True, headers={"Host": "127.0.0.1"} | lies)
    assert page.status == 200
    assert page.headers["Strict-Transport-Security"]
    assert "evil" not in str(page.headers) + page.body.decode()


def test_nginx_refuses_what_is_too_large_by_itself(nginx):
    with sending(nginx.https, HALF_A_BODY.replace(b": 1000\r", b": 1100000\r"), 1, tls=True) as (client,):
        assert client.recv(1000).startswith(b"HTTP/1.1 413 ")


def test_static_files_come_from_nginx_with_the_portals_headers(nginx, portal):
    direct = fetch(portal.port, "/static/css/tokens.css", headers={"Host": "127.0.0.1"})
    fetch(nginx.https, "/static/css/tokens.css", tls=True)
    cached = fetch(nginx.https, "/static/css/tokens.css", tls=True)
    own = {"Date", "Server", "Connection", "Keep-Alive", "Vary", "X-Request-Id"}
    assert cached.body == direct.body
    assert {k: v for k, v in cached.getheaders() if k not in own} == {
        k: v for k, v in direct.getheaders() if k not in own
    }
    again = fetch(nginx.https, "/static/css/tokens.css", tls=True)
    assert again.headers["X-Request-Id"] == cached.headers["X-Request-Id"]
    packed = fetch(nginx.https, "/static/css/tokens.css", tls=True, headers={"Accept-Encoding": "gzip"})
    assert packed.headers["Content-Encoding"] == "gzip"


def test_nginx_logs_no_address_that_is_a_secret(nginx, app_rules):
    secrets = [rule for rule in app_rules if "<token>" in rule]
    assert len(secrets) >= 3
    for rule in secrets:
        fetch(nginx.https, rule.replace("<token>", "a-secret"), tls=True)
    fetch(nginx.https, "/login?secret", tls=True, headers={"Referer": "https://127.0.0.1/reset/a-secret"})
    logged = "".join(path.read_text() for path in nginx.folder.glob("*.log"))
    assert "GET /login" in logged
    assert "secret" not in logged


@pytest.fixture(scope="module")
def app_rules(tmp_path_factory):
    app = create_app(load_settings(environment(tmp_path_factory.mktemp("rules"))))
    return [rule.rule for rule in app.url_map.iter_rules()]
