"""One run: web groups and workers are restarted one by one under load, a migration comes in between, nobody notices."""

from __future__ import annotations

import re
import shutil
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import cycle
from pathlib import Path

from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from config import load_settings
from portal.adapters.payments.simulator import Simulator
from portal.database import engine_options
from portal.services import payment_settlement
from tests import consumers, servers
from tests.concurrency import proxies, web
from tests.concurrency.clients import Load
from tests.concurrency.orders import Order, mixed
from tests.concurrency.verdict import Verdict, judge, statuses
from tests.concurrency.world import build
from tests.databases import ROOT, PostgresDatabase, Superuser, environment, migrate

# nginx asks a group again 2 s after it has refused; that may have been the moment before it was ready.
BACK_IN_TURN = 3
# What the next version is started from.
PARTS = (
    "portal",
    "templates",
    "static",
    "migrations",
    "wsgi.py",
    "worker.py",
    "config.py",
    "gunicorn.conf.py",
)
NEXT_MIGRATION = """
import sqlalchemy as sa
from alembic import op

revision, down_revision = "next_version", "{newest}"


def upgrade():
    op.add_column("installments", sa.Column("next_version", sa.Integer, server_default="0", nullable=False))
    op.create_index("next_version", "installments", ["merchant_id", "next_version"])
"""

BACK = """
ALTER TABLE installments DROP COLUMN IF EXISTS next_version;
UPDATE alembic_version SET version_num = '{newest}';
"""


@dataclass(frozen=True, slots=True)
class Size:
    """How much is paid, by at most so many requests a second, while so often a group is restarted, in turns."""

    installments: int
    requests: int
    rate: int
    restarts: int
    groups: int = 2
    workers: int = 2


@dataclass
class Report:
    """What happened; ``seconds`` are those of each restart of a group, ``answers`` all that the clients got."""

    seconds: list[float] = field(default_factory=list)
    migrated: float = 0
    answers: Counter[str] = field(default_factory=Counter)
    slowest: float = 0
    verdict: Verdict = field(default_factory=Verdict)


class Groups:
    """Gunicorn as often as there are groups, and workers beside them, each with the folder of its code."""

    def __init__(self, environ: dict[str, str], folder: Path, size: Size) -> None:
        self._environ, self._folder = environ, folder
        self.ports = [servers.free_port() for _ in range(size.groups)]
        self._webs = [web.start(environ, self._place(port), port) for port in self.ports]
        self._workers = [
            consumers.Consumer(environ, folder / f"worker-{number}.log") for number in range(size.workers)
        ]

    def wait(self) -> None:
        for each in self._webs:
            web.wait_until_ready(each)
        for worker in self._workers:
            worker.start()

    def restart(self, number: int, root: Path) -> float:
        """The seconds until the group serves again."""
        began = time.monotonic()
        port = self.ports[number]
        web.stop(self._webs[number])
        self._webs[number] = web.start(self._environ, self._place(port), port, root=root)
        web.wait_until_ready(self._webs[number])
        return time.monotonic() - began

    def restart_worker(self, number: int) -> None:
        worker = self._workers[number]
        worker.stop()
        worker.start()

    def stop(self) -> None:
        for worker in self._workers:
            worker.stop()
        for each in self._webs:
            each.master.terminate()
        for each in self._webs:
            web.stop(each)

    def errors(self) -> list[str]:
        """What was logged of errors, shortened."""
        said = "".join(path.read_text() for path in self._folder.rglob("*.log"))
        return [
            said[found.start() : found.start() + 2000] for found in re.finditer("Traceback|unexpected", said)
        ]

    def _place(self, port: int) -> Path:
        place = self._folder / str(port)
        place.mkdir(exist_ok=True)
        return place


def run(size: Size, database: PostgresDatabase, redis_url: str, folder: Path, seed: int = 1) -> Report:
    """Build, pay while everything is restarted, judge as if nothing had gone wrong."""
    environ = environment(
        folder,
        DATABASE_URL=database.fresh(folder),
        MIGRATION_DATABASE_URL=database.owner_url,
        REDIS_URL=redis_url,
        PORTAL_URL="http://127.0.0.1",
        TRUSTED_PROXIES="1",
    )
    report = Report()
    engine = create_engine(load_settings(environ)["SQLALCHEMY_DATABASE_URI"], **engine_options("postgresql"))
    with ExitStack() as stack, Session(engine, expire_on_commit=False) as session:
        stack.callback(engine.dispose)
        targets = build(session, size.installments, datetime.now(UTC))
        session.rollback()
        stack.callback(go_back, database)
        groups = Groups(environ, folder, size)
        stack.callback(groups.stop)
        groups.wait()
        proxy = stack.enter_context(proxies.proxy(*groups.ports, folder=folder, tls=False))
        done = threading.Event()
        orders = mixed(targets, size.requests, seed)
        load = Load(groups.ports[0], at_most(size.rate, again_until(done, orders)), seed)
        # Past the proxy, which would find these too many for one address.
        load.sign_in({order.email for order in orders})
        load.port = proxy.http
        meanwhile(done, load, lambda: roll(size, groups, environ, folder, report))
        payment_settlement.settle_pending(session, Simulator(), datetime.now(UTC) + timedelta(minutes=10))
        report.verdict = judge(session, targets, load.log, faulty=False)
        report.answers = statuses(load.log)
        report.slowest = max(answer.ended - answer.began for answer in load.log)
        report.verdict.wrong += [f"an error was logged: {error}" for error in groups.errors()]
    return report


def roll(size: Size, groups: Groups, environ: dict[str, str], folder: Path, report: Report) -> None:
    """Halfway the next version migrates the database; the groups that are restarted from then on are of it."""
    root = ROOT
    for number in range(size.restarts):
        if number == size.restarts // 2:
            root = next_version(folder / "next")
            began = time.monotonic()
            migrate(environ, str(root / "migrations"))
            report.migrated = time.monotonic() - began
        group = number % size.groups
        report.seconds.append(groups.restart(group, root))
        time.sleep(BACK_IN_TURN)
        if size.workers:
            groups.restart_worker(group % size.workers)


def next_version(root: Path) -> Path:
    """A copy of the program with one migration more."""
    root.mkdir()
    for part in PARTS:
        copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy
        copy(ROOT / part, root / part)
    text = NEXT_MIGRATION.format(newest=newest_migration())
    (root / "migrations/versions/next_version.py").write_text(text)
    return root


def newest_migration() -> str:
    return max(path.stem for path in (ROOT / "migrations/versions").glob("[0-9]*.py"))


def go_back(database: PostgresDatabase) -> None:
    with Superuser(database.owner_url) as owner:
        owner(BACK.format(newest=newest_migration()))


def meanwhile(done: threading.Event, load: Load, act: Callable[[], None]) -> None:
    """Run the load until ``act`` has been done; what either raises is raised."""
    failures: list[BaseException] = []

    def acting() -> None:
        try:
            act()
        except BaseException as failure:
            failures.append(failure)
        finally:
            done.set()

    thread = threading.Thread(target=acting)
    thread.start()
    try:
        load.run()
    finally:
        thread.join()
    if failures:
        raise failures[0]


def again_until(done: threading.Event, orders: Sequence[Order]) -> Iterator[Order]:
    """Each order once, then again with the same key, which has to get the same answer."""
    yield from orders
    for order in cycle(orders):
        if done.is_set():
            return
        yield order


def at_most(rate: int, orders: Iterator[Order]) -> Iterator[Order]:
    """No more than so many a second, so that there is time to restart."""
    for order in orders:
        time.sleep(1 / rate)
        yield order
