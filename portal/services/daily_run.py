"""The day of a shop's plans: marking what is overdue, queueing reminders, ending what nobody answered, in batches."""

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

from . import (
    amendments,
    attempts,
    events,
    idempotency,
    imports,
    job_runs,
    offer_reminders,
    offers,
    overdue,
    passkeys,
    reminders,
    sessions,
    verification,
)
from .overdue import Place
from .transaction import batch_unit_of_work, unit_of_work

log = logging.getLogger(__name__)


def dates(session: Session, now: datetime) -> list[date]:
    """The dates that it is now for the shops' plans and for the portal itself, at most three, the earliest first."""
    found = set()
    zones = session.execute(select(Merchant.timezone, Merchant.earlier_timezones))
    for zone in {zone for own, earlier in zones for zone in (own, *earlier)}:
        # An invalid zone has no date; the run reports it for its shop.
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
    """Run the daily work of all plans and delete old rows; returns counts of marked, reminded and expired.

    The day is the date in the zone of the plan's terms at ``now``, or ``on`` for all; reminders wait for eight in the
    morning there unless ``at_any_hour``. Only plans at the date ``where_it_is`` have their turn, if it is given.
    Each batch is a unit of work, so a crash loses at most one, which is done again by the next run.
    """
    counts, failures = {"overdue": 0, "reminders": 0, "expired": 0}, []
    for merchant_id, zone in _zones_of_plans(session):
        try:
            if where_it_is not in (None, business_date(now, zone)):
                continue
            done = _run_one(session, merchant_id, zone, now, on, at_any_hour)
        except Exception as error:
            # An error at one shop must not block the others; the run fails after all were processed.
            log.error("a shop's day failed", exc_info=error, extra={"merchant": str(merchant_id)})
            failures.append(error)
            continue
        counts = {name: count + done.get(name, 0) for name, count in counts.items()}
    with unit_of_work(session):
        idempotency.forget_old(session, now)
        imports.forget_drafts(session, now)
        attempts.forget_attempts(session, now)
        events.forget_origins(session, now)
        job_runs.forget_old(session, now)
        sessions.forget_ended(session, now)
        verification.forget_expired(session, now)
        passkeys.forget_challenges(session, now)
    if failures:
        raise failures[0]
    return counts


def _run_one(
    session: Session, merchant_id: UUID, zone: str, now: datetime, on: date | None, at_any_hour: bool
) -> dict[str, int]:
    today = on or business_date(now, zone)
    counts = {
        "overdue": sum(_pages(session, overdue.mark, merchant_id, zone, today, now)),
        "expired": sum(
            sum(_batches(session, expire, offers.EXPIRE_BATCH, merchant_id, zone, today, now))
            for expire in (offers.expire, amendments.expire)
        ),
    }
    suspended = session.scalar(select(Merchant.suspended_at).where(Merchant.id == merchant_id))
    if not suspended and (at_any_hour or local_time(now, zone) >= REMINDERS_FROM):
        counts["reminders"] = sum(_remind(session, merchant_id, zone, today, now)) + sum(
            _batches(session, offer_reminders.queue, offers.EXPIRE_BATCH, merchant_id, zone, today, now)
        )
    return counts


def _remind(session: Session, merchant_id: UUID, zone: str, today: date, now: datetime) -> Iterator[int]:
    """Run batches, each in a unit of work of its own, so that a batch sees payments made meanwhile."""
    for installments in reminders.batches(session, merchant_id, zone, today):
        with batch_unit_of_work(session):
            done = reminders.queue(session, merchant_id, today, now, installments)
        yield done


def _zones_of_plans(session: Session) -> list[tuple[UUID, str]]:
    """Each shop with each time zone in which it may have plans."""
    shops = select(Merchant.id, Merchant.timezone, Merchant.earlier_timezones).where(
        Merchant.user_id.is_not(None)
    )
    rows = session.execute(shops)
    return [(shop_id, zone) for shop_id, own, earlier in rows for zone in (own, *earlier)]


def _batches(
    session: Session,
    do: Callable[[Session, UUID, str, date, datetime], int],
    size: int,
    merchant_id: UUID,
    zone: str,
    today: date,
    now: datetime,
) -> Iterator[int]:
    """Repeat in a unit of work each until a batch is not full."""
    done = size
    while done == size:
        with batch_unit_of_work(session):
            done = do(session, merchant_id, zone, today, now)
        yield done


def _pages(
    session: Session,
    do: Callable[[Session, UUID, str, date, datetime, Place | None], tuple[int, Place | None]],
    merchant_id: UUID,
    zone: str,
    today: date,
    now: datetime,
) -> Iterator[int]:
    """Run page after page in a unit of work each, until no cursor is returned."""
    after: Place | None = None
    while True:
        with batch_unit_of_work(session):
            done, after = do(session, merchant_id, zone, today, now, after)
        yield done
        if after is None:
            return
