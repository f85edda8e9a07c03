"""A merchant's day: marking what is overdue, queueing reminders, ending old offers, in batches of their own."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import date, datetime
from uuid import UUID
from zoneinfo import ZoneInfoNotFoundError

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.core.calendar import REMINDERS_FROM, business_date, local_time
from portal.models import Merchant

from . import accounts, idempotency, job_runs, offers, overdue, reminders
from .overdue import Place
from .transaction import batch_unit_of_work, unit_of_work

log = logging.getLogger(__name__)


def dates(session: Session, now: datetime) -> list[date]:
    """The dates that it is now for the shops and for the portal itself, at most three, the earliest first."""
    found = set()
    for zone in session.scalars(select(Merchant.timezone).distinct()):
        # A zone that is none has no date; the run says so at its shop.
        with suppress(ZoneInfoNotFoundError):
            found.add(business_date(now, zone))
    return sorted(found)


def run(
    session: Session,
    now: datetime,
    on: date | None = None,
    *,
    where_it_is: date | None = None,
    at_any_hour: bool = False,
) -> dict[str, int]:
    """Do what every merchant's day calls for, and forget old keys; returns how many were marked, reminded, expired.

    The day is the merchant's own date at ``now``, or ``on`` for everyone; reminders wait for eight in the merchant's
    morning unless ``at_any_hour``. Only those merchants have their turn who are at the date ``where_it_is``, if it is
    given. Each batch is a unit of work, so a crash loses at most one, which is done again by the next run.
    """
    counts, failures = {"overdue": 0, "reminders": 0, "expired": 0}, []
    for merchant_id, zone in _merchants(session):
        try:
            if where_it_is not in (None, business_date(now, zone)):
                continue
            done = _run_one(session, merchant_id, zone, now, on, at_any_hour)
        except Exception as error:
            # What goes wrong at one shop must not keep the others waiting; the run fails when all had their turn.
            log.error("a shop's day failed", exc_info=error, extra={"merchant": str(merchant_id)})
            failures.append(error)
            continue
        counts = {name: count + done.get(name, 0) for name, count in counts.items()}
    with unit_of_work(session):
        idempotency.forget_old(session, now)
        accounts.forget_attempts(session, now)
        job_runs.forget_old(session, now)
    if failures:
        raise failures[0]
    return counts


def _run_one(
    session: Session, merchant_id: UUID, zone: str, now: datetime, on: date | None, at_any_hour: bool
) -> dict[str, int]:
    today = on or business_date(now, zone)
    counts = {
        "overdue": sum(_pages(session, overdue.mark, merchant_id, today, now)),
        "expired": sum(_batches(session, offers.expire, offers.EXPIRE_BATCH, merchant_id, today, now)),
    }
    if at_any_hour or local_time(now, zone) >= REMINDERS_FROM:
        counts["reminders"] = sum(_remind(session, merchant_id, today, now))
    return counts


def _remind(session: Session, merchant_id: UUID, today: date, now: datetime) -> Iterator[int]:
    """Batch by batch, each in a unit of work of its own; what was paid meanwhile is seen by the batch."""
    for installments in reminders.batches(session, merchant_id, today):
        with batch_unit_of_work(session):
            done = reminders.queue(session, merchant_id, today, now, installments)
        yield done


def _merchants(session: Session) -> list[tuple[UUID, str]]:
    rows = session.execute(select(Merchant.id, Merchant.timezone).where(Merchant.user_id.is_not(None)))
    return [(row.id, row.timezone) for row in rows]


def _batches(
    session: Session,
    do: Callable[[Session, UUID, date, datetime], int],
    size: int,
    merchant_id: UUID,
    today: date,
    now: datetime,
) -> Iterator[int]:
    """Do it again, each time in a unit of work of its own, until a batch is not full."""
    done = size
    while done == size:
        with batch_unit_of_work(session):
            done = do(session, merchant_id, today, now)
        yield done


def _pages(
    session: Session,
    do: Callable[[Session, UUID, date, datetime, Place | None], tuple[int, Place | None]],
    merchant_id: UUID,
    today: date,
    now: datetime,
) -> Iterator[int]:
    """Do it page by page, each in a unit of work of its own, until there is no place to go on from."""
    after: Place | None = None
    while True:
        with batch_unit_of_work(session):
            done, after = do(session, merchant_id, today, now, after)
        yield done
        if after is None:
            return
