"""What waits for a shop: offers that end soon, payments without an answer, emails that were not delivered."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from portal.core.roles import Actor
from portal.core.states import PaymentState
from portal.models import Message, Payment, Plan

from .statuses import plan_status, today_of_plans
from .undelivered import failed

SOON = timedelta(days=3)
# A tab's count goes no further, so that it costs no more for a shop with a million plans.
MOST_COUNTED = 100
TABS = ("overdue", "due", "offered", "done")


@dataclass(frozen=True, slots=True)
class Needs:
    """How many of each."""

    offers_ending: int
    unanswered: int
    undelivered: int


def needs_of(session: Session, merchant: Actor, now: datetime) -> Needs:
    """In one statement."""
    today: Any = today_of_plans(merchant.timezones, now)
    last = today_of_plans(merchant.timezones, now + SOON)
    ending = select(Plan.id).where(
        Plan.merchant_id == merchant.merchant_id, plan_status("offered", today), Plan.last_day <= last
    )
    unanswered = select(Payment.id).where(
        Payment.merchant_id == merchant.merchant_id, Payment.state == PaymentState.PROCESSING
    )
    undelivered = failed(merchant, now).with_only_columns(Message.id)
    return Needs(
        *session.execute(select(_counted(ending), _counted(unanswered), _counted(undelivered))).one()
    )


def tab_counts(session: Session, merchant: Actor, now: datetime) -> dict[str, int]:
    """How many plans are in each tab of the list, at most ``MOST_COUNTED``: one statement."""
    today = today_of_plans(merchant.timezones, now)
    own = Plan.merchant_id == merchant.merchant_id
    counts = (_counted(select(Plan.id).where(own, plan_status(tab, today))).label(tab) for tab in TABS)
    return dict(session.execute(select(*counts)).one()._mapping)


def _counted(query: Select[Any]) -> Any:
    return select(func.count()).select_from(query.limit(MOST_COUNTED).subquery()).scalar_subquery()
