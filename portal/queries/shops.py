"""A shop as an admin sees it: whether it is suspended, and how many offers it may send to new addresses a day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal.core.errors import NotFound
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


def get_shop(session: Session, shop_id: UUID) -> ShopRow:
    """Raises ``NotFound``, for the portal's own row too."""
    accepted = select(func.count()).where(Acceptance.merchant_id == Merchant.id).scalar_subquery()
    query = select(
        Merchant.id,
        Merchant.name,
        Merchant.timezone,
        Merchant.suspended_at,
        Merchant.offers_per_day,
        accepted,
    ).where(Merchant.id == shop_id, Merchant.user_id.is_not(None))
    row = session.execute(query).one_or_none()
    if row is None:
        raise NotFound()
    return ShopRow(*row)
