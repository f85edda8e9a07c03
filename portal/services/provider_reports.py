"""What a provider reports by itself, a dispute or a refund that failed: asked about, and recorded with its payment."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from sqlalchemy import Row
from sqlalchemy.orm import Session

from portal.adapters.payments import DisputeFound, FailedRefund, ReportRequest, call_provider
from portal.models import Payment, ProviderKey

from .charges import CHARGES, account_of
from .transaction import unit_of_work

FoundT = TypeVar("FoundT", DisputeFound, FailedRefund)


def settle_report(
    session: Session,
    event: Row[*tuple[Any, ...]],
    ask: Callable[[ReportRequest], FoundT | None],
    record: Callable[[Row[*tuple[Any, ...]], FoundT], bool],
) -> str:
    """Record what the provider says about a report when asked, with the row of its payment, in a unit of work.

    Returns ``done``, ``mismatch`` if it is in another currency, or ``ignored`` if there is nothing to record of a
    payment of this shop. Raises ``ProviderUnavailable``, and what ``record`` raises.
    """
    key = session.get(ProviderKey, (event.merchant_id, event.provider))
    account = account_of(event.provider, key.sealed_key if key else None)
    session.rollback()
    found = call_provider(ask, ReportRequest(event.reference, account)) if account else None
    if found is None or found.payment_id is None:
        return "ignored"
    ours = CHARGES.where(Payment.merchant_id == event.merchant_id, Payment.id == found.payment_id)
    payment = session.execute(ours.where(Payment.provider == event.provider)).one_or_none()
    session.rollback()
    if payment is None:
        return "ignored"
    if found.currency != payment.currency:
        return "mismatch"
    with unit_of_work(session):
        return "done" if record(payment, found) else "ignored"
