"""The clients' log against the database: what was promised is there once, and nothing that nobody asked for."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from portal.adapters.payments.simulator import TestCard
from portal.models import IdempotencyKey, Installment, Payment, Refund
from portal.models.ledger import Posting
from tests import factories

from .clients import Answer
from .world import Target

PAID = {200, 303}
DECLINED = {402}
PROCESSING = {202}
REFUSED = {409}
# What a button of a plan's card adds to the key of the form that they share: the installment, or how much it pays.
_OF_BUTTON = re.compile(r"-([0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|overdue|all)$")
STATES = {"succeeded": PAID, "declined": DECLINED, "processing": set()}


@dataclass
class Verdict:
    """What is wrong, each as a sentence; sound when all is empty. ``payments`` is how many succeeded."""

    payments: int = 0
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    @property
    def findings(self) -> list[str]:
        return [*self.lost, *self.doubled, *self.wrong, *(f"self-check: {name}" for name in self.broken)]


@dataclass(frozen=True, slots=True)
class Found:
    """A payment in the database, with the installments on which it was posted."""

    id: UUID
    state: str
    amount: int
    covers: frozenset[UUID]


def judge(session: Session, targets: list[Target], log: list[Answer], *, faulty: bool) -> Verdict:
    """Compare once everything has been settled; ``faulty`` says that 503 and broken connections are to be expected."""
    session.rollback()
    verdict = Verdict()
    found, nameless = payments_by_key(session)
    verdict.payments = sum(payment.state == "succeeded" for payment in found.values())
    verdict.wrong += [f"payment {id} has no key" for id in nameless]
    verdict.wrong += list(bad_answers(log, PAID | DECLINED | PROCESSING | REFUSED, faulty=faulty))
    by_key: dict[str, list[Answer]] = defaultdict(list)
    for answer in log:
        by_key[answer.order.key].append(answer)
    verdict.wrong += [f"payment of {key}, which nobody sent" for key in found.keys() - by_key.keys()]
    for key, answers in by_key.items():
        judge_key(verdict, found.get(key), answers)
    verdict.doubled += list(paid_twice(session))
    verdict.lost += list(left_unpaid(session, targets))
    verdict.wrong += list(unfinished(session))
    verdict.broken = factories.broken_invariants(session)
    return verdict


def as_sent(key: str) -> str:
    """A kept key as the client sent it."""
    return _OF_BUTTON.sub("", key)


def payments_by_key(session: Session) -> tuple[dict[str, Found], list[UUID]]:
    """The payments by the key that asked for them, and the ids of those without one."""
    covers: dict[UUID, set[UUID]] = defaultdict(set)
    posted = select(Posting.payment_id, Posting.installment_id).where(Posting.debit == "cash")
    for payment_id, installment_id in session.execute(posted):
        covers[payment_id].add(installment_id)
    rows = session.execute(
        select(Payment.id, Payment.state, Payment.amount, IdempotencyKey.key).outerjoin(
            IdempotencyKey, IdempotencyKey.payment_id == Payment.id
        )
    ).all()
    found = {
        as_sent(row.key): Found(row.id, row.state, row.amount, frozenset(covers[row.id]))
        for row in rows
        if row.key
    }
    return found, [row.id for row in rows if row.key is None]


def bad_answers(log: list[Answer], known: set[int], *, faulty: bool) -> Iterator[str]:
    for answer in log:
        where = f"{answer.order.path} with {answer.order.key}"
        if answer.status in known:
            continue
        if answer.status not in (0, 503) or not faulty:
            yield f"{where} was answered {answer.status or 'by a broken connection'}"
        elif answer.status == 503 and not (answer.retry_after or "").isdigit():
            yield f"{where} was answered 503 without Retry-After"


def judge_key(verdict: Verdict, payment: Found | None, answers: list[Answer]) -> None:
    """All answers that a key got, against the one payment that it may have made."""
    order, statuses = answers[0].order, {answer.status for answer in answers}
    promised = statuses & (PAID | DECLINED | PROCESSING)
    if payment is None:
        if promised:
            verdict.lost.append(f"{order.key} was answered {sorted(promised)} and has no payment")
        return
    if not promised:
        verdict.wrong.append(f"{order.key} was only ever answered {sorted(statuses)}, and there is a payment")
    if promised - PROCESSING - STATES[payment.state]:
        verdict.lost.append(
            f"{order.key} was answered {sorted(promised)}, and its payment is {payment.state}"
        )
    if payment.amount != order.amount:
        verdict.wrong.append(f"{order.key} showed {order.amount} and took {payment.amount}")
    if payment.state == "succeeded" and payment.covers != order.covers:
        verdict.wrong.append(
            f"{order.key} paid {len(payment.covers)} installments, not its {len(order.covers)}"
        )
    verdict.wrong += list(changed_answers(order.key, answers))


def changed_answers(key: str, answers: list[Answer]) -> Iterator[str]:
    """Once a key was answered paid or declined, whoever asks later is told the same."""
    final = [answer for answer in answers if answer.status in PAID | DECLINED]
    if not final:
        return
    first = min(final, key=lambda answer: answer.ended)
    same = PAID if first.status in PAID else DECLINED
    for answer in answers:
        if answer.began > first.ended and answer.status not in same | {0, 503}:
            yield f"{key} was answered {first.status} and later {answer.status}"


def paid_twice(session: Session) -> Iterator[str]:
    """Installments with cash posted more than once: a payment takes the whole of what one owes."""
    twice = (
        select(Posting.installment_id, func.count())
        .where(Posting.debit == "cash", Posting.credit == "receivable")
        .group_by(Posting.merchant_id, Posting.installment_id)
        .having(func.count() > 1)
    )
    for installment_id, count in session.execute(twice):
        yield f"installment {installment_id} was paid {count} times"


def left_unpaid(session: Session, targets: list[Target]) -> Iterator[str]:
    """Every installment was asked for until there was an answer, so with a good card every one is paid."""
    rows = session.execute(select(Installment.id, Installment.paid, Installment.processing))
    paid = {row.id: row.paid for row in rows if not row.processing}
    for target in targets:
        for line in target.lines:
            wanted = 0 if target.card is TestCard.DECLINED else line.owed
            if paid.get(line.id) != wanted:
                yield f"installment {line.id} of {target.card} has paid {paid.get(line.id)}, not {wanted}"


def unfinished(session: Session) -> Iterator[str]:
    for table in (Payment, Refund):
        count = session.scalar(select(func.count()).select_from(table).where(table.state == "processing"))
        if count:
            yield f"{count} {table.__tablename__} are still processing after the settling job"
    if session.get_bind().dialect.name == "postgresql":
        deadlocks = session.scalar(
            text("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        )
        if deadlocks:
            yield f"PostgreSQL counted {deadlocks} deadlocks"


def statuses(log: list[Answer]) -> Counter[str]:
    """How often each answer came, for the table; a broken connection is ``cut``."""
    return Counter(str(answer.status or "cut") for answer in log)
