"""One run: how the CPU of a request is shared between the web and PostgreSQL, and what a web process holds."""

from __future__ import annotations

import http.client
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from bench import cpu
from config import load_settings
from portal.database import engine_options
from tests import factories
from tests.concurrency import web
from tests.concurrency.clients import Load, sign_in
from tests.concurrency.orders import mixed
from tests.concurrency.world import build
from tests.databases import PostgresDatabase, Superuser, environment

SHOP_PAGES = ("/merchant/", "/merchant/plans/", "/merchant/exports/payments.csv")
CUSTOMER_PAGES = ("/customer/",)
OWN = "application_name = '' AND datname = current_database() AND pid <> pg_backend_pid()"


@dataclass(frozen=True, slots=True)
class Share:
    """Milliseconds of CPU for one request."""

    request: str
    web: float
    database: float


@dataclass(frozen=True, slots=True)
class Report:
    """``connections`` to PostgreSQL and ``megabytes`` are those of a web process after sixteen people have paid."""

    shares: list[Share]
    connections: float
    megabytes: float


def run(installments: int, times: int, database: PostgresDatabase, folder: Path) -> Report:
    environ = environment(folder, DATABASE_URL=database.fresh(folder))
    engine = create_engine(load_settings(environ)["SQLALCHEMY_DATABASE_URI"], **engine_options("postgresql"))
    with Session(engine, expire_on_commit=False) as session:
        targets = build(session, installments, datetime.now(UTC))
        shop = factories.email_of("Shop 0")
    engine.dispose()
    with web.running(environ, folder) as served, Superuser(database.superuser_url) as look:
        meter = Meter(served, look)
        shares = []
        for email, pages in ((shop, SHOP_PAGES), (targets[2].email, CUSTOMER_PAGES)):
            cookie = sign_in(served.port, email).cookie
            for path in pages:
                meter.begin()
                for _ in range(times):
                    fetch(served.port, path, cookie)
                shares.append(meter.share(path, times))
        orders = mixed(targets, installments, seed=1)
        load = Load(served.port, orders, seed=1)
        load.sign_in({order.email for order in orders})
        meter.begin()
        load.run()
        shares.append(meter.share("pay an installment", len(orders)))
        workers = served.workers()
        megabytes = sum(map(memory, workers)) / len(workers) / 1000
        return Report(shares, meter.connections() / len(workers), megabytes)


class Meter:
    """The CPU of the web and of its PostgreSQL, from ``begin`` on."""

    def __init__(self, served: web.Web, look: Superuser) -> None:
        self._served, self._look = served, look
        self._postmaster = cpu.parent(look("SELECT pg_backend_pid()")[0][0])
        self._began: tuple[float, float] = (0, 0)

    def begin(self) -> None:
        self._began = self._used()

    def share(self, request: str, times: int) -> Share:
        used = (now - then for now, then in zip(self._used(), self._began, strict=True))
        return Share(request, *(seconds * 1000 / times for seconds in used))

    def connections(self) -> int:
        return self._look(f"SELECT count(*) FROM pg_stat_activity WHERE {OWN}")[0][0]

    def _used(self) -> tuple[float, float]:
        return cpu.seconds([self._served.master.pid]), cpu.seconds([self._postmaster])


def fetch(port: int, path: str, cookie: str) -> None:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        connection.request("GET", path, headers={"Cookie": cookie})
        answer = connection.getresponse()
        answer.read()
    if answer.status != 200:
        raise RuntimeError(f"{path} was answered {answer.status}")


def memory(pid: int) -> int:
    """Kilobytes, with its part of what it shares with others."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
