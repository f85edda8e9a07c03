"""The real worker, Huey's consumer with the portal's own flags: a process that a test may kill; none is left behind."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from bin.supervise import WORKER, die_with_parent

ROOT = Path(__file__).parent.parent
START_SECONDS = 60
STOP_SECONDS = 30


class Consumer:
    """A worker with these settings; what it said is added to ``log``."""

    def __init__(self, environ: dict[str, str], log: Path) -> None:
        inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        self._environ, self.log = inherited | environ, log
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as said:
            self.process = subprocess.Popen(
                [sys.executable, "-m", *WORKER],
                env=self._environ,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                preexec_fn=die_with_parent,
            )

    def works(self) -> bool:
        """Whether its threads have begun, which is seconds after its process has."""
        assert self.process
        return len(list(Path(f"/proc/{self.process.pid}/task").iterdir())) > 1

    def kill(self) -> None:
        """End it as a crash would, in the middle of whatever it does."""
        assert self.process
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        """As an operator does; one that does not heed it is killed."""
        assert self.process
        self.process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(STOP_SECONDS)
        self.kill()


@contextlib.contextmanager
def running(environ: dict[str, str], folder: Path, count: int = 1) -> Iterator[list[Consumer]]:
    """So many workers, each with its own scheduler, while the block lasts."""
    consumers = [Consumer(environ, folder / f"worker-{number}.log") for number in range(count)]
    for consumer in consumers:
        consumer.start()
    try:
        yield consumers
    finally:
        for consumer in consumers:
            consumer.stop()


def until(condition: object, seconds: float = 60) -> bool:
    """Whether ``condition()`` came true within so many seconds."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.05)
    return bool(condition())
