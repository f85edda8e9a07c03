"""What the provider took, against what is booked: each payment once, under its name, or given back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import Row, func, select
from sqlalchemy.orm import Session

from portal.models import Installment, Payment
from tests import factories
from tests.standin.account import Account, Thing

from .verdict import unfinished

Payments = Mapping[str, "Row[Any]"]


@dataclass
class Findings:
    """What is wrong, each as a sentence: taken and not booked, taken or booked twice, and all else."""

    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    @property
    def findings(self) -> list[str]:
        return self.lost + self.doubled + self.wrong


def compare(found: Findings, session: Session, account: Account) -> list[Thing]:
    """Add what is wrong, once everything has been settled; returns the payments that the provider took."""
    session.rollback()
    columns = (Payment.id, Payment.plan_id, Payment.state, Payment.amount, Payment.provider)
    payments = {str(row.id): row for row in session.execute(select(*columns))}
    taken = [intent for intent in account.all("payment_intent") if intent["status"] == "succeeded"]
    found.lost += nowhere(payments, taken, account)
    found.doubled += asked_twice(account)
    found.doubled += paid_too_much(session, payments)
    names = {intent["metadata"]["payment"] for intent in taken}
    found.wrong += [
        f"payment {name} is booked and was never taken"
        for name, row in payments.items()
        if row.state == "succeeded" and row.provider and name not in names
    ]
    found.wrong += unfinished(session)
    found.wrong += [f"self-check: {name}" for name in factories.broken_invariants(session)]
    return taken


def nowhere(payments: Payments, taken: list[Thing], account: Account) -> Iterator[str]:
    """What was taken and is neither booked with its amount, nor given back as a whole."""
    returned = Counter[str]()
    for refund in account.all("refund"):
        returned[refund["payment_intent"]] += refund["amount"]
    for intent in taken:
        row, amount = payments.get(intent["metadata"]["payment"]), intent["amount"]
        fate = (row.state, row.amount, returned[intent["id"]]) if row else None
        if fate not in (("succeeded", amount, 0), ("returned", amount, amount)):
            yield f"{intent['id']} was taken: {amount}, and here it is {fate}"


def asked_twice(account: Account) -> Iterator[str]:
    intents = Counter(intent["metadata"]["payment"] for intent in account.all("payment_intent"))
    pages = Counter(page["client_reference_id"] for page in account.all("checkout.session"))
    for name, count in (*intents.items(), *pages.items()):
        if count > 1:
            yield f"payment {name} was asked for {count} times"


def paid_too_much(session: Session, payments: Payments) -> Iterator[str]:
    total = select(Installment.plan_id, func.sum(Installment.amount)).group_by(Installment.plan_id)
    received = Counter[UUID]()
    for row in payments.values():
        received[row.plan_id] += row.amount * (row.state == "succeeded")
    for plan_id, amount in session.execute(total):
        if received[plan_id] > amount:
            yield f"plan {plan_id} of {amount} was paid {received[plan_id]}"
