"""What the portal needs to stand: memory of web and worker together, and seconds until the web is ready."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bin.supervise import ROOT, WORKER, die_with_parent
from tests.concurrency import web

from . import clients, cpu, recording
from .places import Place
from .table import LINES, Stage

MOST_BYTES = 250_000_000
MOST_SECONDS = 15.0
# The worker has nothing to do, the web has answered for so long.
SETTLED_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Footprint:
    """``memory`` is the bytes of each process, shared pages divided among those that share them (PSS).

    The processes are the web's first, those forked from it, and the worker. ``ready`` is in seconds.
    """

    engine: str
    memory: tuple[int, ...]
    ready: float

    @property
    def met(self) -> bool:
        return sum(self.memory) <= MOST_BYTES and self.ready <= MOST_SECONDS


def measure(place: Place, folder: Path) -> Footprint:
    """After some load on the lines of the table; the database's server is not counted."""
    began = time.perf_counter()
    with web.running(place.environ(), folder) as served, _worker(place, folder) as worker:
        ready = time.perf_counter() - began
        stage = Stage(recording.application(place), place, served.port)
        for _goal, prepare in LINES.values():
            clients.run(served.port, prepare(stage).portal, 1.0)
        time.sleep(SETTLED_SECONDS)
        roots = (served.master.pid, worker)
        memory = tuple(_proportional(pid) for root in roots for pid in cpu.family(root))
    return Footprint(place.engine_name, memory, ready)


@contextmanager
def _worker(place: Place, folder: Path) -> Iterator[int]:
    inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    with (folder / "worker.log").open("wb") as said:
        worker = subprocess.Popen(
            [sys.executable, "-m", *WORKER],
            env=inherited | place.environ(),
            cwd=ROOT,
            stdout=said,
            stderr=said,
            preexec_fn=die_with_parent,
        )
    try:
        yield worker.pid
    finally:
        worker.terminate()
        worker.wait()


def _proportional(pid: int) -> int:
    """The proportional set size in bytes, see proc(5)."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return 0
