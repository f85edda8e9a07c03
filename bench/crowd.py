"""Sixteen clients that pay at one shop, and sixteen that pay at a shop each: no row of a shop may hold them up."""

from __future__ import annotations

import itertools
import statistics
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from tests.concurrency import web

from . import clients, recording
from .places import Place
from .table import CLIENTS, WARM_UP_SECONDS, Effort, Scripts, Stage, paying

LEAST = 0.8


@dataclass(frozen=True, slots=True)
class Crowd:
    """Payments a second at one shop and at sixteen, and the median ratio of all turns."""

    at_one: float
    at_many: float
    ratio: float

    @property
    def met(self) -> bool:
        return self.ratio >= LEAST


def measure(one: Place, many: Place, effort: Effort, folder: Path) -> Crowd:
    """In turn; both places hold as many plans."""
    with ExitStack() as stack:
        ready: list[tuple[int, Scripts]] = []
        for name, place in (("one", one), ("many", many)):
            (folder / name).mkdir()
            served = stack.enter_context(web.running(place.environ(), folder / name))
            stage = Stage(recording.application(place), place, served.port)
            shops = itertools.islice(itertools.cycle(place.shops), CLIENTS)
            ready.append((served.port, paying(stage, [shop.id for shop in shops])))
        for port, scripts in ready:
            clients.run(port, scripts, WARM_UP_SECONDS)
        turns = [
            [clients.run(port, scripts, effort.seconds).rate for port, scripts in ready]
            for _ in range(effort.turns)
        ]
    at_one, at_many = (statistics.median(rates) for rates in zip(*turns, strict=True))
    return Crowd(at_one, at_many, statistics.median(one / many for one, many in turns))
