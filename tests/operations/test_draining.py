"""A web that is told to stop ends what it has begun, and takes in each connection that was made."""

from __future__ import annotations

import contextlib
import http.client
import socket
import threading
import time

import pytest

from tests.concurrency import web
from tests.operations import rolling

HEALTH = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
SMALL = rolling.Size(installments=40, requests=80, rate=40, restarts=1, workers=0)


def ask(connection: http.client.HTTPConnection) -> http.client.HTTPResponse:
    connection.request("GET", "/healthz")
    answer = connection.getresponse()
    assert (answer.status, answer.read()) == (200, b'{"status":"ok"}\n')
    return answer


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
def test_what_has_begun_is_answered_and_who_comes_later_is_refused(environ, tmp_path):
    one_process = environ | {"WEB_CONCURRENCY": "1"}
    with web.running(one_process, tmp_path) as served, contextlib.ExitStack() as opened:
        address = ("127.0.0.1", served.port)
        for _ in range(4):
            with contextlib.closing(http.client.HTTPConnection(*address, timeout=5)) as ended:
                ask(ended)
        begun = opened.enter_context(socket.create_connection(address, timeout=5))
        kept = opened.enter_context(contextlib.closing(http.client.HTTPConnection(*address, timeout=5)))
        assert ask(kept).headers["Connection"] == "keep-alive"
        begun.sendall(HEALTH[:20])
        time.sleep(0.2)
        stopping = threading.Thread(target=web.stop, args=[served])
        stopping.start()
        time.sleep(0.5)
        assert ask(kept).headers["Connection"] == "close"
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(address, timeout=3)
        begun.sendall(HEALTH[20:])
        assert b"200 OK" in begun.recv(5000)
        stopping.join()
        assert served.master.returncode == 0


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
def test_each_connection_that_was_made_is_answered(environ, tmp_path):
    """Clients open connection after connection while the web stops: only refused ones get no answer."""
    refused = threading.Event()
    broken: list[Exception] = []
    answered = []

    def ask() -> None:
        while not refused.is_set():
            try:
                client = socket.create_connection(("127.0.0.1", served.port), timeout=5)
            except OSError:
                return
            with client:
                try:
                    client.sendall(HEALTH)
                    answered.append(client.recv(5000)[:15])
                except OSError as failure:
                    broken.append(failure)

    with web.running(environ, tmp_path) as served:
        clients = [threading.Thread(target=ask) for _ in range(12)]
        for client in clients:
            client.start()
        time.sleep(0.5)
        web.stop(served)
        for client in clients:
            client.join()
    assert broken == []
    assert set(answered) == {b"HTTP/1.1 200 OK"}


def test_groups_are_restarted_and_the_database_migrated_without_a_failed_request(
    postgres_database, redis_url, tmp_path
):
    report = rolling.run(SMALL, postgres_database, redis_url, tmp_path)
    assert report.verdict.findings == []
    assert report.verdict.payments
    assert len(report.seconds) == SMALL.restarts
