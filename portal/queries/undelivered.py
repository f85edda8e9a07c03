"""A shop's emails of the last weeks that could not be delivered."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from portal.core.roles import Actor
from portal.models import Message, Plan, User

SHOWN_FOR = timedelta(days=30)
MOST = 100


@dataclass(frozen=True, slots=True)
class Undelivered:
    """An email that could not be delivered; without a plan if it is about several."""

    kind: str
    to: str
    created_at: datetime
    plan_id: UUID | None
    description: str | None


def list_undelivered(session: Session, merchant: Actor, now: datetime) -> list[Undelivered]:
    """The newest ``MOST``."""
    query = (
        failed(merchant, now)
        .join(User, User.id == Message.user_id)
        .outerjoin(Plan, (Plan.merchant_id == Message.merchant_id) & (Plan.id == Message.plan_id))
        .with_only_columns(Message.kind, User.email, Message.created_at, Message.plan_id, Plan.description)
        .order_by(Message.created_at.desc())
        .limit(MOST)
    )
    return [Undelivered(*row) for row in session.execute(query)]


def failed(merchant: Actor, now: datetime) -> Select[Any]:
    since = now - SHOWN_FOR
    query: Select[Any] = select(Message.id).where(
        Message.merchant_id == merchant.merchant_id,
        Message.state == "failed",
        # What the portal itself withheld is no fault of the address.
        ~Message.error.startswith("Not sent:"),
        Message.created_at > since,
    )
    return query
