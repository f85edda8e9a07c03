"""Compares all that the database holds with what the model predicts, as pages, numbers, rows and books show it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import date, datetime
from operator import attrgetter
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal.core.allocation import Split
from portal.core.errors import PortalError
from portal.models import Amendment, Event, Installment, Message, Payment, Plan, Refund, Reversal
from portal.models.ledger import Posting
from portal.queries import metrics
from portal.queries.read_models import PlanView, load_plans
from tests.properties_db import model, model_rows
from tests.properties_db.outside import Crash, Ledger


def compare(
    session: Session, predicted: model.Portal, shops: list[model_rows.Shop], ledger: Ledger, now: datetime
) -> None:
    views = {view.id: view for view in load_plans(session, select(Plan), now)}
    states = dict(map(tuple, session.execute(select(Plan.id, Plan.state))))
    assert len(views) == len(predicted.plans)
    for plan in predicted.plans:
        assert states[plan.id] == plan.state
        assert seen(views[plan.id]) == expected_view(plan, plan.shop.today(now))
    stamped = select(Installment.plan_id, Installment.number).where(Installment.late_on.is_not(None))
    expected = {(plan.id, line.number) for plan in predicted.plans for line in plan.lines if line.stamped}
    assert set(map(tuple, session.execute(stamped))) == expected
    compare_money(session, predicted, ledger)
    compare_amendments(session, predicted)
    compare_records(session, predicted)
    for shop in shops:
        compare_shop(session, predicted, shop, now)


sums_of = attrgetter(
    "amount", "paid", "reversed", "cancelled", "returned", "owed", "written_off", "recovered", "moved"
)


def seen(view: PlanView) -> tuple:
    lines = [
        (
            *sums_of(i),
            *(i.due_on, i.paid_on, i.status, i.processing),
        )
        for i in view.installments
    ]
    return view.state, view.owed, view.overdue_amount, view.paid_count, view.count, lines


def expected_view(plan: model_rows.Plan, today: date) -> tuple:
    statuses = [plan.status(line, today) for line in plan.lines]
    lines = [
        (
            *sums_of(i),
            *(i.due_on, i.paid_on, status, i.held),
        )
        for i, status in zip(plan.lines, statuses, strict=True)
    ]
    late = sum(i.owed for i, status in zip(plan.lines, statuses, strict=True) if status == "late")
    owed = plan.owed if plan.state == "active" else 0
    count = len(statuses) - statuses.count("cancelled") - statuses.count("moved")
    return plan.shown_state(today), owed, late, statuses.count("paid"), count, lines


def compare_money(session: Session, predicted: model.Portal, ledger: Ledger) -> None:
    """Payments and refunds row by row, and the provider's own books beside the portal's."""
    rows = session.execute(
        select(
            *(
                Payment.plan_id,
                Payment.amount,
                Payment.state,
                Payment.number,
                Payment.received_on,
                Payment.recovery,
            )
        )
    )
    paid = [p for plan in predicted.plans for p in plan.payments]
    assert Counter(map(tuple, rows)) == Counter(
        (p.plan.id, p.amount, p.state, p.number or None, None if p.card else p.on, p.recovery) for p in paid
    )
    rows = session.execute(select(Reversal.payment_id, Reversal.amount))
    assert dict(map(tuple, rows)) == {p.id: p.reversed.total() for p in paid if p.reversed}
    rows = session.execute(
        select(Refund.plan_id, Refund.amount, Refund.cancelled, Refund.returned, Refund.state)
    )
    refunded = [r for plan in predicted.plans for r in plan.refunds]
    assert Counter(map(tuple, rows)) == Counter(
        (r.plan.id, r.amount, r.cancelled, r.returned, r.state) for r in refunded
    )

    assert ledger.asked_twice == [], "without looking it up"
    assert len(ledger.charges) == sum(p.heard for p in paid)
    assert len(ledger.returns) == sum(len(r.heard) for r in refunded)
    by_card = [p for p in paid if p.card and p.state == "succeeded"]
    booked = sum(p.amount - p.returned.total() for p in by_card)
    if not any(plan.processing for plan in predicted.plans):
        assert ledger.kept() == booked


def compare_amendments(session: Session, predicted: model.Portal) -> None:
    """Row by row; ``accepted`` is the evidence that the customer agreed."""
    columns = (
        *(Amendment.plan_id, Amendment.number, Amendment.by_customer, Amendment.effect, Amendment.state),
        *(Amendment.accepted_at.is_not(None), Amendment.last_day),
    )
    assert set(map(tuple, session.execute(select(*columns)))) == {
        (plan.id, n, a.by_customer, "worse" if a.worse else "better", a.state, a.accepted, a.last_day)
        for plan in predicted.plans
        for n, a in enumerate(plan.amendments, 1)
    }


def compare_records(session: Session, predicted: model.Portal) -> None:
    """How often each thing happened and was written about; reminders are another test's."""
    happened = select(Event.kind, func.count()).where(Event.plan_id.is_not(None)).group_by(Event.kind)
    assert dict(session.execute(happened).all()) == dict(+predicted.events)
    told = (
        select(Message.kind, func.count())
        .where(Message.kind.not_in(["reminder", "offer_reminder"]))
        .group_by(Message.kind)
    )
    assert dict(session.execute(told).all()) == dict(predicted.emails)


