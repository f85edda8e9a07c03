"""Exports of a shop's plans, installments and payments, oldest first in keyset batches.

Memory holds one batch at a time; the caller ends the read transaction after each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, func, literal, select, tuple_
from sqlalchemy.orm import Session

from portal.core.calendar import business_date
from portal.core.ledger import Account
from portal.core.money import Money
from portal.core.roles import Actor
from portal.core.schedule import Kind
from portal.core.states import InstallmentStatus, PlanState, shown_state
from portal.models import Installment, Payment, Plan, Refund, Reversal, User
from portal.models.ledger import Posting

from .merchant import narrowed
from .read_models import IS_DEPOSIT, LINE, PlanView, installment_view, load_plans
from .statuses import installment_status, today_of_plans

BATCH = 500
PLAN_STATUSES = (*PlanState, "overdue", "due", "done")
INSTALLMENT_STATUSES = tuple(InstallmentStatus)


@dataclass(frozen=True, slots=True)
class ExportFilter:
    """What the export is narrowed to; empty or None narrows nothing.

    ``search`` and ``plan_status`` choose plans as the list of plans does, ``status`` chooses installments; ``first``
    and ``last`` are days on which money moved where the shop is; ``as_of`` is the day of receivables.
    """

    search: str = ""
    plan_status: str = ""
    status: str = ""
    first: date | None = None
    last: date | None = None
    as_of: date | None = None


@dataclass(frozen=True, slots=True)
class PlanRow:
    """A plan as a line of a file. ``owed`` is zero unless the plan is active; ``next_due`` is the first day owed."""

    reference: str
    description: str
    customer_name: str
    customer_email: str
    status: str
    currency: str
    total: Money
    paid: Money
    cancelled: Money
    returned: Money
    written_off: Money
    recovered: Money
    owed: Money
    overdue: Money
    installments: int
    installments_paid: int
    frequency: str
    first_due: date
    next_due: date | None
    offered_at: datetime
    accepted_on: date | None


@dataclass(frozen=True, slots=True)
class InstallmentRow:
    """An installment as a line of a file. ``owed`` is zero unless its plan is active."""

    reference: str
    description: str
    customer_email: str
    number: int
    kind: str
    due_on: date
    status: str
    currency: str
    amount: Money
    paid: Money
    cancelled: Money
    returned: Money
    written_off: Money
    recovered: Money
    owed: Money
    paid_on: date | None


@dataclass(frozen=True, slots=True)
class MovementRow:
    """Money that moved: a payment, or its reversal or a refund, which are negative; ``moved_on`` is the shop's date.

    ``received_on`` is the day that the shop gave for a payment that it recorded, else that of the provider's answer.
    """

    kind: str
    moved_on: date
    moved_at: datetime
    receipt: str
    reference: str
    description: str
    customer_name: str
    customer_email: str
    currency: str
    amount: Money
    method: str
    received_on: date | None


Row = PlanRow | InstallmentRow | MovementRow


def plans(session: Session, merchant: Actor, now: datetime, wanted: ExportFilter) -> Iterator[list[PlanRow]]:
    """The plans that ``wanted`` chooses: two statements a batch."""
    query = (
        select(Plan)
        .where(Plan.merchant_id == merchant.merchant_id, *_chosen(session, merchant, now, wanted))
        .order_by(Plan.id)
        .limit(BATCH)
    )

    def read(after: UUID | None) -> list[PlanView]:
        return load_plans(session, query.where(Plan.id > after) if after else query, now)

    for found in _walk(read, lambda plan: plan.id):
        yield [_plan_row(plan) for plan in found]


def installments(
    session: Session, merchant: Actor, now: datetime, wanted: ExportFilter
) -> Iterator[list[InstallmentRow]]:
    """The installments of chosen plans that show the wanted status: one statement a batch."""
    query = (
        select(*_SHOWN)
        .join(Plan)
        .where(Installment.merchant_id == merchant.merchant_id, *_chosen(session, merchant, now, wanted))
        .order_by(Installment.plan_id, Installment.number)
        .limit(BATCH)
    )
    if wanted.status:
        query = query.where(installment_status(wanted.status, today_of_plans(merchant.timezones, now)))

    def read(after: tuple[UUID, int] | None) -> list[Any]:
        batch = query
        if after:
            place = tuple_(literal(after[0], Installment.plan_id.type), literal(after[1]))
            batch = query.where(tuple_(Installment.plan_id, Installment.number) > place)
        return list(session.execute(batch))

    for found in _walk(read, lambda row: (row.plan_id, row.number)):
        yield [_installment_row(row, business_date(now, row.timezone)) for row in found]


def movements(
    session: Session, merchant: Actor, now: datetime, wanted: ExportFilter
) -> Iterator[list[MovementRow]]:
    """Payments that succeeded, then reversals, then refunds that returned money: one statement a batch.

    The amounts add up to the total revenue, and within days to that of these days.
    """
    chosen = _chosen(session, merchant, now, wanted)
    kinds: tuple[tuple[Select[Any], Any], ...] = (
        (_payments(merchant, wanted), Payment.id),
        (_reversals(merchant, wanted), Reversal.payment_id),
        (_refunds(merchant, wanted), Refund.id),
    )
    for query, key in kinds:
        ordered = query.where(*chosen).order_by(key).limit(BATCH)

        def read(after: UUID | None, ordered: Any = ordered, key: Any = key) -> list[Any]:
            return list(session.execute(ordered.where(key > after) if after else ordered))

        for found in _walk(read, lambda row: row.id):
            yield [_movement_row(row) for row in found]


# A refund's return is posted in one unit of work, on payments of its plan: any of these few postings gives the
# day. Asked for the first day, SQLite would walk all the shop's postings in the order of days.
_paid = (Payment.merchant_id == Refund.merchant_id) & (Payment.plan_id == Refund.plan_id)
_returned_on = (
    select(Posting.posted_on)
    .where(
        Posting.merchant_id == Refund.merchant_id,
        Posting.payment_id.in_(select(Payment.id).where(_paid).correlate(Refund)),
        Posting.refund_id == Refund.id,
        Posting.credit == Account.CASH,
    )
    .correlate(Refund)
    .limit(1)
    .scalar_subquery()
)

# What a row of the file is made from; there may be a million, so no more than that is read.
_SHOWN = (
    *LINE,
    Installment.plan_id,
    Plan.reference,
    Plan.description,
    Plan.customer_email,
    Plan.currency,
    Plan.state,
    Plan.last_day,
    Plan.timezone,
    IS_DEPOSIT,
)


def _walk(read: Callable[[Any], list[Any]], key: Callable[[Any], Any]) -> Iterator[list[Any]]:
    """Batch after batch until one is not full."""
    after = None
    while found := read(after):
        yield found
        if len(found) < BATCH:
            return
        after = key(found[-1])


def _chosen(
    session: Session, merchant: Actor, now: datetime, wanted: ExportFilter
) -> list[ColumnElement[bool]]:
    today = today_of_plans(merchant.timezones, now)
    return narrowed(session, merchant, wanted.search, wanted.plan_status, today)


def _payments(merchant: Actor, wanted: ExportFilter) -> Select[Any]:
    days = [Payment.settled_on >= wanted.first] if wanted.first else []
    days += [Payment.settled_on <= wanted.last] if wanted.last else []
    return (
        select(
            Payment.id,
            literal("payment").label("kind"),
            Payment.amount,
            Payment.settled_at,
            Payment.settled_on,
            Payment.number,
            Payment.currency,
            Plan.reference,
            Plan.description,
            User.name,
            Plan.customer_email,
            Payment.method,
            func.coalesce(Payment.received_on, Payment.settled_on).label("received_on"),
        )
        .join(Plan, (Plan.merchant_id == Payment.merchant_id) & (Plan.id == Payment.plan_id))
        .join(User, User.id == Plan.customer_id)
        .where(Payment.merchant_id == merchant.merchant_id, Payment.state == "succeeded", *days)
    )


def _reversals(merchant: Actor, wanted: ExportFilter) -> Select[Any]:
    days = [Reversal.reversed_on >= wanted.first] if wanted.first else []
    days += [Reversal.reversed_on <= wanted.last] if wanted.last else []
    return (
        select(
            Reversal.payment_id.label("id"),
            literal("reversal").label("kind"),
            (-Reversal.amount).label("amount"),
            Reversal.reversed_at.label("settled_at"),
            Reversal.reversed_on.label("settled_on"),
            Payment.number,
            Payment.currency,
            Plan.reference,
            Plan.description,
            User.name,
            Plan.customer_email,
            Payment.method,
            Payment.received_on,
        )
        .join(Payment, (Payment.merchant_id == Reversal.merchant_id) & (Payment.id == Reversal.payment_id))
        .join(Plan, (Plan.merchant_id == Payment.merchant_id) & (Plan.id == Payment.plan_id))
        .join(User, User.id == Plan.customer_id)
        .where(Reversal.merchant_id == merchant.merchant_id, *days)
    )


def _refunds(merchant: Actor, wanted: ExportFilter) -> Select[Any]:
    """A refund's day is that of its postings, which stays when the shop moves to another time zone."""
    days = [_returned_on >= wanted.first] if wanted.first else []
    days += [_returned_on <= wanted.last] if wanted.last else []
    return (
        select(
            Refund.id,
            literal("refund").label("kind"),
            (-Refund.returned).label("amount"),
            Refund.settled_at,
            _returned_on.label("settled_on"),
            literal(None).label("number"),
            Refund.currency,
            Plan.reference,
            Plan.description,
            User.name,
            Plan.customer_email,
            literal("").label("method"),
            literal(None).label("received_on"),
        )
        .join(Plan, (Plan.merchant_id == Refund.merchant_id) & (Plan.id == Refund.plan_id))
        .join(User, User.id == Plan.customer_id)
        .where(Refund.merchant_id == merchant.merchant_id, Refund.returned > 0, *days)
    )


