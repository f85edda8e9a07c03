"""Cash, a part by card, refund, reversal, write-off and recovery on one plan at once; then it is compared."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal.core.payments import Method
from portal.core.roles import Actor
from portal.models import Event, IdempotencyKey, Payment, Refund, Reversal
from portal.services import refunds
from tests import factories

from . import driving
from .clients import Answer
from .driving import Pace, Report, Scenario, Story
from .verdict import Verdict, as_sent, bad_answers, changed_answers, unfinished

PARTS, OWED = 4, 5000
REVERSED = {"amount": "2500", "reason": "Counted again"}
RECOVERED = {"amount": "10.03", "recovery": "y"}
# The customer's forms answer with the page, those of the shop lead to it.
DONE = {200, 303}
# The provider was asked by a worker that died; the settling job finishes it.
WAITING = {202}
# Another hand was first: more or less is owed than was shown, or something is being processed.
REFUSED = {409, 422}
BUSY = 503

SCENARIOS = (
    Scenario("recording", "sqlite"),
    Scenario("recording", "postgres"),
    Scenario("recording, workers killed", "sqlite", kills=True),
    Scenario("recording, workers killed", "postgres", kills=True),
    Scenario("recording, connections cut", "postgres", cuts=True),
)


@dataclass(frozen=True, slots=True)
class PartyForm:
    """A form that one of the two parties sends: ``kind`` says what its success leaves in the database."""

    kind: str
    email: str
    plan_id: UUID
    path: str
    key: str
    fields: dict[str, str] = field(hash=False)


def run(scenario: Scenario, plans: int, database_url: str, folder: Path, pace: Pace, seed: int = 1) -> Report:
    begin = partial(forms_of_a_shop, name="Cash Shop", plans=plans, seed=seed, forms_of=forms_of)
    return driving.run(scenario, pace, Story(begin, judge), database_url, folder, seed)


def forms_of_a_shop(
    session: Session,
    name: str,
    plans: int,
    seed: int,
    forms_of: Callable[[Session, Actor, int, int], list[PartyForm]],
) -> list[PartyForm]:
    """A shop of this name and its plans: the forms of each plan together, the plans in any order."""
    shop = factories.make_merchant(session, name, now=datetime.now(UTC))
    wanted = [forms_of(session, shop, number, seed) for number in range(plans)]
    session.rollback()
    random.Random(seed).shuffle(wanted)
    return [form for together in wanted for form in together]


def forms_of(session: Session, shop: Actor, number: int, seed: int) -> list[PartyForm]:
    """100.00 in 4, of which one was paid in cash and one by card; all forms show this, and each is sent twice.

    On odd plans each has a key of its own, so that only one of the two can be done.
    """
    now = datetime.now(UTC)
    customer = factories.make_customer(session, f"Payer {number}", now=now)
    plan_id = factories.accepted_plan(session, shop, customer, now=now, parts=PARTS, first=now.date())
    cash = factories.record(session, shop, plan_id, 2500, now=now)
    factories.pay(session, customer, plan_id, 2, now=now)
    last = factories.plan_of(session, customer, plan_id, now).installments[-1]
    shown = refunds.preview(session, shop, plan_id, 7000).fingerprint
    of_shop, of_customer = f"/merchant/plans/{plan_id}", f"/customer/plans/{plan_id}"
    owed = {"owed": str(OWED)}
    received = {"amount": "30.01", "method": "cash", "received_on": str(now.date())}
    forms = {
        "recorded": (shop.email, f"{of_shop}/payments/new", owed | received),
        "paid a part": (customer.email, f"{of_customer}/amount", owed | {"amount": "20.02"}),
        "paid the last": (
            customer.email,
            f"/customer/installments/{last.id}/pay",
            {"plan": str(plan_id), "amount": "2500"},
        ),
        "refunded": (shop.email, f"{of_shop}/refund", {"amount": "70", "preview": shown, "handed_back": "y"}),
        "reversed": (shop.email, f"{of_shop}/payments/{cash}/reverse", REVERSED),
        "written off": (shop.email, f"{of_shop}/write-off", {"amount": str(OWED), "reason": "Moved away"}),
        # As the form is shown once all of that is written off.
        "recovered": (shop.email, f"{of_shop}/payments/new", owed | received | RECOVERED),
    }
    made = [
        PartyForm(kind, email, plan_id, path, key_of(kind, seed, number, attempt), fields)
        for kind, (email, path, fields) in forms.items()
        for attempt in range(2)
    ]
    random.Random(seed + number).shuffle(made)
    return made


def key_of(kind: str, seed: int, number: int, attempt: int) -> str:
    """Without a space, which no key may have."""
    return f"{kind.replace(' ', '-')}-{seed}-{number}-{attempt * (number % 2)}"


def judge(session: Session, log: list[Answer], faulty: bool) -> Verdict:
    """What was answered with yes is there once, what was answered with no is not there, and the books are sound."""
    verdict = Verdict()
    # Ten forms wait for the lock of one plan: on a busy machine some are told to try again, and do.
    told = [answer for answer in log if answer.status != BUSY or not (answer.retry_after or "").isdigit()]
    verdict.wrong += list(bad_answers(told, DONE | WAITING | REFUSED, faulty=faulty))
    keys = set(map(as_sent, session.scalars(select(IdempotencyKey.key))))
    by_key: dict[str, list[Answer]] = defaultdict(list)
    for answer in log:
        by_key[answer.order.key].append(answer)
    expected: Counter[tuple[str, UUID]] = Counter()
    for key, answers in by_key.items():
        form, statuses = answers[0].order, {answer.status for answer in answers}
        expected[form.kind, form.plan_id] += key in keys
        if statuses & (DONE | WAITING) and key not in keys:
            verdict.lost.append(f"{key} was answered {sorted(statuses)} and left nothing")
        if key in keys and not statuses & (DONE | WAITING):
            verdict.wrong.append(f"{key} was only ever answered {sorted(statuses)}, and was done")
        verdict.wrong += list(changed_answers(key, answers))
    found = done(session)
    verdict.payments = found.total()
    for kind, plan_id in expected.keys() | found.keys():
        wanted, there = expected[kind, plan_id], found[kind, plan_id]
        if there != wanted:
            list_of = verdict.doubled if there > wanted else verdict.lost
            list_of.append(f"plan {plan_id} was {kind} {there} times, not {wanted}")
    verdict.wrong += list(unfinished(session))
    verdict.broken = factories.broken_invariants(session)
    return verdict


def done(session: Session) -> Counter[tuple[str, UUID]]:
    """How often each plan saw each kind of thing, beside what there was at first."""
    paid = Payment.state == "succeeded"
    by_card = Payment.method == Method.PROVIDER
    kinds = {
        "recorded": (Payment, paid & ~by_card & (Payment.amount == 3001)),
        "paid a part": (Payment, paid & by_card & (Payment.amount == 2002)),
        "paid the last": (Payment, paid & by_card & (Payment.number > 2) & (Payment.amount != 2002)),
        "refunded": (Refund, Refund.state == "succeeded"),
        "written off": (Event, Event.kind == "plan_written_off"),
        "recovered": (Payment, paid & Payment.recovery),
    }
    found: Counter[tuple[str, UUID]] = Counter()
    for kind, (table, condition) in kinds.items():
        rows = select(table.plan_id, func.count()).where(condition).group_by(table.plan_id)
        found.update({(kind, plan_id): count for plan_id, count in session.execute(rows)})
    reversed_ = select(Payment.plan_id, func.count()).join(
        Reversal, (Reversal.merchant_id == Payment.merchant_id) & (Reversal.payment_id == Payment.id)
    )
    rows = session.execute(reversed_.group_by(Payment.plan_id))
    found.update({("reversed", plan_id): count for plan_id, count in rows})
    return found
