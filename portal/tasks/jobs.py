"""The jobs: each is a service call that may be run twice; its run is recorded, and a failure is seen."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import ExitStack
from datetime import date
from functools import partial

from flask import Flask
from huey import Huey, crontab

from portal.core.calendar import business_date
from portal.extensions import adapters, db, now
from portal.queries.accounts import find_member
from portal.services import (
    autopay,
    daily_run,
    imports,
    job_runs,
    outbox,
    payment_settlement,
    provider_events,
    refund_settlement,
    rollups,
    saved_cards,
)
from portal.services.transaction import unit_of_work

log = logging.getLogger(__name__)

# One thread of a worker delivers at a time: the other stays free for the rest while a mail server is slow, and a kill
# finds at most one email between sending and recording.
delivering = threading.Lock()


def register(huey: Huey, app: Flask) -> tuple[Callable[[int], object], Callable[[], object]]:
    """Put the portal's jobs on this queue; returns the calls that wake delivery, in so many seconds, and settling."""

    # What failed at the hour is tried again before the next one.
    @huey.periodic_task(crontab(minute="0"), retries=3, retry_delay=300)
    def run_day() -> None:
        _run_by_date(app, "run_day", lambda on: daily_run.run(db.session, now(), where_it_is=on))

    @huey.periodic_task(crontab(minute="*/5"))
    def settle_payments() -> None:
        _run(app, "settle_payments", settle)

    # Nine in the morning is at a quarter of an hour in every time zone.
    @huey.periodic_task(crontab(minute="*/15"))
    def take_payments() -> None:
        _run(app, "take_payments", lambda: autopay.take_due(db.session, adapters().gateway, now()))

    @huey.periodic_task(crontab(minute="*"))
    def deliver_messages() -> None:
        _run(app, "deliver_messages", deliver)

    @huey.periodic_task(crontab(minute="*"))
    def send_imports() -> None:
        _run(app, "send_imports", lambda: imports.send_waiting(db.session, find_member, now))

    @huey.periodic_task(crontab(minute="*"))
    def roll_up() -> None:
        _run(app, "roll_up", lambda: rollups.roll_up(db.session))

    @huey.task()
    def deliver_now() -> None:
        _run(app, "deliver_messages", deliver)

    @huey.task()
    def settle_now() -> None:
        _run(app, "settle_payments", settle)

    def deliver_in(seconds: int) -> object:
        return deliver_now.schedule(delay=seconds) if seconds else deliver_now()

    return deliver_in, settle_now


def deliver() -> dict[str, int]:
    """Deliver what is due, unless another thread is delivering."""
    if not delivering.acquire(blocking=False):
        return {}
    try:
        return outbox.deliver(db.session, adapters().mailer, adapters().emails.write, now)
    finally:
        delivering.release()


def settle() -> dict[str, int]:
    """Settle what providers reported, and ask them about cards, payments and refunds that have no answer yet."""
    gateway = adapters().gateway
    reported = provider_events.settle_events(db.session, gateway, now())
    cards = saved_cards.settle_waiting(db.session, gateway, now())
    payments = payment_settlement.settle_pending(db.session, gateway, now())
    return reported | cards | payments | refund_settlement.settle_pending(db.session, gateway, now())


def _run_by_date(app: Flask, job: str, work: Callable[[date], dict[str, int]]) -> None:
    """Run once per distinct local date across all time zones; one that fails does not stop the others."""
    with app.app_context():
        dates = daily_run.dates(db.session, now())
    with ExitStack() as stack:
        for on in reversed(dates):
            stack.callback(_run, app, job, partial(work, on), on)


def _run(app: Flask, job: str, work: Callable[[], dict[str, int]], on: date | None = None) -> None:
    """Run a job and record it, for the portal's own date unless ``on`` names another."""
    with app.app_context():
        started_at, counts, failure = now(), {}, None
        try:
            counts = work()
        except Exception as error:
            failure = error
            log.error("job failed", exc_info=error, extra={"job": job})
        text = f"{type(failure).__name__}: {failure}" if failure else None
        with unit_of_work(db.session):
            today = business_date(started_at, app.config["PORTAL_TIMEZONE"])
            job_runs.record(db.session, job, on or today, started_at, now(), counts, text)
        if any(counts.values()):
            log.info("job ended", extra={"job": job, "counts": counts})
        if failure:
            raise failure
