"""A customer's private calendar address: made, replaced and removed; a replaced one is never used again."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import update
from sqlalchemy.orm import Session

from portal.core.roles import PORTAL_ID, Actor
from portal.models import User

from . import events


def open_calendar(session: Session, customer: Actor, now: datetime) -> None:
    """Give the customer an address; one that there was before ends."""
    # Unlike other ids this one must not be guessed from when it was made.
    _change(session, customer, uuid4(), "calendar_opened", now)


def close_calendar(session: Session, customer: Actor, now: datetime) -> None:
    """Take the address away."""
    _change(session, customer, None, "calendar_closed", now)


def _change(session: Session, customer: Actor, key: UUID | None, event: str, now: datetime) -> None:
    session.execute(update(User).where(User.id == customer.id).values(calendar_key=key))
    events.record(session, event, merchant_id=PORTAL_ID, actor_id=customer.id, at=now)
