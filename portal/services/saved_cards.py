"""The card behind a consent: saved once the provider says so when asked; its events only tell when to ask."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, and_, bindparam, select, update
from sqlalchemy.orm import Session

from portal.adapters.payments import Gateway, ProviderUnavailable, SavedCard, SaveRequest, call_provider
from portal.models import Mandate, ProviderKey, User

from . import events
from .charges import account_of
from .notifications import queue_email
from .plans import lock
from .settling import SETTLE_AFTER, settle_each
from .transaction import unit_of_work

# The provider's page closes long before; a consent without a card then ends even if the provider does not answer.
FORGOTTEN_AFTER = timedelta(days=1)

# A row of each consent in force, with all that the provider can be asked about its card.
MANDATES = (
    select(
        Mandate.merchant_id,
        Mandate.id,
        Mandate.plan_id,
        Mandate.text,
        Mandate.given_at,
        Mandate.provider,
        Mandate.page,
        Mandate.brand,
        Mandate.last_four,
        Mandate.saved_at,
        User.email,
        ProviderKey.sealed_key,
    )
    .join(User, User.id == Mandate.customer_id)
    .outerjoin(
        ProviderKey,
        and_(ProviderKey.merchant_id == Mandate.merchant_id, ProviderKey.provider == Mandate.provider),
    )
    .where(Mandate.revoked_at.is_(None))
)


def request_of(row: Row[*tuple[Any, ...]]) -> SaveRequest:
    """What the provider is asked about a row of ``MANDATES``."""
    account = account_of(row.provider, row.sealed_key)
    return SaveRequest(row.id, row.plan_id, account, row.given_at, row.email, row.page)


def settle_waiting(session: Session, gateway: Gateway, now: datetime) -> dict[str, int]:
    """Ask the provider about each card that was not saved yet a minute after its consent."""
    waiting: Any = session.execute(
        MANDATES.where(Mandate.saved_at.is_(None), Mandate.given_at <= now - SETTLE_AFTER)
    ).all()
    session.rollback()
    settled, still_waiting = settle_each(session, waiting, lambda row: _settle(session, gateway, row, now))
    return {"cards_settled": settled, "cards_waiting": still_waiting}


def settle_event(session: Session, gateway: Gateway, event: Row[*tuple[Any, ...]], now: datetime) -> str:
    """Ask the provider about the card of a reported page: ``done``, or ``ignored`` if no consent waits for it."""
    row: Any = session.execute(
        MANDATES.where(
            Mandate.merchant_id == event.merchant_id,
            Mandate.provider == event.provider,
            Mandate.page == event.reference,
            Mandate.saved_at.is_(None),
        )
    ).one_or_none()
    session.rollback()
    if row is None:
        return "ignored"
    _settle(session, gateway, row, now)
    return "done"


def _settle(session: Session, gateway: Gateway, row: Row[*tuple[Any, ...]], now: datetime) -> None:
    try:
        card = call_provider(gateway.get_card, request_of(row))
    except ProviderUnavailable:
        if row.given_at > now - FORGOTTEN_AFTER:
            raise
        card = None
    note_card(session, row, card, now)


def note_card(
    session: Session, mandate: Row[*tuple[Any, ...]], card: SavedCard | None, now: datetime
) -> bool:
    """Note the card that was saved, once: from now on what is due is taken from it. Without a card the consent ends.

    Returns whether the consent is in force with a card.
    """
    with unit_of_work(session):
        plan, _ = lock(session, mandate.merchant_id, mandate.plan_id, now)
        if card is None:
            session.execute(_EXPIRED, {"merchant": mandate.merchant_id, "mandate": mandate.id, "at": now})
            return False
        facts: dict[str, Any] = {"brand": card.brand[:24], "last_four": card.last_four[-4:]}
        saved = {"brand_": facts["brand"], "last_four_": facts["last_four"]}
        names = {"customer_": card.customer, "reference_": card.reference}
        ours = {"merchant": mandate.merchant_id, "mandate": mandate.id, "at": now}
        if not session.scalars(_SAVED, ours | saved | names).first():
            return bool(session.scalars(_IN_FORCE, ours).first())
        about: dict[str, Any] = {"merchant_id": plan.merchant_id, "plan_id": plan.id, "at": now}
        events.record(session, "autopay_on", actor_id=plan.customer_id, **about, **facts)
        facts["text"] = mandate.text
        queue_email(session, plan, "autopay_on", plan.customer_id, now, mandate.id, **facts)
        return True


def note_page(session: Session, mandate: Row[*tuple[Any, ...]], page: str) -> bool:
    """Keep the provider's name of the page that was opened for the card; whether the consent waits for one."""
    ours = {"merchant": mandate.merchant_id, "mandate": mandate.id, "opened": page}
    with unit_of_work(session):
        return session.scalars(_OPENED, ours).first() is not None


_IN_FORCE = select(Mandate.id).where(
    Mandate.merchant_id == bindparam("merchant"),
    Mandate.id == bindparam("mandate"),
    Mandate.revoked_at.is_(None),
)
_WAITING = (
    update(Mandate)
    .where(
        Mandate.merchant_id == bindparam("merchant"),
        Mandate.id == bindparam("mandate"),
        Mandate.revoked_at.is_(None),
        Mandate.saved_at.is_(None),
    )
    .returning(Mandate.id)
    .execution_options(synchronize_session=False)
)
_EXPIRED = _WAITING.values(revoked_at=bindparam("at"))
_OPENED = _WAITING.values(page=bindparam("opened"))
_SAVED = _WAITING.values(
    brand=bindparam("brand_"),
    last_four=bindparam("last_four_"),
    provider_customer=bindparam("customer_"),
    provider_reference=bindparam("reference_"),
    saved_at=bindparam("at"),
)
