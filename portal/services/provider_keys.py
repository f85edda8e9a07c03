"""A shop connects its account with a provider by a key, or removes it; from real money no way leads back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from portal.adapters.payments import Account, ProviderUnavailable
from portal.core.errors import N_, Conflict, InvalidInput
from portal.core.payments import Provider, takes
from portal.core.roles import Actor
from portal.core.states import PaymentState
from portal.models import Mandate, Payment, ProviderKey

from . import events, shops
from .transaction import unit_of_work

if TYPE_CHECKING:  # The SDK behind it is large, and read with the first shop that has a key.
    from portal.adapters.payments.stripe import Connection, Stripe

KEY_LONGEST = 255
REFUSALS = {
    "unknown": N_("This is no key for servers: those begin with rk_ or sk_."),
    "refused": N_("Stripe refused this key, or it may not do what the portal needs."),
    "another": N_("This key is of another Stripe account than the payments that it took for you."),
    "live": N_("You take real money. Enter a live key: a test key would show payments that never happened."),
}


@dataclass(frozen=True, slots=True)
class Connected:
    """The key in use, as far as it is shown: its last characters, and whether the provider reports by itself."""

    provider: Provider
    hint: str
    removed: bool
    reports: bool
    refused: int


def find_connected(session: Session, merchant: Actor) -> Connected | None:
    """What takes the shop's payments now; None for the simulator."""
    shop = shops.get(session, merchant.merchant_id)
    key = session.get(ProviderKey, (shop.id, shop.provider))
    if key is None:
        return None
    return Connected(
        Provider(key.provider),
        key.hint,
        key.removed_at is not None,
        key.webhook_secret is not None,
        key.refused,
    )


def connect(session: Session, stripe: Stripe, owner: Actor, key: str, now: datetime) -> Provider:
    """Try the key, and have payments of the shop's customers taken by it from now on.

    Calls the provider between two units of work. Raises ``InvalidInput`` at ``stripe_key``, ``Conflict`` if the
    provider cannot be reached.
    """
    key = key.strip()
    with unit_of_work(session):
        shop = shops.lock(session, owner.merchant_id)
        _refuse(shop.currency, Provider(shop.provider), key)
        live = key[3:8] == "live_"
        provider = Provider.STRIPE if live else Provider.STRIPE_TEST
        known = _known(session, shop.id, provider)
    made = _try(stripe, owner, key, known)
    with unit_of_work(session):
        before = _write(session, owner, made, now)
    if before and before[0].sealed_key:
        stripe.disconnect(Account(made.provider, made.sealed_key), before[1])
    return made.provider


def _refuse(currency: str, before: Provider, key: str) -> None:
    if len(key) > KEY_LONGEST or not key.isascii():
        raise InvalidInput.at("stripe_key", REFUSALS["unknown"])
    _refuse_currency(currency)
    if before is Provider.STRIPE and key[3:8] == "test_":
        raise InvalidInput.at("stripe_key", REFUSALS["live"])


def _refuse_currency(currency: str) -> None:
    if not takes(Provider.STRIPE, currency):
        raise InvalidInput.at("stripe_key", shops.NOT_TAKEN)


def _known(session: Session, shop_id: UUID, provider: Provider) -> str | None:
    """The provider's name of something that is in the account of the shop: a payment, else a page for a card."""
    paid = select(Payment.provider_reference).where(
        Payment.merchant_id == shop_id, Payment.provider == provider, Payment.provider_reference.is_not(None)
    )
    saved = select(Mandate.page).where(
        Mandate.merchant_id == shop_id, Mandate.provider == provider, Mandate.page.is_not(None)
    )
    last_paid = session.scalars(paid.order_by(Payment.id.desc()).limit(1)).first()
    return last_paid or session.scalars(saved.order_by(Mandate.id.desc()).limit(1)).first()


def _try(stripe: Stripe, owner: Actor, key: str, known: str | None) -> Connection:
    from portal.adapters.payments.stripe import KeyRefused

    try:
        return stripe.connect(key, owner.merchant_id, known)
    except KeyRefused as refusal:
        raise InvalidInput.at("stripe_key", REFUSALS[refusal.reason]) from None
    except ProviderUnavailable:
        raise Conflict(
            N_("Stripe could not be reached. Nothing was changed. Try again."), code="no_provider"
        ) from None


def _write(
    session: Session, owner: Actor, made: Connection, now: datetime
) -> tuple[Account, str | None] | None:
    """Keep the key; returns the account and the webhook of the one that it replaces."""
    shop = shops.lock(session, owner.merchant_id)
    if shop.provider == Provider.STRIPE and made.provider is not Provider.STRIPE:
        raise InvalidInput.at("stripe_key", REFUSALS["live"])
    _refuse_currency(shop.currency)
    kept = session.get(ProviderKey, (shop.id, made.provider))
    before = (Account(made.provider, kept.sealed_key), kept.webhook_id) if kept else None
    if kept is None:
        kept = ProviderKey(merchant_id=shop.id, provider=made.provider)
        session.add(kept)
    kept.sealed_key, kept.hint = made.sealed_key, made.hint
    kept.webhook_id, kept.webhook_secret = made.webhook_id, made.webhook_secret
    kept.added_by, kept.added_at, kept.removed_at = owner.id, now, None
    shop.provider = made.provider
    _record(session, owner, made.provider, now)
    return before


def remove(session: Session, stripe: Stripe, owner: Actor, now: datetime) -> None:
    """Forget the key in use. After a test key the simulator pays again; after a live key nothing does, until another is
    entered. Raises ``Conflict`` while a payment is being processed, or without a key."""
    with unit_of_work(session):
        shop = shops.lock(session, owner.merchant_id)
        key = session.get(ProviderKey, (shop.id, shop.provider))
        if key is None or key.sealed_key is None:
            raise Conflict(N_("There is no key to remove."), code="no_provider")
        busy = select(Payment.id).where(
            Payment.merchant_id == shop.id,
            Payment.provider == key.provider,
            Payment.state == PaymentState.PROCESSING,
        )
        if session.scalars(busy).first():
            raise Conflict(
                N_("A payment or refund is being processed. Try again when it is settled."), code="processing"
            )
        account, webhook_id = Account(Provider(key.provider), key.sealed_key), key.webhook_id
        key.sealed_key = key.webhook_id = key.webhook_secret = None
        key.removed_at = now
        if key.provider == Provider.STRIPE_TEST:
            shop.provider = Provider.SIMULATOR
        _record(session, owner, Provider.SIMULATOR, now)
    stripe.disconnect(account, webhook_id)


def count_refused(session: Session, merchant_id: UUID) -> None:
    """Something came for this shop without a valid signature: nothing of it is kept but that it came."""
    session.execute(
        update(ProviderKey)
        .where(ProviderKey.merchant_id == merchant_id, ProviderKey.sealed_key.is_not(None))
        .values(refused=ProviderKey.refused + 1)
        .execution_options(synchronize_session=False)
    )


def _record(session: Session, owner: Actor, provider: Provider, now: datetime) -> None:
    events.record(
        session,
        "shop_changed",
        merchant_id=owner.merchant_id,
        actor_id=owner.id,
        at=now,
        provider=provider,
    )
