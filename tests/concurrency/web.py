"""The real web under Gunicorn with its own settings file, on a free loopback port; never left behind."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bin.supervise import die_with_parent
from tests import servers

ROOT = Path(__file__).parent.parent.parent
START_SECONDS = 120
STOP_SECONDS = 40


@dataclass(frozen=True, slots=True)
class Web:
    """A running web: its port, the process of Gunicorn's master, and the file that holds what it said."""

    port: int
    master: subprocess.Popen[bytes]
    log: Path

    def workers(self) -> list[int]:
        """The process ids of the workers, the oldest first."""
        children = Path(f"/proc/{self.master.pid}/task/{self.master.pid}/children").read_text()
        return sorted(int(pid) for pid in children.split())

    def kill_worker(self) -> int:
        """Ends the oldest worker as a crash would, in the middle of whatever it does; returns how many that were."""
        for pid in self.workers()[:1]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                return 1
        return 0


@contextlib.contextmanager
def running(
    environ: dict[str, str], folder: Path, program: str = "wsgi:app", root: Path = ROOT
) -> Iterator[Web]:
    """The web, or another program, once it answers; ``root`` is the folder of its code.

    Raises RuntimeError with what it said if it does not.
    """
    web = start(environ, folder, servers.free_port(), program, root)
    try:
        wait_until_ready(web)
        yield web
    finally:
        stop(web)


def start(
    environ: dict[str, str], folder: Path, port: int, program: str = "wsgi:app", root: Path = ROOT
) -> Web:
    """The web on this port; what it says is added to its log. ``stop`` it."""
    inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    own = {"PORT": str(port), "HOST": "127.0.0.1"}
    command = [sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py", program]
    log = folder / f"{program.partition(':')[0]}.log"
    with log.open("ab") as said:
        master = subprocess.Popen(
            command,
            env=inherited | environ | own,
            cwd=root,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            start_new_session=True,
            preexec_fn=die_with_parent,
        )
    return Web(port, master, log)


def stop(web: Web) -> None:
    """As an operator does, by SIGTERM; what does not heed it is killed."""
    web.master.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        web.master.wait(STOP_SECONDS)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(web.master.pid, signal.SIGKILL)
    web.master.wait()


def wait_until_ready(web: Web) -> None:
    """Raises RuntimeError with what it said if it does not answer in time."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and web.master.poll() is None:
        with contextlib.suppress(OSError, http.client.HTTPException):
            connection = http.client.HTTPConnection("127.0.0.1", web.port, timeout=5)
            with contextlib.closing(connection):
                connection.request("GET", "/readyz")
                if connection.getresponse().status == 200:
                    return
        time.sleep(0.1)
    raise RuntimeError(f"the web did not start: {web.log.read_text()[-2000:]}")
