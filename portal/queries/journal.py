"""The journal: a month's postings in the order of their days, for a shop's bookkeeping; in keyset batches."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Select, literal, select, tuple_
from sqlalchemy.orm import Session

from portal.core.ledger import Account, Entry
from portal.core.money import Money
from portal.core.periods import DateRange
from portal.core.roles import Actor
from portal.models import Installment, Merchant, Payment, Plan
from portal.models.ledger import Posting

from .read_models import IS_DEPOSIT

BATCH = 500
ENTRIES = {(entry.debit, entry.credit): entry for entry in Entry}


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """One posting. ``receipt`` is that of its payment, empty without one; ``number`` is the installment's."""

    on: date
    entry: Entry
    amount: Money
    description: str
    number: int
    is_deposit: bool
    reference: str
    receipt: str


def entries(session: Session, merchant: Actor, days: DateRange) -> Iterator[list[JournalEntry]]:
    """The postings of these days: one statement a batch."""
    query = _postings(merchant, days)
    batch = query
    while found := session.execute(batch).all():
        yield [
            JournalEntry(
                row.posted_on,
                ENTRIES[Account(row.debit), Account(row.credit)],
                Money(row.amount, row.currency),
                row.description,
                row.number,
                row.is_deposit,
                row.reference,
                f"{row.reference}-{row.receipt}" if row.receipt else "",
            )
            for row in found
        ]
        if len(found) < BATCH:
            return
        last = found[-1]
        place = tuple_(literal(last.posted_on, Posting.posted_on.type), literal(last.id, Posting.id.type))
        batch = query.where(tuple_(Posting.posted_on, Posting.id) > place)


def _postings(merchant: Actor, days: DateRange) -> Select[Any]:
    return (
        select(
            Posting.id,
            Posting.posted_on,
            Posting.debit,
            Posting.credit,
            Posting.amount,
            Posting.currency,
            Plan.description,
            Installment.number,
            IS_DEPOSIT,
            Plan.reference,
            Payment.number.label("receipt"),
        )
        .join(
            Installment,
            (Installment.merchant_id == Posting.merchant_id) & (Installment.id == Posting.installment_id),
        )
        .join(Plan, (Plan.merchant_id == Installment.merchant_id) & (Plan.id == Installment.plan_id))
        .outerjoin(Payment, (Payment.merchant_id == Posting.merchant_id) & (Payment.id == Posting.payment_id))
        .where(Posting.merchant_id == merchant.merchant_id, Posting.posted_on.between(days.first, days.last))
        .order_by(Posting.posted_on, Posting.id)
        .limit(BATCH)
    )


def account_numbers(session: Session, merchant: Actor) -> dict[str, str]:
    """The shop's own numbers by the ledger's accounts, as far as it has named any."""
    return session.scalars(select(Merchant.account_numbers).where(Merchant.id == merchant.merchant_id)).one()
