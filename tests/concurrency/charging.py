"""One run: real workers that are killed take what is due from cards, while customers stop and shops record cash."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from config import load_settings
from portal import create_app
from portal.adapters.payments import stripe_pages
from portal.core.errors import Conflict
from portal.core.roles import Actor
from portal.core.terms import hash_text
from portal.extensions import adapters, db
from portal.models import Attempt, Mandate, new_id
from portal.services import mandates, payment_settlement, provider_keys
from portal.services.transaction import insert_rows, rollback_safely, unit_of_work
from tests import consumers, factories
from tests.databases import environment
from tests.standin.account import Account
from tests.standin.server import Faults, StandIn

from . import faults
from .reminding import queue_thrice
from .taken import Findings, compare

KEY = "rk_test_torture_1"
TEXT = "Take what is due."
# Of so many plans one is stopped meanwhile, another is paid in cash.
ONE_IN = 4
# One card in so many has too little money.
POOR_ONE_IN = 5
# Some answers come after the money was taken, others never.
FAULTS = Faults(cut=0.15, slow_seconds=0.05)


@dataclass(frozen=True)
class Pace:
    """Seconds between looks for a victim, how many are killed at most, when all connections are cut, and when waiting
    ends."""

    kill: float = 0.3
    most_kills: int = 4
    cut: float = 1
    longest: float = 600


@dataclass
class Report(Findings):
    """One line of the table: what went wrong meanwhile, what the provider took, and what of it is not booked once."""

    engine: str = ""
    taken: int = 0
    kills: int = 0
    cuts: int = 0
    stopped: int = 0
    recorded: int = 0


@dataclass(frozen=True, slots=True)
class Charged:
    """A plan whose only installment is due: with a consent, and perhaps stopped or paid otherwise meanwhile."""

    plan_id: UUID
    customer: Actor
    amount: int


def run(engine: str, redis_url: str, plans: int, database_url: str, folder: Path, pace: Pace) -> Report:
    """Build, take among kills and lost answers, settle what has no answer, judge."""
    report = Report(engine=engine)
    with StandIn(deliver=lambda *_: None).running() as standin:
        environ = environment(
            folder, DATABASE_URL=database_url, REDIS_URL=redis_url, PORTAL_PROVIDER_STANDIN=standin.url
        )
        app = create_app(load_settings(environ) | {"TESTING": True})
        with app.app_context():
            try:
                account = standin.account(KEY)
                shop, charged = build(db.session, account, plans, datetime.now(UTC))
                standin.faults = FAULTS
                with consumers.running(environ, folder, 2) as workers, cutting(engine, pace) as cuts:
                    others = threading.Thread(target=meanwhile, args=(app, shop, charged, report))
                    others.start()
                    report.kills = take(app, workers, account, charged, pace)
                    others.join()
                report.cuts = cuts.count
                db.engine.dispose()
                standin.faults = Faults()
                catch_up(db.session)
                judge(report, db.session, account)
            finally:
                db.session.rollback()
                db.engine.dispose()
    return report


@contextlib.contextmanager
def cutting(engine: str, pace: Pace) -> Iterator[faults.Repeated]:
    """All connections to PostgreSQL are cut again and again; SQLite has none."""
    if engine == "sqlite":
        yield faults.Repeated()
        return
    database = db.engine
    with faults.every(pace.cut, lambda: faults.cut_connections(database)) as cuts:
        yield cuts


def build(session: Session, account: Account, plans: int, now: datetime) -> tuple[Actor, list[Charged]]:
    """Plans of one installment, due yesterday, with consents from before; some cards have too little money."""
    earlier = now - timedelta(days=3)
    shop = factories.make_merchant(session, "Shop", now=earlier)
    provider_keys.connect(session, adapters().stripe(), shop, KEY, earlier)
    charged = []
    for number in range(plans):
        customer = factories.make_customer(session, f"Customer {number}", now=earlier)
        first = now.date() - timedelta(days=1)
        plan_id = factories.accepted_plan(
            session, shop, customer, now=earlier, total=1000 + number, parts=1, first=first
        )
        poor = number % POOR_ONE_IN == 0
        card = account.save_card(customer.email, "insufficient_funds" if poor else None)
        with unit_of_work(session):
            insert_rows(session, Mandate, [consent(shop, customer, plan_id, card, earlier)])
        charged.append(Charged(plan_id, customer, 1000 + number))
    return shop, charged


def consent(
    shop: Actor, customer: Actor, plan_id: UUID, card: dict[str, str], at: datetime
) -> dict[str, object]:
    about = {"merchant_id": shop.merchant_id, "id": new_id(), "plan_id": plan_id, "customer_id": customer.id}
    words = {"text": TEXT, "text_hash": hash_text(TEXT), "address": "", "user_agent": ""}
    names = {"provider_customer": card["customer"], "provider_reference": card["id"]}
    saved = {"provider": "stripe_test", "brand": "visa", "last_four": "4242", "given_at": at, "saved_at": at}
    return about | words | names | saved


def meanwhile(app: Flask, shop: Actor, charged: list[Charged], report: Report) -> None:
    """Every few plans one customer stops, and a shop records cash for another, where a payment does not come first."""
    with app.app_context():
        for number, one in enumerate(charged):
            try:
                if number % ONE_IN == 1:
                    mandates.stop(
                        db.session, adapters().gateway, one.customer, one.plan_id, datetime.now(UTC)
                    )
                    report.stopped += 1
                elif number % ONE_IN == 2:
                    factories.record(db.session, shop, one.plan_id, one.amount, now=datetime.now(UTC))
                    report.recorded += 1
            except (Conflict, *faults.LOST):
                rollback_safely(db.session)
            time.sleep(0.05)
        db.session.remove()


def take(
    app: Flask, workers: list[consumers.Consumer], account: Account, charged: list[Charged], pace: Pace
) -> int:
    """Kill the workers in turn, each time that money was taken since, until every plan has ended or was tried."""
    kills, seen, deadline = 0, 0, time.monotonic() + pace.longest
    queue_thrice(app)
    while time.monotonic() < deadline:
        time.sleep(pace.kill)
        taken = len(account.all("payment_intent"))
        victim = workers[kills % len(workers)]
        if victim.works() and taken > seen and kills < pace.most_kills:
            victim.kill()
            victim.start()
            kills, seen = kills + 1, taken
            app.extensions["adapters"].queue.flush()
        elif all_tried(db.session, charged):
            return kills
        queue_thrice(app)
    raise TimeoutError(f"after {pace.longest} seconds there are plans that nobody tried")


def all_tried(session: Session, charged: list[Charged]) -> bool:
    """Every plan has an attempt, or its consent has ended; while the database cannot say so, False."""
    try:
        tried = set(session.scalars(select(Attempt.plan_id)))
        ended = set(session.scalars(select(Mandate.plan_id).where(Mandate.revoked_at.is_not(None))))
    except faults.LOST:
        return False
    finally:
        rollback_safely(session)
    return {one.plan_id for one in charged} <= tried | ended


def catch_up(session: Session) -> None:
    """Ten minutes later: what was begun and is not at the provider cannot come any more."""
    before, stripe_pages.LOST_AFTER = stripe_pages.LOST_AFTER, timedelta(0)
    try:
        later = datetime.now(UTC) + timedelta(minutes=10)
        payment_settlement.settle_pending(session, adapters().gateway, later)
    finally:
        stripe_pages.LOST_AFTER = before


def judge(report: Report, session: Session, account: Account) -> None:
    """What the provider took against what is booked; and no plan was tried twice in a day."""
    report.taken = len(compare(report, session, account))
    tried = Counter(session.scalars(select(Attempt.plan_id)))
    report.doubled += [f"plan {plan} was tried {n} times in a day" for plan, n in tried.items() if n > 1]
