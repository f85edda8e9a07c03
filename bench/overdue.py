"""A day on which very much falls overdue: marking it, queueing the reminders, and the web meanwhile."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from unittest.mock import patch

from sqlalchemy import func, select, text, update
from sqlalchemy.orm import Session

from portal.models import Installment
from portal.services import daily_run, transaction
from tests.concurrency import web

from . import clients, places, recording
from .clients import Result
from .places import Place
from .table import LINES, WARM_UP_SECONDS, Stage

FALLING = 10
MOST_OF_UPDATE = 3.0
MOST_SECONDS = 30.0
MOST_OF_QUIET = 2.0
REMINDERS = 100_000
# The web's own customers meanwhile: they read and pay at an even pace that leaves the machine room.
CLIENTS = 8
PAUSE = 0.2
LONGEST_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Overdue:
    """How many fell overdue and were reminded of, in seconds; ``update`` is one bare UPDATE of the same rows.

    ``marking`` is on a machine as quiet as that UPDATE's and without the pauses in which others write on SQLite;
    ``beside`` is with both.
    """

    engine: str
    installments: int
    marked: int
    marking: float
    update: float
    beside: float
    reminded: int
    reminding: float
    quiet: float
    meanwhile: float

    @property
    def of_update(self) -> float:
        return self.marking / self.update

    @property
    def of_quiet(self) -> float:
        return self.meanwhile / self.quiet

    @property
    def seconds_for_many(self) -> float:
        """What queueing 100,000 reminders takes at this pace."""
        return self.reminding * REMINDERS / max(1, self.reminded)

    @property
    def met(self) -> tuple[bool, bool, bool]:
        return (
            self.of_update <= MOST_OF_UPDATE,
            self.seconds_for_many <= MOST_SECONDS,
            self.of_quiet <= MOST_OF_QUIET,
        )


def measure(place: Place, quiet_seconds: float, folder: Path) -> Overdue:
    """Mark a tenth of all installments, as of the day by which so many are due, while the web goes on."""
    on, installments = _day_of_many(place)
    with places.copy(place, folder) as one:
        update_seconds = _bare_update(one, on)
    with (
        places.copy(place, folder) as another,
        places.session(another) as session,
        patch.object(transaction, "SQLITE_YIELD_SECONDS", 0),
    ):
        alone = _mark(session, on)[1]
    with web.running(place.environ(), folder) as served:
        stage = Stage(recording.application(place), place, served.port)
        load = _Load(stage)
        load.run(WARM_UP_SECONDS)
        quiet = load.run(quiet_seconds)
        ours, theirs = multiprocessing.Pipe()
        worker = multiprocessing.get_context("spawn").Process(target=_work, args=(place, on, theirs))
        worker.start()
        ours.recv()
        meanwhile = load.run(LONGEST_SECONDS, worker.is_alive)
        worker.join()
        marked, beside, reminded, reminding = ours.recv()
    return Overdue(
        place.engine_name,
        installments,
        marked,
        alone,
        update_seconds,
        beside,
        reminded,
        reminding,
        quiet.percentile(99),
        meanwhile.percentile(99),
    )


class _Load:
    """Half of the clients read a plan, half pay, each at a plan that stays as it is or is paid once."""

    def __init__(self, stage: Stage) -> None:
        self._port = stage.port
        prepared = [
            prepare(stage) for name, (_goal, prepare) in LINES.items() if name.startswith(("one plan", "pay"))
        ]
        self._scripts = [script for asked in prepared for script in asked.portal[: CLIENTS // 2]]

    def run(self, seconds: float, goes_on: Callable[[], bool] = lambda: True) -> Result:
        return clients.run(self._port, self._scripts, seconds, PAUSE, goes_on)


def _late_by(place: Place, on: date) -> tuple[object, ...]:
    return (
        Installment.merchant_id == place.shops[0].id,
        Installment.due_on < on,
        Installment.late_on.is_(None),
        Installment.owed > 0,
    )


def _day_of_many(place: Place) -> tuple[date, int]:
    """The day by which a tenth of all installments fall overdue, and how many there are."""
    with places.session(place) as session:
        whole = session.scalars(select(func.count()).select_from(Installment)).one()
        on = datetime.now(UTC).date()
        late = 0
        while late < whole // FALLING:
            on += timedelta(days=1)
            late = session.scalars(select(func.count()).where(*_late_by(place, on))).one()
    return on, whole


def _bare_update(place: Place, on: date) -> float:
    """Seconds of one UPDATE that stamps the same rows, and of its commit."""
    with places.session(place) as session:
        session.connection(execution_options={"write": True})
        if place.engine_name == "PostgreSQL":
            session.execute(text("SET LOCAL statement_timeout = 0"))
        stamp = update(Installment).where(*_late_by(place, on)).values(late_on=on)
        began = time.perf_counter()
        session.execute(stamp.execution_options(synchronize_session=False))
        session.commit()
        return time.perf_counter() - began


def _work(place: Place, on: date, answer: Connection) -> None:
    """The worker's daily run in a process of its own; prints when it begins and its counts."""
    with places.session(place) as session:
        answer.send("begun")
        marked, marking = _mark(session, on)
        began = time.perf_counter()
        reminded = daily_run.run(session, _early(), on, at_any_hour=True)["reminders"]
        answer.send((marked, marking, reminded, time.perf_counter() - began))


def _mark(session: Session, on: date) -> tuple[int, float]:
    """The installments marked by a run before eight, when no reminders are sent, and its seconds."""
    began = time.perf_counter()
    return daily_run.run(session, _early(), on)["overdue"], time.perf_counter() - began


def _early() -> datetime:
    return datetime.now(UTC).replace(hour=6, minute=0)
