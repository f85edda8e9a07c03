"""Dates are proposed, agreed, declined, withdrawn and spread while the same plans are paid; then it is compared."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal.core.roles import Actor
from portal.models import Amendment, AmendmentLine, Event, IdempotencyKey, Message, Payment
from tests import factories

from . import driving
from .clients import Answer
from .driving import Pace, Report, Scenario, Story
from .recording import BUSY, DONE, WAITING, PartyForm, forms_of_a_shop
from .verdict import Verdict, as_sent, bad_answers, changed_answers, unfinished

TOTAL, PARTS = 10_000, 4
# Of another's number that is not there yet: 404.
REFUSED = {404, 409, 422}
PAYING = {"recorded": 1001, "paid a part": 2002}
# What an answer of yes leaves the amendment of this number in.
ENDS = {"accepted": "in_force", "declined": "declined", "withdrawn": "withdrawn"}
PROPOSES = "proposes"

SCENARIOS = (
    Scenario("amending", "sqlite"),
    Scenario("amending", "postgres"),
    Scenario("amending, workers killed", "sqlite", kills=True),
    Scenario("amending, workers killed", "postgres", kills=True),
    Scenario("amending, connections cut", "postgres", cuts=True),
    Scenario("amending, killed and cut", "postgres", kills=True, cuts=True),
)


def run(scenario: Scenario, plans: int, database_url: str, folder: Path, pace: Pace, seed: int = 1) -> Report:
    begin = partial(forms_of_a_shop, name="Patient Shop", plans=plans, seed=seed, forms_of=forms_of)
    return driving.run(scenario, pace, Story(begin, judge), database_url, folder, seed)


def forms_of(session: Session, shop: Actor, number: int, seed: int) -> list[PartyForm]:
    """100.00 in 4, and the first amendment waits: on even plans the shop proposed it, on odd ones the customer."""
    now = datetime.now(UTC)
    customer = factories.make_customer(session, f"Mover {number}", now=now)
    first = now.date() + timedelta(days=20)
    plan_id = factories.accepted_plan(session, shop, customer, now=now, total=TOTAL, parts=PARTS, first=first)
    proposer, other = (shop, customer) if number % 2 == 0 else (customer, shop)
    factories.amend(session, proposer, plan_id, {1: first - timedelta(days=5)}, now=now)
    shown = session.scalars(select(Amendment.terms_hash).where(Amendment.plan_id == plan_id)).one()
    lines = factories.plan_of(session, customer, plan_id, now).installments
    days = {line.number: line.due_on for line in lines}
    pages = {shop.email: f"/merchant/plans/{plan_id}", customer.email: f"/customer/plans/{plan_id}"}
    forms: list[tuple[str, str, str, dict[str, str]]] = [
        ("accepted 1", other.email, "/amendments/1/accept", {"agree": "y", "terms_hash": shown}),
        ("declined 1", other.email, "/amendments/1/decline", {}),
        ("withdrawn 1", proposer.email, "/amendments/1/withdraw", {}),
        ("recorded", shop.email, "/payments/new", recorded(now.date())),
        ("paid a part", customer.email, "/amount", {"owed": str(TOTAL), "amount": "20.02"}),
        (PROPOSES, shop.email, "/amendments/new", moved(days, 9)),
        (PROPOSES, shop.email, "/amendments/spread", spread(first + timedelta(days=90))),
        (PROPOSES, shop.email, "/amendments/spread", spread(now.date())),
        (PROPOSES, customer.email, "/amendments/new", moved(days, 12)),
        (PROPOSES, customer.email, "/amendments/spread", spread(first + timedelta(days=60))),
    ]
    for later in (2, 3):
        forms += [
            (f"accepted {later}", shop.email, f"/amendments/{later}/accept", {}),
            (f"withdrawn {later}", proposer.email, f"/amendments/{later}/withdraw", {}),
            (f"kept {later}", customer.email, f"/amendments/{later}/keep", {}),
        ]
    made = [
        form_of(kind, email, plan_id, pages[email] + path, f"{place}-{seed}-{number}-{attempt}", fields)
        for place, (kind, email, path, fields) in enumerate(forms)
        for attempt in range(2)
    ]
    random.Random(seed + number).shuffle(made)
    return made


def form_of(kind: str, email: str, plan_id: UUID, path: str, key: str, fields: dict[str, str]) -> PartyForm:
    """A proposal says in its reason who it is, since forms about dates have no key."""
    key = f"{kind.replace(' ', '-')}-{key}"
    return PartyForm(kind, email, plan_id, path, key, fields | ({"reason": key} if kind == PROPOSES else {}))


def recorded(on: date) -> dict[str, str]:
    return {"owed": str(TOTAL), "amount": "10.01", "method": "cash", "received_on": str(on)}


def moved(days: dict[int, date], later: int) -> dict[str, str]:
    return {f"due_date-{number}": str(day + timedelta(days=later)) for number, day in days.items()}


def spread(first: date) -> dict[str, str]:
    return {"num_installments": "3", "frequency": "monthly", "start_date": str(first)}


def judge(session: Session, log: list[Answer], faulty: bool) -> Verdict:
    """What was answered with yes is there once, what is there was asked for, and every amendment has its evidence."""
    verdict = Verdict()
    # Many forms wait for the lock of one plan: on a busy machine some are told to try again, and do.
    final = [answer for answer in log if answer.status != BUSY or not (answer.retry_after or "").isdigit()]
    verdict.wrong += list(bad_answers(final, DONE | WAITING | REFUSED, faulty=faulty))
    by_key: dict[str, list[Answer]] = defaultdict(list)
    for answer in log:
        by_key[answer.order.key].append(answer)
    rows = {(row.plan_id, row.number): row for row in session.scalars(select(Amendment))}
    judge_payments(verdict, session, by_key)
    judge_proposals(verdict, by_key, Counter(row.reason for row in rows.values() if row.reason))
    judge_ends(verdict, log, rows)
    verdict.wrong += list(without_evidence(session, list(rows.values())))
    verdict.wrong += list(unfinished(session))
    verdict.broken = factories.broken_invariants(session)
    verdict.payments += sum(row.state != "proposed" for row in rows.values())
    return verdict


def judge_payments(verdict: Verdict, session: Session, by_key: dict[str, list[Answer]]) -> None:
    keys = set(map(as_sent, session.scalars(select(IdempotencyKey.key))))
    paid: Counter[tuple[UUID, int]] = Counter()
    for key, answers in by_key.items():
        form, statuses = answers[0].order, {answer.status for answer in answers}
        if form.kind not in PAYING:
            continue
        paid[form.plan_id, PAYING[form.kind]] += key in keys
        if statuses & (DONE | WAITING) and key not in keys:
            verdict.lost.append(f"{key} was answered {sorted(statuses)} and left nothing")
        if key in keys and not statuses & (DONE | WAITING):
            verdict.wrong.append(f"{key} was only ever answered {sorted(statuses)}, and was done")
        verdict.wrong += list(changed_answers(key, answers))
    found = select(Payment.plan_id, Payment.amount, func.count()).where(Payment.state == "succeeded")
    there = Counter(
        {
            (plan, amount): n
            for plan, amount, n in session.execute(found.group_by(Payment.plan_id, Payment.amount))
        }
    )
    verdict.doubled += [f"{one} was paid more often than asked" for one in there - paid]
    verdict.lost += [f"{one} was paid less often than answered" for one in paid - there]
    verdict.payments += there.total()


def judge_proposals(verdict: Verdict, by_key: dict[str, list[Answer]], made: Counter[str]) -> None:
    """Each yes left one amendment; only an answer that was cut off may have left another."""
    for key, answers in by_key.items():
        if answers[0].order.kind != PROPOSES:
            continue
        yes = sum(answer.status in DONE for answer in answers)
        unknown = sum(answer.status in (0, BUSY) for answer in answers)
        if made[key] < yes:
            verdict.lost.append(f"{key} was answered yes {yes} times, and there are {made[key]}")
        if made[key] > yes + unknown:
            verdict.doubled.append(f"{key} was sent {len(answers)} times, and there are {made[key]}")
    verdict.wrong += [f"{key} is there, and nobody proposed it" for key in made.keys() - by_key.keys()]


def judge_ends(verdict: Verdict, log: list[Answer], rows: dict[tuple[UUID, int], Amendment]) -> None:
    """An amendment ends once, as it was answered; old dates that are kept are the amendment after."""
    ended: dict[tuple[UUID, int], list[str]] = defaultdict(list)
    for answer in log:
        kind, _, number = answer.order.kind.partition(" ")
        if answer.status not in DONE or kind not in (*ENDS, "kept"):
            continue
        name = answer.order.plan_id, int(number)
        if kind == "kept":
            back = rows.get((name[0], name[1] + 1))
            if back is None or (back.by_customer, back.state) != (True, "in_force"):
                verdict.lost.append(f"the old dates of {name} were kept, and do not apply")
        else:
            ended[name].append(ENDS[kind])
    for name, answers in ended.items():
        if len(answers) > 1:
            verdict.doubled.append(f"{name} ended {len(answers)} times: {answers}")
        if rows[name].state != answers[0]:
            verdict.lost.append(f"{name} was answered {answers[0]}, and is {rows[name].state}")


def without_evidence(session: Session, amendments: list[Amendment]) -> Iterator[str]:
    """In force: its lines, one event, one email to the customer, and if it is worse that the customer agreed."""
    dates: dict[UUID, set[tuple[str, str]]] = defaultdict(set)
    for line in session.scalars(select(AmendmentLine)):
        dates[line.amendment_id].add((str(line.installment_id), line.due_on.isoformat()))
    emails = Counter(session.scalars(select(Message.cause).where(Message.kind == "amendment_in_force")))
    events = select(Event.plan_id, Event.facts).where(Event.kind == "amendment_in_force")
    told = Counter((plan_id, facts["amendment"]) for plan_id, facts in session.execute(events))
    waiting = Counter(one.plan_id for one in amendments if one.state == "proposed")
    yield from (f"{n} amendments of {plan} wait at once" for plan, n in waiting.items() if n > 1)
    for one in amendments:
        name, in_force = f"amendment {one.number} of {one.plan_id}", one.state == "in_force"
        new = {(line["installment"], line["new"]) for line in one.lines if line["new"]}
        if dates[one.id] != (new if in_force else set()):
            yield f"{name} is {one.state}, and {len(dates[one.id])} dates of it apply"
        if (emails[one.id], told[one.plan_id, one.number]) != (in_force, in_force):
            yield f"{name} is {one.state}, with {emails[one.id]} emails and {told[one.plan_id, one.number]} events"
        agreed = one.accepted_at and one.address and one.user_agent is not None
        if in_force and not agreed and (one.effect == "worse" or one.by_customer):
            yield f"{name} is in force, and the customer did not agree"
