"""What providers reported of other amounts than their payments: nothing was booked, and an admin has to look."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import literal_column, select
from sqlalchemy.orm import Session

from portal.models import Merchant, ProviderEvent

SHOWN_FOR = timedelta(days=30)
MOST_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Mismatch:
    """``amount`` in minor units, as it was reported."""

    shop: str
    event_id: str
    payment_id: UUID | None
    amount: int
    currency: str
    received_at: datetime


def list_mismatches(session: Session, now: datetime) -> list[Mismatch]:
    """Those of the last thirty days, newest first."""
    rows = session.execute(
        select(
            Merchant.name,
            ProviderEvent.event_id,
            ProviderEvent.payment_id,
            ProviderEvent.amount,
            ProviderEvent.currency,
            ProviderEvent.received_at,
        )
        .join(Merchant, Merchant.id == ProviderEvent.merchant_id)
        .where(
            ProviderEvent.result == literal_column("'mismatch'"), ProviderEvent.received_at > now - SHOWN_FOR
        )
        .order_by(ProviderEvent.received_at.desc())
        .limit(MOST_SHOWN)
    )
    return [Mismatch(*row) for row in rows]