def compare_shop(session: Session, predicted: model.Portal, shop: model_rows.Shop, now: datetime) -> None:
    sums = session.execute(
        select(Posting.debit, Posting.credit, func.sum(Posting.amount))
        .where(Posting.merchant_id == shop.actor.id)
        .group_by(Posting.debit, Posting.credit)
    )
    assert {(debit, credit): int(amount) for debit, credit, amount in sums} == dict(+shop.books)
    today, own = shop.today(now), [plan for plan in predicted.plans if plan.shop is shop]
    active = [plan for plan in own if plan.state == "active"]
    late = [line.owed for plan in active for line in plan.lines if line.late(today)]
    shown = metrics.dashboard(session, shop.actor, now)
    assert (shown.total_revenue, shown.outstanding, shown.overdue, shown.overdue_installments) == (
        sum(
            amount * ((debit == "cash") - (credit == "cash"))
            for (debit, credit), amount in shop.books.items()
        ),
        sum(plan.owed for plan in active),
        sum(late),
        len(late),
    )
    lines = [line for plan in own for line in plan.lines]
    assert (shown.written_off, shown.recovered) == (
        sum(line.written_off for line in lines),
        sum(line.recovered for line in lines),
    )


def split_in_numbers(session: Session, split: Split) -> tuple:
    numbers: dict[Any, int] = dict(session.execute(select(Installment.id, Installment.number)).all())
    session.rollback()
    return (
        [(numbers[i], amount) for i, amount in split.cancelled],
        [(numbers[r.installment_id], r.amount) for r in split.returned],
    )


def expected_split(split: tuple) -> tuple:
    _, cancelled, returned = split
    return (
        [(line.number, amount) for line, amount in cancelled],
        [(line.number, amount) for _, line, amount in returned],
    )


def outcome(act: Callable[[], Any]) -> tuple[tuple[str, ...], Any]:
    """(why it was refused or cut off, None), or ((), what came of it)."""
    try:
        return (), act()
    except model.Refused as refused:
        return refused.codes, None
    except PortalError as refused:
        return (refused.code,), None
    except (model.Died, Crash):
        return ("died",), None


def same_payment(predicted: model_rows.Payment, answer: Any) -> None:
    status = {"succeeded": "paid"}.get(predicted.state, predicted.state)
    predicted.id = predicted.id or answer.payment_id
    assert (answer.status, answer.amount, answer.payment_id) == (status, predicted.amount, predicted.id)


def same_refund(predicted: model_rows.Refund, answer: Any) -> None:
    predicted.id = predicted.id or answer.refund_id
    assert (answer.status, answer.amount, answer.cancelled, answer.returned, answer.refund_id) == (
        predicted.state,
        predicted.amount,
        predicted.cancelled,
        predicted.returned,
        predicted.id,
    )
