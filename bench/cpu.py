"""CPU time of the programs that answer a request, read from /proc."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


def seconds(roots: Iterable[int]) -> float:
    """What these processes and all that they started have used so far; those that ended count with their parents."""
    return sum(_own(pid) for root in roots for pid in family(root)) / TICKS_PER_SECOND


def parent(pid: int) -> int:
    """The process that started this one."""
    return int(_fields(pid)[1])


def _own(pid: int) -> int:
    """Ticks of the process itself, and of its children that have ended."""
    try:
        return sum(map(int, _fields(pid)[11:15]))
    except FileNotFoundError:
        return 0


def _fields(pid: int) -> list[str]:
    """The fields of /proc/<pid>/stat from the third on; the second is a name that may hold blanks."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def family(root: int) -> Iterator[int]:
    """The process, and those that it started and that they started."""
    yield root
    for task in Path(f"/proc/{root}/task").glob("*/children"):
        try:
            children = task.read_text().split()
        except FileNotFoundError:
            continue
        for child in children:
            yield from family(int(child))
