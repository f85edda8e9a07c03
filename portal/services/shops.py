"""A shop as a whole: suspended and opened again by admins, its limits, and the currency in which it counts."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from portal.core.amendments import MOST_MOVE_DAYS
from portal.core.errors import N_, InvalidInput, NotFound
from portal.core.payments import takes
from portal.core.roles import Actor
from portal.models import Merchant

from . import events

MOST_OFFERS_PER_DAY = 100_000
NOT_TAKEN = N_("Stripe does not take amounts in your currency as the portal counts them.")


def suspend(session: Session, admin: Actor, shop_id: UUID, now: datetime) -> None:
    """Stop a shop's offers and reminders; what its customers owe can still be paid. Raises ``NotFound``."""
    shop = lock(session, shop_id)
    if shop.suspended_at is None:
        shop.suspended_at = now
        events.record(session, "shop_suspended", merchant_id=shop_id, actor_id=admin.id, at=now)


def require_second_factor(session: Session, owner: Actor, required: bool, now: datetime) -> None:
    """Whether the members of the owner's shop need a second factor to act for it. Safe to repeat."""
    shop = lock(session, owner.merchant_id)
    if required != (shop.second_factor_required_at is not None):
        shop.second_factor_required_at = now if required else None
        events.record(
            session,
            "shop_changed",
            merchant_id=shop.id,
            actor_id=owner.id,
            at=now,
            second_factor_required=required,
        )


def allow_moves(session: Session, merchant: Actor, days: int | None) -> None:
    """By how many days customers may move their next date once without asking; None leaves it. Raises
    ``InvalidInput``."""
    if days is None:
        return
    if not 0 <= days <= MOST_MOVE_DAYS:
        raise InvalidInput.at("move_days", N_("Choose 0 to %(most)s days."), most=MOST_MOVE_DAYS)
    session.execute(update(Merchant).where(Merchant.id == merchant.merchant_id).values(move_days=days))


def lift_suspension(session: Session, admin: Actor, shop_id: UUID, now: datetime) -> None:
    """Let a suspended shop go on. Raises ``NotFound``."""
    shop = lock(session, shop_id)
    if shop.suspended_at is not None:
        shop.suspended_at = None
        events.record(session, "shop_suspension_lifted", merchant_id=shop_id, actor_id=admin.id, at=now)


def change_currency(shop: Merchant, currency: str) -> None:
    """Count the shop's money in another currency from its first offer on, which it has not sent yet.

    Raises ``InvalidInput`` at ``currency`` once it has, and for one that the shop's provider does not take.
    """
    if shop.currency_fixed_at:
        raise InvalidInput.at("currency", N_("The currency stays as it is from the first offer on."))
    if not takes(shop.provider, currency):
        raise InvalidInput.at("currency", NOT_TAKEN)
    shop.currency = currency


def limit_offers(session: Session, admin: Actor, shop_id: UUID, per_day: int | None, now: datetime) -> None:
    """Set how many offers a day a shop may send to addresses that never accepted one of it; None for any number.

    Raises ``InvalidInput`` and ``NotFound``.
    """
    if per_day is not None and not 0 <= per_day <= MOST_OFFERS_PER_DAY:
        raise InvalidInput.at(
            "offers_per_day", N_("Enter a number from 0 to 100,000, or leave it empty for no limit.")
        )
    shop = lock(session, shop_id)
    events.record(
        session,
        "offers_per_day_changed",
        merchant_id=shop_id,
        actor_id=admin.id,
        at=now,
        before=shop.offers_per_day,
        after=per_day,
    )
    shop.offers_per_day = per_day


def get(session: Session, shop_id: UUID) -> Merchant:
    return session.scalars(select(Merchant).where(Merchant.id == shop_id)).one()


def lock(session: Session, shop_id: UUID) -> Merchant:
    """The shop as it is now; its offers and the changes of its team wait for each other here. Raises ``NotFound``."""
    shop = session.scalars(
        select(Merchant)
        .where(Merchant.id == shop_id, Merchant.user_id.is_not(None))
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).one_or_none()
    if shop is None:
        raise NotFound()
    return shop
