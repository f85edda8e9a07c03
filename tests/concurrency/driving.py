"""One run: people send orders to the real web while things go wrong, then their log is compared with the database."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import Engine, create_engine
from sqlalchemy.orm import Session

from config import load_settings
from portal.adapters.payments.simulator import Simulator
from portal.database import engine_options
from portal.services import payment_settlement, refund_settlement
from tests.databases import environment

from . import faults, web
from .clients import Answer, Load, Order
from .verdict import Verdict, statuses

SETTLE_SECONDS = 0.5


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

    @property
    def faulty(self) -> bool:
        return self.kills or self.cuts


@dataclass(frozen=True, slots=True)
class Pace:
    """The seconds between two faults; a short run needs them closer together to meet any."""

    kill_every: float = 2.0
    cut_every: float = 1.0


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


@dataclass(frozen=True, slots=True)
class Story:
    """What there is to send, once ``begin`` has made it in the database, and how to ``judge`` what came of it.

    The judge is given the log, and whether 503 and broken connections are to be expected.
    """

    begin: Callable[[Session], Sequence[Order]]
    judge: Callable[[Session, list[Answer], bool], Verdict]


def run(scenario: Scenario, pace: Pace, story: Story, database_url: str, folder: Path, seed: int) -> Report:
    """Build, load, settle, judge. Raises ``GaveUp`` if something is never answered."""
    environ = environment(folder, DATABASE_URL=database_url)
    engine = _engine_of(environ)
    try:
        with Session(engine, expire_on_commit=False) as session:
            orders = story.begin(session)
        with web.running(environ, folder) as served:
            load = Load(served.port, orders, seed)
            load.sign_in({order.email for order in orders})
            began = time.monotonic()
            done, settled = _load(scenario, pace, load, served, engine)
            seconds = time.monotonic() - began
        # What is in the pool may have been cut since; the last settling comes with a connection of its own.
        engine.dispose()
        with Session(engine, expire_on_commit=False) as session:
            later = datetime.now(UTC) + timedelta(minutes=10)
            payment_settlement.settle_pending(session, Simulator(), later)
            refund_settlement.settle_pending(session, Simulator(), later)
            session.rollback()
            verdict = story.judge(session, load.log, scenario.faulty)
        if not scenario.faulty and "unexpected" in served.log.read_text():
            verdict.wrong.append(f"the web logged an error: {served.log.read_text()[-2000:]}")
        return Report(
            scenario.name, scenario.engine, len(orders), statuses(load.log), done, settled, verdict, seconds
        )
    finally:
        engine.dispose()


def _engine_of(environ: dict[str, str]) -> Engine:
    """The portal's own kind of engine, for arranging and looking from outside of its processes."""
    url = load_settings(environ)["SQLALCHEMY_DATABASE_URI"]
    return create_engine(url, **engine_options(url))


def _load(scenario: Scenario, pace: Pace, load: Load, served: web.Web, engine: Engine) -> tuple[int, int]:
    """Runs the load among the scenario's faults, and with the settling job; how many faults, and how many settled."""
    with contextlib.ExitStack() as meanwhile:
        happening = []
        if scenario.kills:
            kill = faults.once_alive(served.kill_worker, lambda: sum(a.status > 0 for a in load.log))
            happening.append(meanwhile.enter_context(faults.every(pace.kill_every, kill)))
        if scenario.cuts:
            happening.append(
                meanwhile.enter_context(faults.every(pace.cut_every, lambda: faults.cut_connections(engine)))
            )
        settled = meanwhile.enter_context(faults.every(SETTLE_SECONDS, lambda: faults.settle(engine)))
        load.run()
    return sum(fault.count for fault in happening), settled.count
