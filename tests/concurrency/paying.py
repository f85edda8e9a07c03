"""One run: customers pay on the real web while things go wrong, then their log is compared with the database."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import Engine, create_engine
from sqlalchemy.orm import Session

from config import load_settings
from portal.adapters.gateway import Simulator
from portal.extensions import engine_options
from portal.services import settlement
from tests.databases import environment

from . import faults, web
from .clients import Load
from .orders import mixed
from .verdict import Verdict, judge, statuses
from .world import build

SETTLE_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Size:
    """How much is paid, and the seconds between two faults; a short run needs them closer together to meet any."""

    installments: int
    requests: int
    kill_every: float = 2.0
    cut_every: float = 1.0


@dataclass(frozen=True, slots=True)
class Scenario:
    """Where, and what goes wrong meanwhile."""

    name: str
    engine: str
    kills: bool = False
    cuts: bool = False

    @property
    def id(self) -> str:
        return f"{self.name} on {self.engine}"


SCENARIOS = (
    Scenario("paying", "sqlite"),
    Scenario("paying", "postgres"),
    Scenario("workers killed", "sqlite", kills=True),
    Scenario("workers killed", "postgres", kills=True),
    Scenario("connections cut", "postgres", cuts=True),
    Scenario("killed and cut", "postgres", kills=True, cuts=True),
)


@dataclass(frozen=True, slots=True)
class Report:
    """One line of the table: ``faults`` is how many workers were killed or connections cut, ``seconds`` of load."""

    scenario: str
    engine: str
    requests: int
    answers: Counter[str]
    faults: int
    settled: int
    verdict: Verdict
    seconds: float


def engine_of(environ: dict[str, str]) -> Engine:
    """The portal's own kind of engine, for arranging and looking from outside of its processes."""
    url = load_settings(environ)["SQLALCHEMY_DATABASE_URI"]
    return create_engine(url, **engine_options(url))


def run(scenario: Scenario, size: Size, database_url: str, folder: Path, seed: int = 1) -> Report:
    """Build, load, settle, judge. Raises ``GaveUp`` if something is never answered."""
    environ = environment(folder, DATABASE_URL=database_url)
    engine = engine_of(environ)
    try:
        with Session(engine, expire_on_commit=False) as session:
            targets = build(session, size.installments, datetime.now(UTC))
        orders = mixed(targets, size.requests, seed)
        with web.running(environ, folder) as served:
            load = Load(served.port, orders, seed)
            load.sign_in({target.email for target in targets})
            began = time.monotonic()
            done, settled = _load(scenario, size, load, served, engine)
            seconds = time.monotonic() - began
        # What is in the pool may have been cut since; the last settling comes with a connection of its own.
        engine.dispose()
        with Session(engine, expire_on_commit=False) as session:
            later = datetime.now(UTC) + timedelta(minutes=10)
            settlement.settle_pending(session, Simulator(), later)
            verdict = judge(session, targets, load.log, faulty=scenario.kills or scenario.cuts)
        if not (scenario.kills or scenario.cuts) and "unexpected" in served.log.read_text():
            verdict.wrong.append(f"the web logged an error: {served.log.read_text()[-2000:]}")
        return Report(
            scenario.name, scenario.engine, len(orders), statuses(load.log), done, settled, verdict, seconds
        )
    finally:
        engine.dispose()


def _load(scenario: Scenario, size: Size, load: Load, served: web.Web, engine: Engine) -> tuple[int, int]:
    """Runs the load among the scenario's faults, and with the settling job; how many faults, and how many settled."""
    with contextlib.ExitStack() as meanwhile:
        happening = []
        if scenario.kills:
            kill = faults.once_alive(served.kill_worker, lambda: sum(a.status > 0 for a in load.log))
            happening.append(meanwhile.enter_context(faults.every(size.kill_every, kill)))
        if scenario.cuts:
            happening.append(
                meanwhile.enter_context(faults.every(size.cut_every, lambda: faults.cut_connections(engine)))
            )
        settled = meanwhile.enter_context(faults.every(SETTLE_SECONDS, lambda: faults.settle(engine)))
        load.run()
    return sum(fault.count for fault in happening), settled.count
