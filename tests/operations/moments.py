"""One run: PostgreSQL goes back to a moment between two payments, by the commands of the operator's document."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg2

from config import load_settings
from portal import create_app
from portal.extensions import db
from tests import factories, servers
from tests.databases import PostgresDatabase, Superuser, environment

from .backups import DOCUMENT

DATA, REPOSITORY = "/var/lib/postgresql/17/main", "/var/lib/pgbackrest"
MOMENT = "2026-11-29 12:00:00+00"
RECOVERY_SECONDS = 60


@dataclass
class Report:
    """The seconds of each command by its last word, and of recovering; and what is wrong, in sentences."""

    seconds: dict[str, float] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)


def blocks() -> list[str]:
    """Those of the document about pgBackRest: its settings, PostgreSQL's, and the commands."""
    part = DOCUMENT.read_text().split("**To any moment**")[1].split("\nKeep `SECRET_KEY`")[0]
    return [
        re.sub("^    ", "", block, flags=re.MULTILINE) for block in re.findall(r"(?:^    .*\n)+", part, re.M)
    ]


def run(payments: int, folder: Path) -> Report:
    """Pay that often before the moment, and as often after it; the latter are gone, and nothing else."""
    if not shutil.which("pgbackrest"):
        raise servers.Missing("pgBackRest is needed and was not found: install Debian's package pgbackrest.")
    report = Report()
    own, postgres, once, backup, restore = blocks()
    with servers.server_folder() as place:
        binaries = servers.make_cluster(place)
        settings = dict(re.findall(r"^(\w+) = '?(.*?)'?$", postgres, re.MULTILINE))
        settings["unix_socket_directories"] = str(place)
        with configured(own, place):
            with servers.serving(place, binaries, durable=True, **settings) as url:
                port = url.rpartition(":")[2].partition("/")[0]
                call(report, once, port)
                database = PostgresDatabase(url, folder)
                with portal(database.url, folder) as app, app.app_context():
                    plans = begin(payments)
                    call(report, backup, port)
                    # A moment has to be in a later second than the backup it begins from.
                    time.sleep(1)
                    pay(plans[:payments])
                    with Superuser(url) as superuser:
                        ((moment,),) = superuser("SELECT now()::text")
                    pay(plans[payments:])
            call(report, restore.replace(MOMENT, moment), port)
            with servers.serving(place, binaries, durable=True, **settings) as url:
                report.seconds["recovery"] = wait_until_promoted(url)
                report.wrong += judge(app_url(database.url, url), folder, plans, payments)
    return report


@contextmanager
def configured(own: str, place: Path) -> Iterator[None]:
    """Let pgBackRest, also as PostgreSQL calls it, work with the document's settings in this place."""
    (place / "pgbackrest.conf").write_text(
        own.replace(DATA, str(place / "data")).replace(REPOSITORY, str(place / "kept"))
    )
    mine = {"CONFIG": place / "pgbackrest.conf", "PG1_SOCKET_PATH": place, "PG1_USER": "postgres"}
    mine |= {f"{name}_PATH": place for name in ("LOG", "LOCK", "SPOOL")}
    before = dict(os.environ)
    os.environ.update({f"PGBACKREST_{name}": str(value) for name, value in mine.items()})
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def call(report: Report, commands: str, port: str) -> None:
    """Run lines of the document as PostgreSQL's user. Raises ``RuntimeError`` with what the first said that fails."""
    for command in commands.splitlines():
        began = time.monotonic()
        environ = os.environ | {"PGBACKREST_PG1_PORT": port}
        done = subprocess.run(
            ["sh", "-c", command],
            capture_output=True,
            text=True,
            cwd="/",
            env=environ,
            **servers.unprivileged(),
        )
        if done.returncode:
            raise RuntimeError(f"{command}\n{done.stdout}\n{done.stderr}")
        report.seconds[command.split()[-1]] = time.monotonic() - began


@contextmanager
def portal(url: str, folder: Path):
    app = create_app(load_settings(environment(folder, DATABASE_URL=url)) | {"TESTING": True})
    yield app
    with app.app_context():
        db.session.remove()
        db.engine.dispose()


def begin(payments: int) -> list:
    """A customer and twice as many plans, each with an installment to be paid."""
    shop, ada = factories.make_merchant(db.session), factories.make_customer(db.session)
    return [(ada, factories.accepted_plan(db.session, shop, ada)) for _ in range(2 * payments)]


def pay(plans: list) -> None:
    for ada, plan_id in plans:
        if factories.pay(db.session, ada, plan_id, 1).status != "paid":
            raise RuntimeError("a payment did not succeed")
    db.session.rollback()


def wait_until_promoted(url: str) -> float:
    began = time.monotonic()
    with Superuser(url) as superuser:
        while superuser("SELECT pg_is_in_recovery()")[0][0]:
            if time.monotonic() > began + RECOVERY_SECONDS:
                raise RuntimeError("PostgreSQL does not end its recovery")
            time.sleep(0.05)
    return time.monotonic() - began


def app_url(before: str, url: str) -> str:
    """The portal's address once the server has another port."""
    return re.sub(r":\d+/", f":{url.rpartition(':')[2].partition('/')[0]}/", before)


def judge(url: str, folder: Path, plans: list, payments: int) -> list[str]:
    wrong = []
    with portal(url, folder) as app:
        for command in ("end-sessions", "self-check"):
            done = app.test_cli_runner().invoke(args=[command])
            if done.exit_code:
                wrong.append(f"{command}: {done.output}")
    with psycopg2.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT plan_id::text FROM payments WHERE state = 'succeeded'")
        paid = {plan_id for (plan_id,) in cursor.fetchall()}
    for number, (_, plan_id) in enumerate(plans):
        if (str(plan_id) in paid) != (number < payments):
            wrong.append(
                f"payment {number + 1} of {2 * payments} is {'' if str(plan_id) in paid else 'not '}there"
            )
    return wrong
