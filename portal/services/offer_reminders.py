"""One reminder of an offer that nobody has answered, two days before its last day."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from uuid import UUID

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from portal.core.states import PlanState
from portal.models import Message, Plan

from .notifications import queue_email
from .offers import EXPIRE_BATCH

KIND = "offer_reminder"
BEFORE = timedelta(days=2)


def queue(
    session: Session, merchant_id: UUID, zone: str, today: date, now: datetime, batch: int = EXPIRE_BATCH
) -> int:
    """Queue the emails about offers of this time zone that end soon; returns how many, at most ``batch``.

    An offer that was sent less than two days ago needs none yet.
    """
    reminded = exists().where(
        Message.merchant_id == Plan.merchant_id, Message.cause == Plan.id, Message.kind == KIND
    )
    ending = (
        select(Plan)
        .where(
            Plan.merchant_id == merchant_id,
            Plan.state == PlanState.OFFERED,
            Plan.timezone == zone,
            Plan.last_day.between(today, today + BEFORE),
            Plan.created_at <= now - BEFORE,
            ~reminded,
        )
        .order_by(Plan.id)
        .limit(batch)
        .with_for_update(key_share=True, of=Plan)
        .execution_options(populate_existing=True)
    )
    plans = session.scalars(ending).all()
    for plan in plans:
        queue_email(session, plan, KIND, plan.customer_id, now)
    return len(plans)
