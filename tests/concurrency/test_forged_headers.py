"""What Gunicorn believes of a client on the same machine: nothing; the portal's own settings name its proxies."""

from __future__ import annotations

import http.client
import json
from contextlib import closing

import pytest

from tests.concurrency import web
from tests.databases import environment

LIES = {
    "SCRIPT_NAME": "/evil",
    "Script-Name": "/evil",
    "Path-Info": "/evil",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Ssl": "on",
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-Prefix": "/evil",
}


@pytest.fixture(scope="module")
def portal(sqlite_databases, tmp_path_factory):
    folder = tmp_path_factory.mktemp("forged")
    with web.running(environment(folder, DATABASE_URL=sqlite_databases.fresh(folder)), folder) as running:
        yield running


def ask(portal, path, headers):
    with closing(http.client.HTTPConnection("127.0.0.1", portal.port, timeout=30)) as connection:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read().decode()


@pytest.mark.parametrize("name", LIES)
def test_a_forged_header_changes_no_address(portal, name):
    status, headers, _page = ask(portal, "/account", {name: LIES[name]})
    assert (status, headers["Location"]) == (303, "/login?next=/account")
    status, headers, page = ask(portal, "/login", {name: LIES[name]})
    assert status == 200 and "evil" not in page
    assert 'action="/login"' in page and "Secure" not in headers["Set-Cookie"]


def test_the_log_says_once_in_each_process_that_a_proxy_is_not_trusted(portal):
    for _ in range(6):
        assert ask(portal, "/healthz", {"X-Forwarded-For": "192.0.2.1"})[0] == 200
    said = [
        json.loads(line)["message"] for line in portal.log.read_text().splitlines() if line.startswith("{")
    ]
    assert 1 <= len([line for line in said if "TRUSTED_PROXIES=1" in line]) <= 2
