"""One run: reminders go out by real workers that are killed, to a mail server that refuses each third email."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from config import load_settings
from portal import create_app
from portal.core.calendar import local_time
from portal.core.schedule import Frequency
from portal.extensions import db
from portal.models import Message, Reminder
from portal.services import outbox
from tests import consumers, factories, servers
from tests.databases import environment

# Installments of one email: each customer has one plan.
LINES = 2
MOST_REFUSALS = 4
SHOPS = 2
ZONES = ("UTC", "Asia/Tokyo", "America/Los_Angeles", "Pacific/Auckland")


@dataclass(frozen=True)
class Pace:
    """How fast emails go out and workers die: at least ``email`` seconds each, a look for a victim every ``kill``.

    After ``longest`` seconds letters that nobody tried are taken for lost.

    A small run takes its emails slowly, so that the fastest machine has not sent all before the first kill.
    """

    email: float = 0
    kill: float = 3
    most_kills: int = 10_000
    longest: float = 1800


class MailServer:
    """Notes the id of every letter that it takes, after a ``pause`` of seconds; if it ``refuses``, not each third.

    None is refused so often that the portal would rightly give it up.
    """

    def __init__(self, pause: float, refuses: bool) -> None:
        self.ids: list[str] = []
        self.refusals: Counter[str] = Counter()
        self.pause, self.refuses = pause, refuses

    @property
    def refused(self) -> int:
        return self.refusals.total()

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        await asyncio.sleep(self.pause)
        email = envelope.content.partition(b"Message-ID: <")[2].partition(b"@")[0].decode()
        is_third = (len(self.ids) + self.refused) % 3 == 2
        if self.refuses and is_third and self.refusals[email] < MOST_REFUSALS:
            self.refusals[email] += 1
            return "451 4.3.0 Try again later"
        self.ids.append(email)
        return "250 OK"


@dataclass
class Report:
    """One line of the table. ``doubled`` is what the mail server got again; ``wrong`` has a sentence for each."""

    engine: str
    queue: str
    messages: int = 0
    kills: int = 0
    refused: int = 0
    doubled: int = 0
    seconds: float = 0
    wrong: list[str] = field(default_factory=list)


def run(engine: str, redis_url: str, reminders: int, database_url: str, folder: Path, pace: Pace) -> Report:
    """Build, remind among kills with every task queued three times and lost at each kill, catch up, judge."""
    report = Report(engine, "Redis" if redis_url else "SQLite")
    with mail_server(pace.email) as (port, mailbox):
        url = f"smtp://127.0.0.1:{port}?from=portal@example.com"
        environ = environment(folder, DATABASE_URL=database_url, REDIS_URL=redis_url, MAIL_URL=url)
        app = create_app(load_settings(environ) | {"TESTING": True})
        with app.app_context():
            try:
                build(db.session, reminders, datetime.now(UTC))
                began = time.monotonic()
                with consumers.running(environ, folder, 2) as workers:
                    report.kills = remind(app, workers, mailbox, reminders, pace)
                catch_up(app)
                report.seconds = time.monotonic() - began
                judge(report, db.session, mailbox, reminders)
            finally:
                db.session.rollback()
                db.engine.dispose()
    return report


@contextlib.contextmanager
def mail_server(pause: float = 0, *, refuses: bool = True) -> Iterator[tuple[int, MailServer]]:
    handler = MailServer(pause, refuses)
    controller = Controller(handler, hostname="127.0.0.1", port=servers.free_port())
    controller.start()
    try:
        yield controller.port, handler
    finally:
        controller.stop()


def build(session: Session, reminders: int, now: datetime) -> None:
    """Accepted plans with so many installments, all of them long overdue, in shops where it is not night."""
    zone = next(zone for zone in ZONES if 9 <= local_time(now, zone).hour < 21)
    earlier = now - timedelta(weeks=LINES + 4)
    shops = [factories.make_merchant(session, f"Shop {k}", now=earlier, timezone=zone) for k in range(SHOPS)]
    for number, parts in enumerate(min(LINES, reminders - k) for k in range(0, reminders, LINES)):
        factories.accepted_plan(
            session,
            shops[number % SHOPS],
            factories.make_customer(session, f"Buyer {number}", now=earlier),
            now=earlier,
            parts=parts,
            first=(earlier + timedelta(weeks=1)).date(),
            frequency=Frequency.WEEKLY,
        )


def remind(
    app: Flask, workers: list[consumers.Consumer], mailbox: MailServer, reminders: int, pace: Pace
) -> int:
    """Kill the workers in turn, each time that emails went out since, until all were tried; returns how often."""
    kills, seen, deadline = 0, 0, time.monotonic() + pace.longest
    queue_thrice(app)
    while time.monotonic() < deadline:
        time.sleep(pace.kill)
        if all_tried(db.session, reminders):
            return kills
        victim = workers[kills % len(workers)]
        # One that is only starting has nothing to lose: killing it would slow the run and try nothing.
        if victim.works() and len(mailbox.ids) > seen and kills < pace.most_kills:
            victim.kill()
            victim.start()
            kills, seen = kills + 1, len(mailbox.ids)
            # What was queued is lost too, as with a Redis that was emptied; the next ticks come.
            app.extensions["adapters"].queue.flush()
        queue_thrice(app)
    raise TimeoutError(f"after {pace.longest} seconds there are letters that nobody tried")


def queue_thrice(app: Flask) -> None:
    huey = app.extensions["adapters"].queue
    for task in huey._registry.periodic_tasks:
        for _ in range(3):
            huey.enqueue(type(task)())


def all_tried(session: Session, reminders: int) -> bool:
    """Every reminder is written, and what still waits was refused once or claimed by a worker that was killed."""
    untried = select(func.count()).where(Message.tries == 0)
    written = select(func.count()).select_from(Reminder)
    found = session.scalar(written) == reminders and not session.scalar(untried)
    session.rollback()
    return found


def catch_up(app: Flask) -> None:
    """The hours after: leases of killed workers end, and what was refused is tried again."""
    adapters = app.extensions["adapters"]
    for k in range(outbox.MOST_TRIES):
        at = datetime.now(UTC) + outbox.LEASE + k * outbox.LONGEST_WAIT
        outbox.deliver(db.session, adapters.mailer, adapters.emails.write, lambda at=at: at)


def judge(report: Report, session: Session, mailbox: MailServer, reminders: int) -> None:
    rows = session.execute(select(Message.id, Message.cause, Message.kind, Message.state)).all()
    arrived = Counter(mailbox.ids)
    report.messages, report.refused = len(rows), mailbox.refused
    report.doubled = sum(arrived.values()) - len(arrived)
    once = Counter((row.cause, row.kind) for row in rows)
    report.wrong += [
        f"{cause} has {count} messages {kind}" for (cause, kind), count in once.items() if count > 1
    ]
    reminded = session.scalars(select(Reminder.installment_id)).all()
    if len(reminded) != reminders or len(set(reminded)) != reminders:
        report.wrong.append(
            f"{len(set(reminded))} installments have {len(reminded)} reminders, not {reminders}"
        )
    report.wrong += [f"message {row.id} is {row.state}" for row in rows if row.state != "sent"]
    report.wrong += [f"message {row.id} was lost" for row in rows if str(row.id) not in arrived]
    if report.doubled > report.kills:
        report.wrong.append(f"{report.doubled} emails came twice, and there were {report.kills} kills")
    report.wrong += [f"self-check: {name}" for name in factories.broken_invariants(session)]
