"""Queueing reminders: at most one email for each customer, shop and day, which lists all that is to be said."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from itertools import groupby
from operator import attrgetter
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy import Row, Select, and_, exists, or_, select, true
from sqlalchemy.orm import Session

from portal.core.autopay import Consent, next_attempt
from portal.core.errors import N_, Conflict
from portal.core.payments import Provider
from portal.core.reminders import COURTESIES, EARLIEST, ORDER, OVERDUE, reminder_due
from portal.core.roles import Actor
from portal.models import (
    Attempt,
    Installment,
    Mandate,
    Merchant,
    Plan,
    ProviderKey,
    Reminder,
    User,
    new_id,
)

from . import outbox
from .autopay_notices import ATTEMPTS, attempts_of
from .plans import lock_for_merchant
from .transaction import insert_rows

BATCH = 200
KIND = "reminder"
# With its day the kind of what a shop sent beside the steps.
ASKED_FOR = "asked"


def batches(session: Session, merchant_id: UUID, zone: str, today: date) -> Iterator[list[UUID]]:
    """Installments of this zone's plans that may be due a reminder, in batches that keep a customer's together."""
    query = (
        _owed(merchant_id, today)
        .with_only_columns(Installment.id, Plan.customer_id)
        .where(Plan.timezone == zone)
    )
    rows = session.execute(query.order_by(Plan.customer_id)).all()
    batch: list[UUID] = []
    for _customer, own in groupby(rows, attrgetter("customer_id")):
        batch += [row.id for row in own]
        if len(batch) >= BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def queue(
    session: Session, merchant_id: UUID, today: date, now: datetime, installments: Sequence[UUID]
) -> int:
    """Queue the emails that these installments are due ``today``; returns how many installments they are about.

    A customer who got an email of this shop today already waits for tomorrow's.
    """
    query = _owed(merchant_id, today).where(Installment.id.in_(installments))
    rows = session.execute(query.order_by(Plan.customer_id, Installment.due_on, Installment.id)).all()
    sent = _sent(session, merchant_id, installments)
    tried = _tried(session, merchant_id, [row.id for row in rows if row.tried])
    emails, reminders = [], []
    for customer_id, own in groupby(rows, attrgetter("customer_id")):
        lines = [
            (row, step)
            for row in own
            if (step := _step(row, today, sent.get((row.id, row.due_on), {})))
            and (step in COURTESIES or not _taken_later(row, tried))
        ]
        if lines:
            email = _email(merchant_id, customer_id, today, now, lines)
            emails.append(email)
            reminders += [_reminder(email, today, row, step) for row, step in lines]
    new = set(outbox.queue_many(session, emails))
    reminders = [reminder for reminder in reminders if reminder["message_id"] in new]
    insert_rows(session, Reminder, reminders)
    return len(reminders)


def send_now(session: Session, merchant: Actor, plan_id: UUID, now: datetime) -> None:
    """Queue an email about what is late of a plan, beside the steps: they go on as if it had not been sent.

    Raises ``Conflict`` when nothing is late, when the customer got an email of this shop today already, and for a
    suspended shop; ``NotFound``.
    """
    plan, today = lock_for_merchant(session, merchant, plan_id, now)
    if plan.shop_suspended_at:
        raise Conflict(N_("This shop is suspended, so no reminders are sent."), code="shop_suspended")
    query = _owed(plan.merchant_id, today, all_steps=True)
    late = query.where(Installment.plan_id == plan.id, Installment.due_on < today).order_by(
        Installment.due_on
    )
    rows = session.execute(late).all()
    if not rows:
        raise Conflict(
            N_("Nothing of this plan is late, or the customer cannot get emails."), code="not_late"
        )
    email = _email(plan.merchant_id, plan.customer_id, today, now, [(row, OVERDUE[0]) for row in rows])
    if not outbox.queue_many(session, [email]):
        raise Conflict(N_("The customer was already reminded today."), code="reminded_today")
    insert_rows(session, Reminder, [_reminder(email, today, row, f"{ASKED_FOR}-{today}") for row in rows])


# By itself from a saved card.
_TAKES = and_(
    Mandate.merchant_id == Plan.merchant_id,
    Mandate.plan_id == Plan.id,
    Mandate.revoked_at.is_(None),
    Mandate.saved_at.is_not(None),
    Mandate.provider == Merchant.provider,
    or_(
        Mandate.provider == Provider.SIMULATOR,
        exists().where(
            ProviderKey.merchant_id == Mandate.merchant_id,
            ProviderKey.provider == Mandate.provider,
            ProviderKey.sealed_key.is_not(None),
        ),
    ),
)
_TRIED = (
    select(Attempt.number)
    .where(Attempt.merchant_id == Installment.merchant_id, Attempt.installment_id == Installment.id)
    .correlate(Installment)
    .exists()
    .label("tried")
)
_BY_CARD = (
    *(Mandate.id.label("mandate_id"), Mandate.given_at, Mandate.brand, Mandate.last_four),
    *(Plan.timezone, _TRIED),
)


def _owed(merchant_id: UUID, today: date, *, all_steps: bool = False) -> Select[*tuple[Any, ...]]:
    """Owed installments of active plans whose first step may have come; with ``all_steps`` also those whose
    last was sent."""
    last_sent = select(Reminder.kind).where(
        Reminder.merchant_id == merchant_id,
        Reminder.installment_id == Installment.id,
        Reminder.due_on == Installment.due_on,
        Reminder.kind == ORDER[-1],
    )
    owed: Any = (
        select(
            Installment.id,
            Installment.number,
            Installment.due_on,
            Installment.plan_id,
            Installment.owed,
            Plan.accepted_on,
            Plan.customer_id,
            Plan.currency,
            Plan.deposit,
            Plan.reference,
            Plan.description,
            User.early_reminders_stopped_at,
            *_BY_CARD,
        )
        .select_from(Installment)
        .join(Plan)
        .join(User, User.id == Plan.customer_id)
        .join(Merchant, Merchant.id == Plan.merchant_id)
        .outerjoin(Mandate, _TAKES)
        .where(
            Installment.merchant_id == merchant_id,
            Installment.due_on <= today - timedelta(days=EARLIEST),
            Installment.owed > 0,
            ~Installment.processing,
            Plan.state == "active",
            User.deactivated_at.is_(None),
            true() if all_steps else ~last_sent.exists(),
        )
    )
    return owed


def _sent(
    session: Session, merchant_id: UUID, installments: Sequence[UUID]
) -> dict[tuple[UUID, date], dict[str, date]]:
    """What was sent before about each installment and due date, and on which day."""
    query = select(Reminder.installment_id, Reminder.due_on, Reminder.kind, Reminder.sent_on).where(
        Reminder.merchant_id == merchant_id, Reminder.installment_id.in_(installments)
    )
    sent: dict[tuple[UUID, date], dict[str, date]] = {}
    for installment_id, due_on, kind, sent_on in session.execute(query):
        sent.setdefault((installment_id, due_on), {})[kind] = sent_on
    return sent


def _step(row: Any, today: date, sent: dict[str, date]) -> str | None:
    step = reminder_due(row.due_on, row.accepted_on, today, sent)
    return None if step in COURTESIES and row.early_reminders_stopped_at else step


def _tried(session: Session, merchant_id: UUID, installments: Sequence[UUID]) -> list[Any]:
    """The attempts to take these installments from a saved card."""
    if not installments:
        return []
    ours = Attempt.merchant_id == merchant_id, Attempt.installment_id.in_(installments)
    return list(session.execute(ATTEMPTS.where(*ours)))


def _taken_later(row: Any, tried: Sequence[Row[Any]]) -> bool:
    """Whether the line is still to be taken from a saved card: then the notice waits until that has ended."""
    if row.brand is None:
        return False
    made = attempts_of(tried, row.id, row.mandate_id)
    return next_attempt(row.due_on, Consent(row.given_at), made, row.timezone) is not None


def _email(
    merchant_id: UUID, customer_id: UUID, today: date, now: datetime, lines: list[tuple[Any, str]]
) -> dict[str, Any]:
    plans = {row.plan_id for row, _step in lines}
    return {
        "id": new_id(),
        "merchant_id": merchant_id,
        "cause": uuid5(customer_id, today.isoformat()),
        "kind": KIND,
        "user_id": customer_id,
        # One about several plans belongs to none of them; the reminders lead to it.
        "plan_id": plans.pop() if len(plans) == 1 else None,
        "facts": {"day": today.isoformat(), "lines": [_line(row, step) for row, step in lines]},
        "created_at": now,
        "send_after": now,
    }


def _line(row: Any, step: str) -> dict[str, Any]:
    """What the email says of an installment; ``takes`` from which card it is taken by itself on the due date."""
    taken = step in COURTESIES and row.brand and not row.tried
    takes = {"takes": {"brand": row.brand, "last_four": row.last_four}} if taken else {}
    deposit = {"deposit": row.deposit} if row.deposit is not None else {}
    return (
        takes
        | deposit
        | {
            "step": step,
            "plan": str(row.plan_id),
            "number": row.number,
            "amount": row.owed,
            "currency": row.currency,
            "due_on": row.due_on.isoformat(),
            "reference": row.reference,
            "description": row.description,
        }
    )


def _reminder(email: dict[str, Any], today: date, row: Any, step: str) -> dict[str, Any]:
    return {
        "merchant_id": email["merchant_id"],
        "installment_id": row.id,
        "due_on": row.due_on,
        "kind": step,
        "message_id": email["id"],
        "sent_on": today,
    }
