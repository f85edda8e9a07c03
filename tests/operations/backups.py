"""One run: a backup is made while customers pay and restored elsewhere and in its place, by the operator's document."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from flask import Flask
from sqlalchemy import create_engine, select
from sqlalchemy.orm import Session

from config import load_settings
from portal import create_app
from portal.adapters import calendar_tokens, reset_tokens
from portal.database import engine_options
from portal.extensions import db
from portal.models import User
from portal.services import calendars
from portal.services.transaction import unit_of_work
from tests import consumers, factories, servers
from tests.concurrency import web
from tests.concurrency.clients import Answer, Load
from tests.concurrency.orders import mixed
from tests.concurrency.verdict import PAID, payments_by_key
from tests.concurrency.world import build
from tests.databases import ROOT, environment

from .rolling import again_until, at_most, meanwhile

DOCUMENT = ROOT / "docs/operations.md"
# How the commands of each engine begin in the document.
BEGINS = {"postgres": "PostgreSQL, while", "sqlite": "SQLite, while"}
PARTS = ("portal", "templates", "static", "migrations", "wsgi.py", "config.py", ".venv")


@dataclass(frozen=True, slots=True)
class Size:
    installments: int
    rate: int
    # Before the backup begins, of paying.
    seconds: float


@dataclass
class Report:
    """The seconds of each command by its first words, the size of the backup, and what is wrong, in sentences."""

    engine: str
    seconds: dict[str, float] = field(default_factory=dict)
    size: int = 0
    answered: int = 0
    kept: int = 0
    wrong: list[str] = field(default_factory=list)


def commands(engine: str) -> tuple[list[str], list[str], list[str]]:
    """Those of the document: to back up, to restore elsewhere, and to restore in place."""
    section = DOCUMENT.read_text().split("## Backing up\n")[1].split("\n## ")[0]
    part = section[section.index(BEGINS[engine]) :]
    blocks: list[list[str]] = []
    before = ""
    for line in part.splitlines():
        if line.startswith("    "):
            if not before.startswith("    "):
                blocks.append([])
            blocks[-1].append(line.strip())
        before = line
    return blocks[0], blocks[1], blocks[2]


def run(
    engine: str, size: Size, database_url: str, superuser_url: str, folder: Path, seed: int = 1
) -> Report:
    report, place = Report(engine), program_folder(folder)
    environ = environment(place / "instance", DATABASE_URL=database_url)
    settings = load_settings(environ)
    made = create_engine(settings["SQLALCHEMY_DATABASE_URI"], **engine_options(database_url))
    with ExitStack() as stack, Session(made, expire_on_commit=False) as session:
        stack.callback(made.dispose)
        targets = build(session, size.installments, datetime.now(UTC))
        ways_in = open_ways(session, settings["SECRET_KEY"])
        session.rollback()
        done = threading.Event()
        orders = mixed(targets, size.installments * 2, seed)
        shell = Shell(engine, database_url, superuser_url, place, environ)
        back_up, elsewhere, in_place = commands(engine)
        began: list[float] = []

        def act() -> None:
            time.sleep(size.seconds)
            consumers.until(lambda: any(answer.status in PAID for answer in load.log))
            began.append(time.monotonic())
            report.seconds["backup"] = shell.run(back_up)
            time.sleep(size.seconds / 2)

        with web.running(environ, folder) as served:
            load = Load(served.port, at_most(size.rate, again_until(done, orders)), seed)
            load.sign_in({order.email for order in orders})
            meanwhile(done, load, act)
            ways_in["/account"] = load.cookie_of(orders[0].email)
            report.wrong += [f"{path} did not open before" for path in closed(environ, ways_in)]
            # The web goes on while the backup is tried elsewhere.
            report.seconds["elsewhere"] = shell.run(elsewhere)
        made.dispose()
        report.seconds["in place"] = shell.run(in_place)
        report.size = shell.size()
        report.wrong += [f"{path} still opens" for path in ways_in if path not in closed(environ, ways_in)]
        report.wrong += list(judge(report, session, load.log, began[0]))
    return report


def judge(report: Report, session: Session, log: list[Answer], began: float) -> list[str]:
    """What was answered as paid before the backup began is in it."""
    session.rollback()
    found, _nameless = payments_by_key(session)
    report.answered = sum(answer.status in PAID for answer in log)
    early = {answer.order.key for answer in log if answer.status in PAID and answer.ended < began}
    kept = {key for key, payment in found.items() if payment.state == "succeeded"}
    report.kept = len(kept)
    lost = [f"{key} was answered before the backup and is not in it" for key in sorted(early - kept)]
    if not early:
        lost.append("nothing was paid before the backup")
    return lost + [f"self-check: {name}" for name in factories.broken_invariants(session)]


def open_ways(session: Session, secret: str) -> dict[str, str]:
    """Addresses that open something for a customer, by themselves: of a new password, and of a calendar."""
    person = session.scalars(select(User).where(User.role == "customer").limit(1)).one()
    customer = factories.actor(session, person.id)
    with unit_of_work(session):
        calendars.open_calendar(session, customer, datetime.now(UTC))
    row = session.execute(select(User.calendar_key, User.session_version).where(User.id == customer.id)).one()
    return {
        f"/calendar/{calendar_tokens.make(secret, customer.id, row.calendar_key)}.ics": "",
        f"/reset/{reset_tokens.make(secret, customer.id, row.session_version)}": "",
    }


def closed(environ: dict[str, str], ways_in: dict[str, str]) -> list[str]:
    """Those that open nothing; each with its cookie."""
    app: Flask = create_app(load_settings(environ) | {"TESTING": True})
    client = app.test_client(use_cookies=False)
    try:
        return [
            path
            for path, cookie in ways_in.items()
            if client.get(path, headers={"Cookie": cookie}).status_code != 200
        ]
    finally:
        with app.app_context():
            db.engine.dispose()


def program_folder(folder: Path) -> Path:
    """A folder in which the document's commands find the program, and the portal's own files under ``instance``."""
    place = folder / "place"
    (place / "instance").mkdir(parents=True, exist_ok=True)
    for part in PARTS:
        (place / part).symlink_to(ROOT / part)
    return place


class Shell:
    """Runs lines of the document as an operator would; only what names a machine and a password is replaced."""

    def __init__(
        self, engine: str, url: str, superuser_url: str, place: Path, environ: dict[str, str]
    ) -> None:
        self._place = place
        self._environ = environ | {"PATH": os.environ["PATH"], "HOME": os.environ["HOME"]}
        self._replaced: dict[str, str] = {}
        if engine == "sqlite":
            # The file is where it is without a setting.
            del self._environ["DATABASE_URL"]
            self._environ["PORTAL_INSTANCE"] = "instance"
            return
        server, own = urlsplit(superuser_url), urlsplit(url)
        name = own.path.strip("/")
        self._environ["PATH"] = f"{servers.postgres_binaries()}:{self._environ['PATH']}"
        self._environ |= {"PGHOST": server.hostname or "", "PGPORT": str(server.port), "PGUSER": "postgres"}
        self._environ["PGDATABASE"] = name
        self._replaced = {
            "portal:password@db.example.com": f"{own.username}@{server.hostname}:{server.port}",
            "--dbname portal ": f"--dbname {name} ",
        }

    def run(self, lines: list[str]) -> float:
        """The seconds of all. Raises RuntimeError with what was said by the first that fails."""
        text = "\n".join(lines)
        for written, here in self._replaced.items():
            text = text.replace(written, here)
        began = time.monotonic()
        command = ["sh", "-euc", text]
        done = subprocess.run(command, cwd=self._place, env=self._environ, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"{text}\n{done.stdout}\n{done.stderr}")
        return time.monotonic() - began

    def size(self) -> int:
        return sum(path.stat().st_size for path in self._place.glob("portal*.[ds][uq]*"))
