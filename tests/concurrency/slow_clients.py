"""Clients that send half a request, or nothing, or do not hang up; and how fast others are answered meanwhile."""

from __future__ import annotations

import contextlib
import http.client
import select
import socket
import ssl
import threading
import time
from collections.abc import Iterator

# The certificate of a test's proxy is nobody's.
UNCHECKED = ssl.create_default_context()
UNCHECKED.check_hostname = False
UNCHECKED.verify_mode = ssl.CERT_NONE

NOTHING = b""
HALF_A_HEAD = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: "
HALF_A_BODY = (
    b"POST /api/token/ HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    b'Content-Length: 1000\r\n\r\n{"email": "'
)


@contextlib.contextmanager
def sending(
    port: int, start: bytes, count: int, tls: bool = False, drip: bytes = b"x"
) -> Iterator[list[socket.socket]]:
    """So many connections that sent this, and then ``drip`` every half second."""
    clients = [connection(port, tls) for _ in range(count)]
    done = threading.Event()

    def go_on() -> None:
        while not done.wait(0.5):
            for client in clients:
                with contextlib.suppress(OSError):
                    client.send(drip)

    for client in clients:
        client.sendall(start)
    dripping = threading.Thread(target=go_on)
    if start:
        dripping.start()
    try:
        yield clients
    finally:
        done.set()
        if start:
            dripping.join()
        for client in clients:
            client.close()


def connection(port: int, tls: bool) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", port), timeout=5)
    return UNCHECKED.wrap_socket(client) if tls else client


def seconds_until_all_are_closed(clients: list[socket.socket], within: float) -> float:
    """Raises ``TimeoutError`` if the server still holds one after so many seconds."""
    began, open_ones = time.monotonic(), set(clients)
    while open_ones:
        left = began + within - time.monotonic()
        if left <= 0:
            raise TimeoutError(f"{len(open_ones)} of {len(clients)} are still open after {within} s")
        readable, _, _ = select.select(list(open_ones), [], [], left)
        for client in readable:
            try:
                ended = client.recv(65536) == b""
            except OSError:
                ended = True
            if ended:
                open_ones.discard(client)
    return time.monotonic() - began


def slowest_of(port: int, count: int, tls: bool = False) -> float:
    """The seconds that the slowest of so many others waited for 200, one each tenth of a second."""
    waited = []
    for _ in range(count):
        time.sleep(0.1)
        waited.append(probe(port, tls))
    return max(waited)


def probe(port: int, tls: bool = False) -> float:
    """The seconds that somebody at another address waits for ``/healthz``."""
    began = time.monotonic()
    answer = fetch(port, "/healthz", tls, address="127.0.0.2")
    assert answer.status == 200, answer.status
    return time.monotonic() - began


def fetch(
    port: int, path: str, tls: bool = False, address: str = "127.0.0.1", headers: dict[str, str] | None = None
) -> http.client.HTTPResponse:
    """The answer, whose body has been read and stays readable."""
    about = {"timeout": 30, "source_address": (address, 0)}
    if tls:
        client = http.client.HTTPSConnection("127.0.0.1", port, context=UNCHECKED, **about)
    else:
        client = http.client.HTTPConnection("127.0.0.1", port, **about)
    with contextlib.closing(client):
        client.request("GET", path, headers=headers or {})
        answer = client.getresponse()
        answer.body = answer.read()
        return answer
