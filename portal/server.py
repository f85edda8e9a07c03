"""How Gunicorn runs the portal: a slow client holds little, a stop loses no connection, log lines are JSON."""

from __future__ import annotations

import ctypes
import errno
import socket
import struct
import sys
import time
from contextlib import suppress
from functools import partial
from selectors import EVENT_READ
from typing import Any, ClassVar

from gunicorn.glogging import Logger
from gunicorn.workers.gthread import TConn, ThreadWorker

from .logs import JsonLine

# In seconds: for a request to arrive, headers and body together, and for each part of the answer to be taken.
PATIENCE = 10.0
# In seconds: for a client to close the connection after the last answer.
LINGER = 0.5
# In seconds, when the server stops: for connections to be made whose first packet was seen, and for all to be accepted.
POLL_SECONDS, DRAIN_SECONDS = 0.1, 5.0


class BoundedSocket(socket.socket):
    """A client's connection; what does not arrive before the deadline has ended, as if the client had hung up."""

    def __init__(self, accepted: socket.socket) -> None:
        super().__init__(accepted.family, accepted.type, accepted.proto, accepted.detach())
        self.expect_request()

    def expect_request(self) -> None:
        self.deadline = time.monotonic() + PATIENCE
        self.timed_out = False

    def setblocking(self, flag: bool, /) -> None:
        """Gunicorn's "blocking" means: with a limit. It also holds for each ``sendall``.

        Gunicorn closes once more what ``handle`` closed; an error here would let it count one connection less, and a
        worker that stops would leave requests unanswered.
        """
        if self.fileno() >= 0:
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

    def set_accept_enabled(self, enabled: bool) -> None:
        """A worker that stops closes its listening socket at once, so that the kernel accepts no more for it."""
        super().set_accept_enabled(enabled)
        if not self.alive:
            for listener in self.sockets:
                listener.close()

    def handle(self, conn: TConn) -> Any:
        """Answer one request. What ends here is closed here: Gunicorn would wait for the client in its main loop."""
        # What a client sends after its time is over would be taken for its next request.
        keep = super().handle(conn) and not conn.sock.timed_out
        if not keep:
            conn.sock.deadline = time.monotonic() + LINGER
            conn.close(graceful=not conn.sock.timed_out)
        return keep


class BpfInstruction(ctypes.Structure):
    """An instruction of the kernel's packet filter (``struct sock_filter``)."""

    _fields_: ClassVar = [
        ("code", ctypes.c_uint16),
        ("if_true", ctypes.c_uint8),
        ("if_false", ctypes.c_uint8),
        ("value", ctypes.c_uint32),
    ]


# Load the byte of TCP's flags, drop what has SYN set, pass the rest.
_NO_NEW_CONNECTIONS = (BpfInstruction * 4)(
    BpfInstruction(0x30, 0, 0, 13),
    BpfInstruction(0x45, 0, 1, 0x02),
    BpfInstruction(0x06, 0, 0, 0),
    BpfInstruction(0x06, 0, 0, 0xFFFFFFFF),
)
_SO_ATTACH_FILTER = 26


def stop_accepting_before_exit(arbiter: Any) -> None:
    """Before Gunicorn stops, drop new connections and wait until the workers have accepted the queued ones.

    A stopping worker accepts nothing more, and the kernel resets what is still in its queue: a request that may have
    been sent, which a proxy must not repeat. A client that connects meanwhile is refused a second later, and the proxy
    sends its request to another group.
    """
    stop = arbiter.stop

    def stop_in_order(graceful: bool = True) -> None:
        # Not if the socket lives on: systemd's, or one that a next master has taken over.
        if graceful and sys.platform == "linux" and not arbiter.systemd and not arbiter.reexec_pid:
            _drop_new_connections(arbiter.LISTENERS)
        stop(graceful)

    arbiter.stop = stop_in_order


def _drop_new_connections(listeners: list[Any]) -> None:
    """Return once the workers have accepted the queued connections, or after ``DRAIN_SECONDS``."""
    program = struct.pack("HL", len(_NO_NEW_CONNECTIONS), ctypes.addressof(_NO_NEW_CONNECTIONS))
    for listener in listeners:
        with suppress(OSError):
            listener.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)
    until = time.monotonic() + DRAIN_SECONDS
    time.sleep(POLL_SECONDS)
    while any(listener.get_backlog() > 0 for listener in listeners) and time.monotonic() < until:
        time.sleep(POLL_SECONDS)


class JsonLogger(Logger):
    """Gunicorn's own lines, one JSON object each, as the portal's are."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        for handler in self.error_log.handlers:
            handler.setFormatter(JsonLine())
