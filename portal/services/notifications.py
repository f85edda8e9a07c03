"""Notifications about a plan: the event, and the email that goes with it; and emails about a person's account."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from portal.core.ledger import Balance
from portal.core.roles import PORTAL_ID
from portal.core.schedule import FirstDue
from portal.models import Plan, new_id

from . import events, outbox


def record_and_notify(
    session: Session,
    plan: Plan,
    event: str,
    email: str,
    to: UUID,
    actor_id: UUID | None,
    now: datetime,
    **facts: Any,
) -> None:
    """Record an event of the plan and queue the email about it, in the same transaction."""
    events.record(
        session, event, merchant_id=plan.merchant_id, at=now, actor_id=actor_id, plan_id=plan.id, **facts
    )
    queue_email(session, plan, email, to, now, **facts)


def queue_email(
    session: Session,
    plan: Plan,
    kind: str,
    to: UUID,
    now: datetime,
    cause: UUID | None = None,
    **facts: Any,
) -> bool:
    """Queue one email about the plan, once per kind and cause, which is the plan itself unless another is named.

    Returns whether it was new.
    """
    return outbox.queue(
        session,
        kind,
        merchant_id=plan.merchant_id,
        cause=cause or plan.id,
        user_id=to,
        at=now,
        plan_id=plan.id,
        **(plan_facts(plan) | facts),
    )


def notify_person(
    session: Session, kind: str, user_id: UUID, now: datetime, cause: UUID | None = None, **facts: Any
) -> bool:
    """Queue one email about the person's account, once per kind and cause if one is named; whether it was new."""
    return outbox.queue(
        session, kind, merchant_id=PORTAL_ID, cause=cause or new_id(), user_id=user_id, at=now, **facts
    )


def plan_facts(plan: Plan) -> dict[str, Any]:
    """What every email about a plan can name; ``total`` in minor units, and ``deposit`` where there is one."""
    facts = {
        "reference": plan.reference,
        "description": plan.description,
        "total": plan.total,
        "currency": plan.currency,
        "num_installments": plan.num_installments,
        "customer_email": plan.customer_email,
        "last_day": plan.last_day.isoformat(),
        "start_date": plan.start_date.isoformat(),
    }
    if plan.deposit is not None:
        facts["deposit"] = plan.deposit
    if plan.accepted_on is None and plan.first_due == FirstDue.ACCEPTANCE:
        facts["first_due"] = plan.first_due
    return facts


def schedule_facts(lines: Iterable[Any]) -> list[dict[str, Any]]:
    """The schedule as an email shows it: what each installment is worth now, in minor units, and when it is due."""
    facts = []
    for line in lines:
        balance = Balance.of(line)
        worth = balance.amount - balance.cancelled - balance.moved
        due_on = balance.due_on.isoformat()
        facts.append({"number": line.number, "due_on": due_on, "amount": worth, "paid": balance.settled})
    return facts
