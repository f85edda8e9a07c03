"""One run: shops refund from many threads, every refund tried three times at once, and the books are compared."""

from __future__ import annotations

import contextlib
import random
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from portal.adapters.gateway import Simulator, TestCard
from portal.core.errors import Conflict, InvalidInput
from portal.core.roles import Actor
from portal.models import IdempotencyKey, Refund
from portal.services import refund_settlement, refunds, settlement
from tests import factories
from tests.databases import environment

from . import faults
from .clients import CLIENTS, LONGEST_PAUSE, MOST_TRIES, GaveUp
from .paying import Report, engine_of
from .verdict import Verdict, unfinished

AT_ONCE = 3
PROMISES = ("succeeded", "processing")
# Another key's refund was first: its preview no longer holds, it has no answer yet, or less is left than was asked.
REFUSALS = ("409 other_preview", "409 processing", "422 amount")
SHARE = 3000
PARTS = 4


@dataclass(frozen=True, slots=True)
class Wish:
    """A refund as a shop asks for it, of what its preview showed."""

    shop: Actor
    request: refunds.Request
    key: str


@dataclass(frozen=True, slots=True)
class Told:
    """What a try was told in the end: an answer's status or a refusal's code, after how many busy ones."""

    wish: Wish
    status: str
    busy: int


def build(session: Session, plans: int, now: datetime) -> list[tuple[Actor, UUID]]:
    """Plans of 100.00 in 4, half of each paid; one in five by a card whose refunds have no answer at once."""
    shop = factories.make_merchant(session, "Refunding Shop", now=now)
    made = []
    for number in range(plans):
        customer = factories.make_customer(session, f"Customer {number}", now=now)
        plan_id = factories.accepted_plan(session, shop, customer, now=now, parts=PARTS, first=now.date())
        factories.choose_card(session, customer, TestCard.TIMES_OUT if number % 5 == 0 else TestCard.SUCCEEDS)
        for line in (1, 2):
            factories.pay(session, customer, plan_id, line, now=now)
        made.append((shop, plan_id))
    settlement.settle_pending(session, Simulator(), now + timedelta(minutes=10))
    return made


def wishes(session: Session, plans: list[tuple[Actor, UUID]], seed: int) -> list[Wish]:
    """Three tries a plan, beside each other: with one key on even plans, each with a key of its own on odd ones."""
    wanted: list[list[Wish]] = []
    for number, (shop, plan_id) in enumerate(plans):
        # More than is owed on one plan in two, so that money has to go back as well.
        amount = SHARE + (number % 4 > 1) * 5000
        shown = refunds.preview(session, shop, plan_id, amount).fingerprint
        request = refunds.Request(plan_id, amount, shown)
        keys = [f"refund-{seed}-{number}-{attempt * (number % 2)}" for attempt in range(AT_ONCE)]
        wanted.append([Wish(shop, request, key) for key in keys])
    session.rollback()
    random.Random(seed).shuffle(wanted)
    return [wish for together in wanted for wish in together]


def run(
    engine_name: str, plans: int, url: str, folder: Path, *, cut_every: float | None = None, seed: int = 1
) -> Report:
    """Build, refund, settle, judge; with ``cut_every`` all connections are ended every so many seconds meanwhile."""
    engine = engine_of(environment(folder, DATABASE_URL=url))
    try:
        with Session(engine, expire_on_commit=False) as session:
            wanted = wishes(session, build(session, plans, datetime.now(UTC)), seed)
        began = time.monotonic()
        with contextlib.ExitStack() as meanwhile:
            cut = faults.Repeated()
            if cut_every:
                cut = meanwhile.enter_context(faults.every(cut_every, lambda: faults.cut_connections(engine)))
            threads = meanwhile.enter_context(ThreadPoolExecutor(CLIENTS))
            log = list(threads.map(lambda wish: until_answered(engine, wish), wanted))
        seconds = time.monotonic() - began
        # What is in the pool may have been cut since; the job comes with connections of its own.
        engine.dispose()
        with Session(engine, expire_on_commit=False) as session:
            later = datetime.now(UTC) + timedelta(minutes=10)
            settled = refund_settlement.settle_pending(session, Simulator(), later)["refunds_settled"]
            verdict = judge(session, log)
        answers = Counter(told.status for told in log) + Counter({"busy": sum(told.busy for told in log)})
        name = "refunding, connections cut" if cut_every else "refunding"
        return Report(name, engine_name, len(wanted), answers, cut.count, settled, verdict, seconds)
    finally:
        engine.dispose()


def until_answered(engine: Engine, wish: Wish) -> Told:
    """Refund in a session of its own, again with the same key while the database is busy or gone."""
    chance = random.Random(wish.key)
    for busy in range(MOST_TRIES):
        with Session(engine, expire_on_commit=False) as session:
            try:
                answer = refunds.refund(
                    session, Simulator(), wish.shop, wish.request, wish.key, datetime.now(UTC)
                )
                return Told(wish, answer.status, busy)
            except Conflict as refused:
                return Told(wish, f"409 {refused.code}", busy)
            except InvalidInput:
                return Told(wish, "422 amount", busy)
            except faults.LOST:
                pass
        time.sleep(chance.uniform(0.01, LONGEST_PAUSE))
    raise GaveUp(f"{wish.key} had no answer after {MOST_TRIES} tries")


def judge(session: Session, log: list[Told]) -> Verdict:
    """Each plan was refunded once, by the key that was told so, and to the cent; the others were told no."""
    session.rollback()
    verdict = Verdict()
    rows = session.execute(
        select(Refund.plan_id, Refund.state, Refund.amount, Refund.returned, Refund.to_return, IdempotencyKey.key)
        .outerjoin(IdempotencyKey, IdempotencyKey.refund_id == Refund.id)
    ).all()  # fmt: skip
    made = {row.key: row for row in rows}
    per_plan = Counter(row.plan_id for row in rows)
    verdict.payments = len(rows)
    verdict.doubled += [
        f"plan {plan} was refunded {count} times" for plan, count in per_plan.items() if count > 1
    ]
    for told in log:
        key, promised = told.wish.key, told.status in PROMISES
        if promised and key not in made:
            verdict.lost.append(f"{key} was told {told.status} and there is no refund")
        elif promised and (made[key].state, made[key].amount) != ("succeeded", told.wish.request.amount):
            verdict.lost.append(f"{key} was told {told.status}, and {made[key]} came of it")
        elif not promised and told.status not in REFUSALS:
            verdict.wrong.append(f"{key} was told {told.status}")
    asked = {told.wish.key for told in log if told.status in PROMISES}
    verdict.wrong += [f"a refund of {key}, which was told no" for key in made.keys() - asked]
    verdict.lost += [
        f"plan {told.wish.request.plan_id} was never refunded"
        for told in log
        if told.wish.request.plan_id not in per_plan
    ]
    verdict.wrong += list(unfinished(session))
    verdict.broken = factories.broken_invariants(session)
    return verdict
