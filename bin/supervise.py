"""Runs the portal on one machine: database, demo data, then web and worker; leaves neither of them behind."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 60
STOP_SECONDS = 30
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

WEB = ["gunicorn", "-c", "gunicorn.conf.py", "wsgi:app"]
WORKER = [
    *["huey.bin.huey_consumer", "worker.huey"],
    *["-k", "thread", "-w", "2", "-g", "TERM", "-t", "25", "-m", "1", "-q"],
]


Child = subprocess.Popen[bytes]


class Stopped(Exception):
    """The operator asked to stop."""


class Failed(Exception):
    """What kept the portal from running, in one line for the operator."""


def main() -> int:
    """0 when stopped by the operator, 1 when it could not start or did not stay up."""
    os.chdir(ROOT)
    os.umask(0o077)
    for number in STOP_SIGNALS:
        # A hang-up that nohup had ignored stays ignored.
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, stop)
    try:
        run()
    except Stopped:
        return 0
    except Failed as failure:
        print(failure, file=sys.stderr)
        return 1
    return 0


def stop(number: int, frame: FrameType | None) -> None:
    # Heeded once: a second Ctrl-C must not interrupt the stopping itself.
    for each in STOP_SIGNALS:
        signal.signal(each, signal.SIG_IGN)
    raise Stopped


def run() -> None:
    port, verify_email, standin = checked_settings()
    flask("db", "upgrade")
    sign_ins = "" if os.environ.get("PORTAL_DEMO") == "0" else flask("demo")
    web = [*WEB, "--bind", f"127.0.0.1:{port}"]
    modules = {"web": web, "worker": WORKER}
    if standin:
        modules["stand-in"] = ["tests.standin", standin.rpartition(":")[2]]
    with together(modules) as children:
        wait_for_answer(port, children)
        unverified = (
            "" if verify_email else "Email addresses are not verified: see MAIL_URL in docs/operations.md\n"
        )
        pages = (
            f"Stripe's stand-in is at {standin}: connect a shop by the key rk_test_demo_1\n"
            if standin
            else ""
        )
        print(
            f"Tallystick is at http://127.0.0.1:{port} until Ctrl-C\n{pages}{unverified}{sign_ins}",
            end="",
            flush=True,
        )
        while True:
            check_alive(children)
            time.sleep(0.2)


def checked_settings() -> tuple[int, bool, str | None]:
    """The port to serve on, whether addresses are verified, and where the provider's stand-in is to answer, if it is.

    Raises Failed for a bad setting or a taken port.
    """
    sys.path.insert(0, str(ROOT))
    from config import ConfigError, load_settings

    try:
        settings = load_settings(os.environ)
        port = int(os.environ.get("PORT") or 8000)
    except (ConfigError, ValueError) as error:
        raise Failed(str(error)) from error
    standin = settings["PROVIDER_STANDIN"]
    check_free(port, "PORT=8001")
    if standin:
        check_free(int(standin.rpartition(":")[2]), "PORTAL_PROVIDER_STANDIN=http://127.0.0.1:8026")
    return port, settings["VERIFY_EMAIL"], standin


def check_free(port: int, setting: str) -> None:
    """Raises Failed for a taken port, naming a setting that chooses another."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            reason = "is taken" if error.errno == errno.EADDRINUSE else f"cannot be had ({error.strerror})"
            raise Failed(f"Port {port} {reason}: choose another, as in {setting} make run") from error


def flask(*arguments: str) -> str:
    """What a command of the portal printed. Raises Failed, naming the error, if it did not succeed."""
    command = [sys.executable, "-m", "flask", "--app", "wsgi", *arguments]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode:
        # The line that ends a traceback, or a command's own word; not the hints around them.
        errors = [line for line in done.stderr.splitlines() if re.match(r"[\w.]*(Error|Exception)\b", line)]
        told = errors[-1] if errors else (done.stderr.strip().splitlines() or ["no word of why"])[-1]
        raise Failed(f"'flask --app wsgi {' '.join(arguments)}' failed: {told}")
    return done.stdout


@contextlib.contextmanager
def together(modules: dict[str, list[str]]) -> Iterator[dict[str, Child]]:
    """The named modules running side by side, each in a session of its own so that Ctrl-C comes through here.

    Leaving, all are told to stop once (a second time would cut a job short), and what remains is killed.
    """
    children: dict[str, Child] = {}
    try:
        for name, module in modules.items():
            command = [sys.executable, "-m", *module]
            children[name] = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, start_new_session=True, preexec_fn=die_with_parent
            )
        yield children
    finally:
        for child in children.values():
            child.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        for child in children.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(max(0.1, deadline - time.monotonic()))
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()


def die_with_parent() -> None:
    """On Linux the child is told to stop when this program is killed outright; elsewhere it lives on."""
    if sys.platform == "linux":
        pr_set_pdeathsig = 1
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGTERM)


def wait_for_answer(port: int, children: dict[str, Child]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        check_alive(children)
        with contextlib.suppress(OSError, http.client.HTTPException):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", "/healthz")
            if connection.getresponse().status == 200:
                return
        time.sleep(0.1)
    raise Failed(f"The web server did not answer within {START_SECONDS} seconds")


def check_alive(children: dict[str, Child]) -> None:
    for name, child in children.items():
        if child.poll() is not None:
            raise Failed(f"The {name} process ended by itself (code {child.returncode}): stopping the rest")


if __name__ == "__main__":
    sys.exit(main())
