"""One run: customers pay on the provider's page, leave or stop it, while reports go astray and workers die."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from config import load_settings
from portal import create_app
from portal.adapters.payments import stripe_pages
from portal.core.roles import Actor
from portal.extensions import adapters, db
from portal.models import Installment, Payment, ProviderEvent
from portal.services import payment_settlement, provider_events, provider_keys, refund_settlement
from tests import consumers, factories, servers
from tests.databases import environment
from tests.standin.account import Account
from tests.standin.server import Faults, StandIn

from . import faults, web
from .clients import CLIENTS
from .paying_there import STORIES, Browser, Errand
from .taken import Findings, compare

KEY = "rk_test_torture_1"
PLANS_OF_A_CUSTOMER = 8
# Some calls never arrive and some answers get lost; so do reports, and others come twice, late and in any order.
FAULTS = Faults(unheard=0.05, cut=0.1, lost=0.25, doubled=0.3, late_seconds=0.5)
SETTLED = "checkout.session.completed"


@dataclass(frozen=True)
class Pace:
    """Seconds between two faults of a kind."""

    kill_web: float = 1
    kill_worker: float = 3
    cut: float = 0.5


@dataclass
class Report(Findings):
    """One line of the table: what went wrong meanwhile, and what came of what the provider took."""

    engine: str = ""
    plans: int = 0
    answers: Counter[str] = field(default_factory=Counter)
    killed: int = 0
    cuts: int = 0
    taken: int = 0
    returned: int = 0
    seconds: float = 0


def run(engine: str, redis_url: str, plans: int, database_url: str, folder: Path, pace: Pace) -> Report:
    """Build, pay among faults, report again what came late, settle what has no answer, judge."""
    report, port = Report(engine=engine, plans=plans), servers.free_port()
    with StandIn().running(sending=True) as standin:
        environ = environment(
            folder,
            DATABASE_URL=database_url,
            REDIS_URL=redis_url,
            PORT=str(port),
            PORTAL_PROVIDER_STANDIN=standin.url,
        )
        app = create_app(load_settings(environ) | {"TESTING": True})
        with app.app_context():
            try:
                shop, errands = build(db.session, plans, datetime.now(UTC))
                served = web.start(environ, folder, port)
                try:
                    web.wait_until_ready(served)
                    with consumers.running(environ, folder) as workers:
                        load(report, standin, served, workers, shop, errands, pace)
                        report_again(db.session, standin, errands)
                finally:
                    web.stop(served)
                catch_up(report, db.session)
                judge(report, db.session, standin.account(KEY))
            finally:
                db.session.rollback()
                db.engine.dispose()
    return report


def build(session: Session, plans: int, now: datetime) -> tuple[Actor, list[Errand]]:
    """Plans of one installment, each with a story of how its customer pays it."""
    shop = factories.make_merchant(session, "Shop", now=now)
    provider_keys.connect(session, adapters().stripe(), shop, KEY, now)
    errands: list[Errand] = []
    while len(errands) < plans:
        customer = factories.make_customer(session, f"Customer {len(errands)}", now=now)
        for _ in range(min(PLANS_OF_A_CUSTOMER, plans - len(errands))):
            total = 1000 + len(errands)
            plan_id = factories.accepted_plan(
                session, shop, customer, now=now, total=total, parts=1, first=now.date()
            )
            (line,) = factories.plan_of(session, customer, plan_id, now).installments
            errands.append(
                Errand(STORIES[len(errands) % len(STORIES)], customer.email, plan_id, line.id, total)
            )
    session.rollback()
    return shop, errands


def load(
    report: Report,
    standin: StandIn,
    served: web.Web,
    workers: list[consumers.Consumer],
    shop: Actor,
    errands: list[Errand],
    pace: Pace,
) -> None:
    """Sixteen customers at a time run their errands while workers are killed and connections cut."""
    account, answers = standin.account(KEY), report.answers
    people = {
        email: Browser(served.port, email, answers) for email in {one.email for one in errands} | {shop.email}
    }
    database, began = db.engine, time.monotonic()
    kill_web = faults.once_alive(served.kill_worker, lambda: answers.total() - answers["cut"])
    with contextlib.ExitStack() as meanwhile:
        killed = [
            meanwhile.enter_context(faults.every(pace.kill_web, kill_web)),
            meanwhile.enter_context(faults.every(pace.kill_worker, lambda: kill(workers[0]))),
        ]
        cuts = faults.Repeated()
        if report.engine == "postgres":
            cuts = meanwhile.enter_context(faults.every(pace.cut, lambda: faults.cut_connections(database)))
        standin.faults = FAULTS
        with ThreadPoolExecutor(CLIENTS) as threads:
            for errand in [
                threads.submit(one.story, one, people[one.email], people[shop.email], account)
                for one in errands
            ]:
                errand.result()
    standin.faults = Faults()
    db.engine.dispose()
    report.killed, report.cuts = sum(one.count for one in killed), cuts.count
    report.seconds = time.monotonic() - began


def kill(worker: consumers.Consumer) -> int:
    """End a worker that works, and start it again; returns how many that were."""
    if not worker.works():
        return 0
    worker.kill()
    worker.start()
    return 1


def report_again(session: Session, standin: StandIn, errands: list[Errand]) -> None:
    """The provider repeats for days what was not answered; of a payment that has ended here nothing else tells."""
    account = standin.account(KEY)
    late = {
        account.things[one.late_page]["client_reference_id"]: one.late_page
        for one in errands
        if one.late_page
    }
    for page in late.values():
        account.tell(SETTLED, account.things[page])

    def kept() -> bool:
        found = set(
            map(str, session.scalars(select(ProviderEvent.payment_id).where(ProviderEvent.kind == SETTLED)))
        )
        session.rollback()
        return late.keys() <= found

    # The portal takes 600 reports a minute from one network; the provider repeats the others.
    if not consumers.until(kept, 300):
        raise TimeoutError("reports of the provider were not kept")


def catch_up(report: Report, session: Session) -> None:
    """Half an hour later: pages that nobody paid are closed, and what is not at the provider cannot come any more."""
    before, stripe_pages.LOST_AFTER = stripe_pages.LOST_AFTER, timedelta(0)
    later, gateway = datetime.now(UTC) + timedelta(minutes=31), adapters().gateway
    try:
        waiting = provider_events.settle_events(session, gateway, later)["events_waiting"]
        payment_settlement.settle_pending(session, gateway, later)
        refund_settlement.settle_pending(session, gateway, later)
    finally:
        stripe_pages.LOST_AFTER = before
    report.wrong += [f"{waiting} reports are not settled"] * bool(waiting)


def judge(report: Report, session: Session, account: Account) -> None:
    """What the provider took against what is booked; no plan was left unpaid, and no page open."""
    report.taken = len(compare(report, session, account))
    states = Counter(session.scalars(select(Payment.state)))
    report.returned = states["returned"]
    unpaid = session.scalars(select(Installment.plan_id).where(Installment.owed > 0))
    report.lost += [f"plan {plan} was never paid" for plan in unpaid]
    pages = Counter(page["status"] for page in account.all("checkout.session"))
    report.wrong += [f"{pages['open']} pages are open"] * bool(pages["open"])
    expected = {"200", "202", "204", "303", "409", "503", "cut"}
    report.wrong += [
        f"{n} answers were {status}" for status, n in report.answers.items() if status not in expected
    ]
