"""A shop as an admin sees it: whether it is suspended, and how many offers it may send to new addresses a day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal.models import Acceptance, Merchant


@dataclass(frozen=True, slots=True)
class ShopRow:
    """A shop; ``offers_per_day`` is None for any number, and doubles by use: by how many ``acceptances`` it has had."""

    id: UUID
    name: str
    timezone: str
    suspended_at: datetime | None
    offers_per_day: int | None
    acceptances: int


def find_shop(session: Session, user_id: UUID) -> ShopRow | None:
    """The shop of a user, or None of one who has none."""
    accepted = select(func.count()).where(Acceptance.merchant_id == Merchant.id).scalar_subquery()
    query = select(
        Merchant.id,
        Merchant.name,
        Merchant.timezone,
        Merchant.suspended_at,
        Merchant.offers_per_day,
        accepted,
    ).where(Merchant.user_id == user_id)
    row = session.execute(query).one_or_none()
    return ShopRow(*row) if row else None
