"""Payments of a provider as it is asked about them: the charge, with the sealed key of the shop's account."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid5

from sqlalchemy import Row, and_, select

from portal.adapters.payments import Account, Charge, SavedCard
from portal.core.payments import Provider
from portal.models import Attempt, Mandate, Payment, Plan, ProviderKey, User

TEXT_LONGEST = 250

# One row for each payment of a provider, with all that the provider can be asked about it.
CHARGES = (
    select(
        Payment.merchant_id,
        Payment.plan_id,
        Payment.id,
        Payment.customer_id,
        Payment.state,
        Payment.amount,
        Payment.currency,
        Payment.provider,
        Payment.test_card,
        Payment.provider_reference,
        Payment.created_at,
        Payment.expires_at,
        ProviderKey.sealed_key,
        Plan.description,
        Plan.reference,
        User.email,
        Attempt.mandate_id,
        Mandate.brand,
        Mandate.last_four,
        Mandate.provider_customer,
        Mandate.provider_reference.label("saved_reference"),
    )
    .join(Plan, and_(Plan.merchant_id == Payment.merchant_id, Plan.id == Payment.plan_id))
    .join(User, User.id == Payment.customer_id)
    .outerjoin(
        ProviderKey,
        and_(ProviderKey.merchant_id == Payment.merchant_id, ProviderKey.provider == Payment.provider),
    )
    .outerjoin(Attempt, and_(Attempt.merchant_id == Payment.merchant_id, Attempt.payment_id == Payment.id))
    .outerjoin(Mandate, and_(Mandate.merchant_id == Attempt.merchant_id, Mandate.id == Attempt.mandate_id))
    .where(Payment.provider.is_not(None))
)


def charge_of(row: Row[*tuple[Any, ...]]) -> Charge:
    """The charge of a row of ``CHARGES``."""
    return Charge(
        row.id,
        row.amount,
        row.currency,
        row.test_card,
        account_of(row.provider, row.sealed_key),
        row.provider_reference,
        row.created_at,
        page_text(row.description, row.reference),
        row.email,
        saved_card(row) if row.mandate_id else None,
    )


def saved_card(row: Row[*tuple[Any, ...]]) -> SavedCard:
    """The card of a mandate in a row."""
    return SavedCard(row.brand, row.last_four, row.provider_customer, row.saved_reference)


def account_of(provider: str, sealed_key: str | None) -> Account | None:
    """None for the simulator, which has no accounts."""
    return None if provider == Provider.SIMULATOR else Account(Provider(provider), sealed_key)


def page_text(description: str, reference: str) -> str:
    """What the provider's page says is paid."""
    return f"{description[:TEXT_LONGEST]} ({reference})"


def late_return(payment_id: UUID) -> UUID:
    """The reference under which money is returned that came after its payment had ended here."""
    return uuid5(payment_id, "came late")