def _plan_row(plan: PlanView) -> PlanRow:
    def money(amount: int) -> Money:
        return Money(amount, plan.currency)

    return PlanRow(
        reference=plan.reference,
        description=plan.description,
        # The name of a registered address is shown to the shop only after acceptance.
        customer_name=plan.customer_name if plan.accepted_on else "",
        customer_email=plan.customer_email,
        status=plan.status,
        currency=plan.currency,
        total=money(plan.total),
        paid=money(plan.paid),
        cancelled=money(sum(i.cancelled for i in plan.installments)),
        returned=money(sum(i.returned for i in plan.installments)),
        written_off=money(plan.written_off),
        recovered=money(plan.recovered),
        owed=money(plan.owed),
        overdue=money(plan.overdue_amount),
        installments=plan.num_installments,
        installments_paid=plan.paid_count,
        frequency=plan.frequency,
        first_due=plan.start_date,
        next_due=plan.next_due.due_on if plan.next_due else None,
        offered_at=plan.created_at,
        accepted_on=plan.accepted_on,
    )


def _installment_row(row: Any, today: date) -> InstallmentRow:
    state = shown_state(PlanState(row.state), row.last_day, today)
    seen = installment_view(row, row.plan_id, state, today)

    def money(amount: int) -> Money:
        return Money(amount, row.currency)

    return InstallmentRow(
        reference=row.reference,
        description=row.description,
        customer_email=row.customer_email,
        number=seen.number,
        kind=Kind.DEPOSIT if row.is_deposit else Kind.INSTALLMENT,
        due_on=seen.due_on,
        status=str(seen.status),
        currency=row.currency,
        amount=money(seen.amount),
        paid=money(seen.settled),
        cancelled=money(seen.cancelled),
        returned=money(seen.returned),
        written_off=money(seen.written_off),
        recovered=money(seen.recovered),
        owed=money(seen.owed if state is PlanState.ACTIVE else 0),
        paid_on=seen.paid_on,
    )


def _movement_row(row: Any) -> MovementRow:
    return MovementRow(
        kind=row.kind,
        moved_on=row.settled_on,
        moved_at=row.settled_at,
        receipt=f"{row.reference}-{row.number}" if row.number else "",
        reference=row.reference,
        description=row.description,
        customer_name=row.name,
        customer_email=row.customer_email,
        currency=row.currency,
        amount=Money(row.amount, row.currency),
        method=row.method,
        received_on=row.received_on,
    )
