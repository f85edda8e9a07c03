"""Shops refund, every refund tried three times at once, and the books are compared."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.adapters.payments.simulator import Simulator, TestCard
from portal.core.money import decimal_text
from portal.core.roles import Actor
from portal.models import IdempotencyKey, Refund
from portal.services import payment_settlement, refunds
from tests import factories

from . import driving
from .clients import Answer
from .driving import Pace, Report, Scenario, Story
from .verdict import Verdict, bad_answers, changed_answers, unfinished

AT_ONCE = 3
# Back to the plan's page, which says how it ended.
DONE = 303
# Another key's refund was first: its preview no longer holds, it has no answer yet, or less is left than was asked.
REFUSED = {409, 422}
SHARE = 3000
PARTS = 4

SCENARIOS = (
    Scenario("refunding", "sqlite"),
    Scenario("refunding", "postgres"),
    Scenario("refunding, workers killed", "sqlite", kills=True),
    Scenario("refunding, workers killed", "postgres", kills=True),
    Scenario("refunding, connections cut", "postgres", cuts=True),
)


@dataclass(frozen=True, slots=True)
class RefundForm:
    """The form that confirms a refund, of ``amount`` minor units and of what its preview showed."""

    email: str
    plan_id: UUID
    amount: int
    preview: str
    key: str

    @property
    def path(self) -> str:
        return f"/merchant/plans/{self.plan_id}/refund"

    @property
    def fields(self) -> dict[str, str]:
        return {"amount": decimal_text(self.amount, "USD"), "preview": self.preview}


def run(scenario: Scenario, plans: int, database_url: str, folder: Path, pace: Pace, seed: int = 1) -> Report:
    def begin(session: Session) -> list[RefundForm]:
        shop = factories.make_merchant(session, "Refunding Shop", now=datetime.now(UTC))
        return forms_of(session, shop, build(session, shop, plans, datetime.now(UTC)), seed)

    return driving.run(scenario, pace, Story(begin, judge), database_url, folder, seed)


def build(session: Session, shop: Actor, plans: int, now: datetime) -> list[UUID]:
    """Plans of 100.00 in 4, half of each paid; one in five by a card whose refunds have no answer at once."""
    made = []
    for number in range(plans):
        customer = factories.make_customer(session, f"Customer {number}", now=now)
        plan_id = factories.accepted_plan(session, shop, customer, now=now, parts=PARTS, first=now.date())
        factories.choose_card(session, customer, TestCard.TIMES_OUT if number % 5 == 0 else TestCard.SUCCEEDS)
        for line in (1, 2):
            factories.pay(session, customer, plan_id, line, now=now)
        made.append(plan_id)
    payment_settlement.settle_pending(session, Simulator(), now + timedelta(minutes=10))
    return made


def forms_of(session: Session, shop: Actor, plans: list[UUID], seed: int) -> list[RefundForm]:
    """Three tries a plan, beside each other: with one key on even plans, each with a key of its own on odd ones."""
    wanted: list[list[RefundForm]] = []
    for number, plan_id in enumerate(plans):
        # More than is owed on one plan in two, so that money has to go back as well.
        amount = SHARE + (number % 4 > 1) * 5000
        shown = refunds.preview(session, shop, plan_id, amount).fingerprint
        keys = [f"refund-{seed}-{number}-{attempt * (number % 2)}" for attempt in range(AT_ONCE)]
        wanted.append([RefundForm(shop.email, plan_id, amount, shown, key) for key in keys])
    session.rollback()
    random.Random(seed).shuffle(wanted)
    return [form for together in wanted for form in together]


def judge(session: Session, log: list[Answer], faulty: bool) -> Verdict:
    """Each plan was refunded once, by the key that was told so, and to the cent; the others were told no."""
    verdict = Verdict()
    rows = session.execute(
        select(Refund.plan_id, Refund.state, Refund.amount, IdempotencyKey.key).outerjoin(
            IdempotencyKey, IdempotencyKey.refund_id == Refund.id
        )
    ).all()
    made, per_plan = {row.key: row for row in rows}, Counter(row.plan_id for row in rows)
    verdict.payments = len(rows)
    verdict.wrong += list(bad_answers(log, {DONE} | REFUSED, faulty=faulty))
    by_key: dict[str, list[Answer]] = defaultdict(list)
    for answer in log:
        by_key[answer.order.key].append(answer)
    for key, answers in by_key.items():
        form, told_yes = answers[0].order, any(answer.status == DONE for answer in answers)
        if form.plan_id not in per_plan:
            verdict.lost.append(f"plan {form.plan_id} was never refunded")
        if told_yes and key not in made:
            verdict.lost.append(f"{key} was told yes and there is no refund")
        elif told_yes and (made[key].state, made[key].amount) != ("succeeded", form.amount):
            verdict.lost.append(f"{key} was told yes, and {made[key]} came of it")
        elif not told_yes and key in made:
            verdict.wrong.append(f"a refund of {key}, which was told no")
        verdict.wrong += list(changed_answers(key, answers))
    verdict.wrong += [f"a refund of {key}, which nobody sent" for key in made.keys() - by_key.keys()]
    verdict.doubled += [f"plan {plan} was refunded {n} times" for plan, n in per_plan.items() if n > 1]
    verdict.wrong += list(unfinished(session))
    verdict.broken = factories.broken_invariants(session)
    return verdict
