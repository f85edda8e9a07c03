"""Under which host names the portal answers, what it believes of proxies, and settings that it does not start with."""

from __future__ import annotations

import logging

import pytest

from config import ConfigError, load_settings
from portal import create_app
from tests.databases import environment

pytestmark = pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)

PUBLIC, LOCAL = "https://pay.example.com", "http://127.0.0.1:8000"
FORGED = [
    "evil.example",
    "pay.example.com.evil.example",
    "evil-pay.example.com",
    "a@b",
    "",
    "[::2]",
    "pay.example.com/x",
]


def portal_at(environ, url, **more):
    app = create_app(load_settings(environ | {"PORTAL_URL": url, "PORTAL_PASSWORDS": ""} | more))
    return app.test_client()


@pytest.mark.parametrize(
    "path", ["/", "/login", "/nowhere", "/static/css/tokens.css", "/api/plans/", "/merchant"]
)
@pytest.mark.parametrize("host", [*FORGED, "localhost", "127.0.0.1"])
def test_a_forged_host_gets_nowhere(environ, host, path):
    answer = portal_at(environ, PUBLIC).get(path, headers={"Host": host}, buffered=True)
    assert answer.status_code == 400
    assert answer.mimetype == ("application/problem+json" if path.startswith("/api/") else "text/plain")
    assert "Location" not in answer.headers and "Set-Cookie" not in answer.headers
    assert "evil" not in answer.get_data(as_text=True)


@pytest.mark.parametrize("host", ["pay.example.com", "PAY.example.com", "pay.example.com:443"])
def test_the_host_of_portal_url_is_answered(environ, host):
    assert portal_at(environ, PUBLIC).get("/login", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("host", ["localhost", "localhost:5000", "127.0.0.1:8000", "[::1]:8000"])
def test_on_ones_own_machine_each_of_its_names_is(environ, host):
    for url in (LOCAL, "http://localhost:8000", "http://[::1]:8000"):
        assert portal_at(environ, url).get("/login", headers={"Host": host}).status_code == 200
    assert portal_at(environ, LOCAL).get("/login", headers={"Host": "evil.example"}).status_code == 400


def test_probes_ask_by_number(environ):
    client = portal_at(environ, PUBLIC)
    for path in ("/healthz", "/readyz"):
        assert client.get(path, headers={"Host": "10.0.0.5:8000"}).status_code == 200


def test_an_untrusted_proxy_is_told_of_once(environ, caplog):
    logging.getLogger("portal").propagate = True
    try:
        for trusted, warnings in (("1", 0), ("0", 1)):
            caplog.clear()
            client = portal_at(environ, LOCAL, TRUSTED_PROXIES=trusted)
            for _ in range(3):
                client.get("/healthz")
                client.get("/healthz", headers={"X-Forwarded-For": "192.0.2.1"})
                client.get(
                    "/healthz", headers={"X-Forwarded-For": "1"}, environ_base={"REMOTE_ADDR": "192.0.2.9"}
                )
            said = {record.created for record in caplog.records if record.name == "portal.http_hosts"}
            assert len(said) == warnings
    finally:
        logging.getLogger("portal").propagate = False


@pytest.mark.parametrize(
    "serves",
    [
        {"PORTAL_URL": PUBLIC},
        {"PORTAL_URL": "http://shop.example.com"},
        {"PORTAL_URL": "http://192.0.2.1:8000"},
        {"PORTAL_URL": "http://127.0.0.1.example.com"},
        {"PORTAL_URL": "https://localhost"},
        {"HOST": "0.0.0.0"},
    ],
)
def test_cheap_passwords_do_not_start_in_production(environ, serves):
    with pytest.raises(ConfigError, match="PORTAL_PASSWORDS"):
        load_settings(environ | serves | {"PORTAL_PASSWORDS": "cheap"})


@pytest.mark.parametrize("url", [LOCAL, "http://localhost:8000", "http://[::1]:8000", "http://127.0.0.2"])
def test_cheap_passwords_start_where_only_this_machine_is_served(environ, url):
    assert load_settings(environment(environ["PORTAL_INSTANCE"]) | {"PORTAL_URL": url})["CHEAP_PASSWORDS"]
