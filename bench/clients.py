"""Clients that send prepared requests over kept connections, each waiting for its answer; and how long these took."""

from __future__ import annotations

import json
import selectors
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

PATIENCE = 60


@dataclass(slots=True)
class Result:
    """What came back: seconds from request to answer, answers by status, and how long it all took."""

    latencies: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    seconds: float = 0.0

    @property
    def rate(self) -> float:
        return len(self.latencies) / self.seconds

    def percentile(self, percent: float) -> float:
        """Seconds within which so many in a hundred were answered."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]

    def add(self, other: Result) -> None:
        self.latencies += other.latencies
        self.statuses += other.statuses
        self.seconds += other.seconds


def request(method: str, path: str, headers: dict[str, str] | None = None, body: Any = None) -> bytes:
    """An HTTP request as it is sent; a body is JSON."""
    sent = b"" if body is None else json.dumps(body).encode()
    lines = {"Host": "127.0.0.1", **(headers or {})}
    if method != "GET":
        lines |= {"Content-Type": "application/json", "Content-Length": str(len(sent))}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + sent


def run(
    port: int,
    scripts: Sequence[Iterator[bytes]],
    seconds: float,
    pause: float = 0.0,
    goes_on: Callable[[], bool] = lambda: True,
) -> Result:
    """One client per script, while it ``goes_on``, until the time is up or the scripts are.

    A ``pause`` in seconds after each answer spreads what the clients send evenly over time. Raises ``RuntimeError`` for
    any answer that is a refusal: one comes more quickly than what was asked for.
    """
    result = Result()
    with selectors.DefaultSelector() as selector:
        began = time.perf_counter()
        for number, script in enumerate(scripts):
            client = _Client(port, script, began + pause * number / len(scripts))
            selector.register(client.socket, selectors.EVENT_READ, client)
        until = began + seconds
        while _wake(selector, time.perf_counter() < until and goes_on()):
            for key, _events in selector.select(0.005 if pause else PATIENCE):
                _hear(key.data, result, pause)
        result.seconds = time.perf_counter() - began
    refused = {status: count for status, count in result.statuses.items() if status >= 300}
    if refused:
        raise RuntimeError(f"answered with {refused}")
    return result


class _Client:
    """One connection: the request that was sent, and as much of its answer as has come."""

    def __init__(self, port: int, script: Iterator[bytes], starts: float) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.script = script
        self.waiting = False
        self.sent_at = self.next_at = starts
        self.answer = bytearray()
        self.whole = 0


def _wake(selector: selectors.BaseSelector, goes_on: bool) -> bool:
    """Send for every client whose turn it is; close those that have nothing more to send. False when all are closed."""
    moment = time.perf_counter()
    for key in list(selector.get_map().values()):
        client: _Client = key.data
        if client.waiting or (client.next_at > moment and goes_on):
            continue
        following = next(client.script, None) if goes_on else None
        if following is None:
            selector.unregister(client.socket)
            client.socket.close()
            continue
        client.waiting, client.sent_at = True, moment
        client.socket.sendall(following)
    return bool(selector.get_map())


def _hear(client: _Client, result: Result, pause: float) -> None:
    """Take in what has come; raises ConnectionError when the server hangs up."""
    chunk = client.socket.recv(1 << 18)
    if not chunk:
        raise ConnectionError("the server closed a connection in the middle of an answer")
    client.answer += chunk
    if not client.whole:
        end = client.answer.find(b"\r\n\r\n")
        if end < 0:
            return
        head = bytes(client.answer[:end]).lower()
        client.whole = end + 4 + int(head.partition(b"content-length:")[2].partition(b"\r\n")[0] or b"0")
    if len(client.answer) < client.whole:
        return
    moment = time.perf_counter()
    result.latencies.append(moment - client.sent_at)
    result.statuses[int(client.answer[9:12])] += 1
    client.waiting, client.next_at, client.whole = False, moment + pause, 0
    client.answer.clear()
