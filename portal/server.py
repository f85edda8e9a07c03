"""How Gunicorn runs the portal: its worker bounds what a slow client can hold, and its log lines are JSON."""

from __future__ import annotations

import errno
import socket
import time
from functools import partial
from selectors import EVENT_READ
from typing import Any

from gunicorn.glogging import Logger
from gunicorn.workers.gthread import TConn, ThreadWorker

from .logs import JsonLine

# In seconds: for a request to arrive, headers and body together, and for each part of the answer to be taken.
PATIENCE = 10.0
# In seconds: for a client to close the connection after the last answer.
LINGER = 0.5


class BoundedSocket(socket.socket):
    """A client's connection; what does not arrive before the deadline has ended, as if the client had hung up."""

    def __init__(self, accepted: socket.socket) -> None:
        super().__init__(accepted.family, accepted.type, accepted.proto, accepted.detach())
        self.expect_request()

    def expect_request(self) -> None:
        self.deadline = time.monotonic() + PATIENCE
        self.timed_out = False

    def setblocking(self, flag: bool, /) -> None:
        """Gunicorn's "blocking" means: with a limit. It also holds for each ``sendall``."""
        self.settimeout(PATIENCE if flag else 0.0)

    def recv(self, size: int, flags: int = 0, /) -> bytes:
        """What is there already is read even after the deadline: the request may have waited for a thread."""
        self.settimeout(max(0.0, self.deadline - time.monotonic()))
        try:
            return super().recv(size, flags)
        except (TimeoutError, BlockingIOError):
            self.timed_out = True
            return b""
        finally:
            self.settimeout(PATIENCE)

    def sendall(self, data: Any, flags: int = 0, /) -> None:
        try:
            super().sendall(data, flags)
        except TimeoutError as error:
            self.timed_out = True
            raise ConnectionResetError(errno.ECONNRESET, "the client does not read") from error


class BoundedWorker(ThreadWorker):
    """Gunicorn's threads: a client that sends nothing holds none, one that sends slowly holds one for a while."""

    def enqueue_req(self, conn: TConn) -> None:
        """Give the connection a thread; a new one only once it has sent something."""
        if isinstance(conn.sock, BoundedSocket):
            conn.sock.expect_request()
            super().enqueue_req(conn)
            return
        conn.sock = BoundedSocket(conn.sock)
        conn.sock.setblocking(False)
        conn.set_timeout()
        self.pending_conns.append(conn)
        self.poller.register(conn.sock, EVENT_READ, partial(self.on_pending_socket_readable, conn))

    def handle(self, conn: TConn) -> Any:
        """Answer one request. What ends here is closed here: Gunicorn would wait for the client in its main loop."""
        # What a client sends after its time is over would be taken for its next request.
        keep = super().handle(conn) and not conn.sock.timed_out
        if not keep:
            conn.sock.deadline = time.monotonic() + LINGER
            conn.close(graceful=not conn.sock.timed_out)
        return keep


class JsonLogger(Logger):
    """Gunicorn's own lines, one JSON object each, as the portal's are."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        for handler in self.error_log.handlers:
            handler.setFormatter(JsonLine())
