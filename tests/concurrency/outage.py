"""One run: Redis is stopped while customers sign in and pay, and comes back empty; the emails catch up."""

from __future__ import annotations

import contextlib
import subprocess
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import redis
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from bin.supervise import die_with_parent
from config import load_settings
from portal import create_app
from portal.extensions import db
from portal.models import Message
from tests import consumers, factories, servers
from tests.databases import environment

from . import web, world
from .clients import Answer, Load
from .orders import Order
from .reminding import mail_server
from .world import Target

CATCH_UP_SECONDS = 120


class Redis:
    """A Redis of one run alone; it keeps nothing on disk, so that it forgets everything when it stops."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._port = folder, servers.free_port()
        self.url = f"redis://127.0.0.1:{self._port}/0"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Returns once it answers. Raises RuntimeError if it does not."""
        settings = [
            "--bind",
            "127.0.0.1",
            "--port",
            str(self._port),
            "--dir",
            str(self._folder),
            "--save",
            "",
        ]
        self._process = subprocess.Popen(
            [servers.redis_binary(), *settings], stdout=subprocess.DEVNULL, preexec_fn=die_with_parent
        )
        if not consumers.until(self._answers, servers.START_SECONDS):
            raise RuntimeError("Redis did not start")

    def stop(self) -> None:
        if self._process and self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def _answers(self) -> bool:
        with contextlib.suppress(redis.ConnectionError), redis.Redis.from_url(self.url) as client:
            return bool(client.ping())
        return False


@dataclass
class Report:
    """What happened while Redis was away for so many ``seconds``; ``wrong`` has a sentence for each fault."""

    engine: str
    seconds: float
    paid: int = 0
    slowest: float = 0
    emails: int = 0
    doubled: int = 0
    caught_up: float = 0
    wrong: list[str] = field(default_factory=list)


def run(engine: str, database_url: str, folder: Path, installments: int, seconds: float) -> Report:
    """Customers sign in and pay while Redis is gone, spread over the time; one more pays once it is back."""
    report = Report(engine, seconds)
    queue = Redis(folder)
    with mail_server(refuses=False) as (port, mailbox):
        url = f"smtp://127.0.0.1:{port}?from=portal@example.com"
        environ = environment(folder, DATABASE_URL=database_url, REDIS_URL=queue.url, MAIL_URL=url)
        app = create_app(load_settings(environ) | {"TESTING": True})
        with app.app_context():
            queue.start()
            try:
                targets = world.build(db.session, installments, datetime.now(UTC))
                with web.running(environ, folder) as served, consumers.running(environ, folder):
                    queue.stop()
                    log = pay_all(served.port, targets[:-1], time.monotonic() + seconds)
                    queue.start()
                    log += pay_all(served.port, targets[-1:], time.monotonic())
                    report.caught_up = catch_up(app)
                judge(report, db.session, log, mailbox.ids)
            finally:
                queue.stop()
                db.session.rollback()
                db.engine.dispose()
    return report


def pay_all(port: int, targets: list[Target], until: float) -> list[Answer]:
    """Plan by plan, the customer signs in and pays each installment; the time is filled to its end."""
    log: list[Answer] = []
    for number, target in enumerate(targets):
        orders = [
            Order(
                target.email,
                target.plan_id,
                f"/customer/installments/{line.id}/pay",
                line.owed,
                frozenset({line.id}),
                f"key-{line.id}",
            )
            for line in target.lines
        ]
        load = Load(port, orders, seed=number)
        load.sign_in([target.email])
        load.run()
        log += load.log
        time.sleep(max(0, until - time.monotonic()) / (len(targets) - number))
    return log


def catch_up(app: Flask) -> float:
    """Seconds until no email waits any more: a payment's own wakes the worker, and else it looks once a minute."""
    began = time.monotonic()
    consumers.until(lambda: not waiting(db.session), CATCH_UP_SECONDS)
    return time.monotonic() - began


def waiting(session: Session) -> int:
    session.rollback()
    return session.scalar(select(func.count()).where(Message.state == "queued")) or 0


def judge(report: Report, session: Session, log: list[Answer], arrived: list[str]) -> None:
    report.paid = sum(answer.status in (200, 303) for answer in log)
    report.slowest = max(answer.ended - answer.began for answer in log)
    emails = {str(each) for each in session.scalars(select(Message.id))}
    report.emails, report.doubled = len(emails), len(arrived) - len(set(arrived))
    broken = [answer for answer in log if answer.status == 0 or answer.status >= 500]
    report.wrong += [f"{answer.order.path} was answered {answer.status}" for answer in broken]
    report.wrong += [f"message {each} did not arrive" for each in emails - set(arrived)]
    if report.doubled:
        report.wrong.append(f"{report.doubled} emails came twice")
    report.wrong += [f"self-check: {name}" for name in factories.broken_invariants(session)]
