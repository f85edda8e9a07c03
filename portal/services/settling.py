"""What both jobs of settling share: one payment or refund after the other, none of which keeps the others waiting."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any, TypeVar

from sqlalchemy import Row
from sqlalchemy.orm import Session

from portal.adapters.payments import ProviderUnavailable

from .transaction import rollback_safely

RowT = TypeVar("RowT", bound="Row[*tuple[Any, ...]]")

log = logging.getLogger(__name__)

# A younger payment or refund may still be processed by the request that began it.
SETTLE_AFTER = timedelta(minutes=1)


def settle_each(session: Session, rows: Iterable[RowT], settle: Callable[[RowT], object]) -> tuple[int, int]:
    """Settle each row; returns how many were settled, and how many still wait for the provider."""
    settled = waiting = 0
    for row in rows:
        try:
            settle(row)
            settled += 1
        except ProviderUnavailable:
            waiting += 1
        except Exception as error:
            rollback_safely(session)
            log.error(
                "what the provider answered could not be settled", exc_info=error, extra={"id": str(row.id)}
            )
            waiting += 1
    return settled, waiting
