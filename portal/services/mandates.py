"""The customer's consent to automatic payments: given on an own plan, kept as evidence, ended in one click."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, and_, bindparam, select, update
from sqlalchemy.orm import Session

from portal.adapters.payments import (
    Gateway,
    ProviderUnavailable,
    SavedCard,
    SaveRequest,
    call_provider,
)
from portal.core.errors import N_, Conflict, NotFound
from portal.core.roles import Actor, Origin
from portal.core.states import REFUSALS, PlanState
from portal.core.terms import hash_text
from portal.models import Mandate, Merchant, ProviderKey, new_id

from . import autopay_notices, events, verification
from .checkout_pages import NO_ANSWER
from .notifications import queue_email
from .payments import find_account
from .plans import lock, lock_for_customer
from .transaction import insert_rows, unit_of_work


def give(
    session: Session,
    gateway: Gateway,
    customer: Actor,
    plan_id: UUID,
    text: str,
    shown_hash: str,
    origin: Origin,
    now: datetime,
) -> str | None:
    """Keep the customer's consent to the ``text``, which was shown with its hash, and have the provider save a card.

    Returns the address of the page on which the customer gives one, None where it is saved already. Runs units of work
    of its own, since the provider is called between them. Raises ``NotFound``, ``Forbidden``, and ``Conflict`` for a
    plan that is not active, another text, a shop that takes no cards, and a provider that does not answer.
    """
    if hash_text(text) != shown_hash:
        raise Conflict(N_("What you agree to has changed. Read it again."), code="other_terms")
    with unit_of_work(session):
        request = _begin(session, customer, plan_id, text, origin, now)
    if request is None:
        return None
    try:
        there = call_provider(gateway.save_card, request)
    except ProviderUnavailable:
        raise Conflict(NO_ANSWER, code="processing") from None
    with unit_of_work(session):
        mandate = _find(session, request.reference)
        if isinstance(there, SavedCard):
            _save(session, mandate, there, now)
            return None
        ours = {"merchant": mandate.merchant_id, "mandate": mandate.id, "opened": there.page}
        session.execute(_OPENED, ours)
    return there.url


def stop(session: Session, customer: Actor, plan_id: UUID, now: datetime) -> None:
    """End the consent of the customer's plan; without one nothing changes. Raises ``NotFound``, ``Forbidden``."""
    plan, _ = lock_for_customer(session, customer, plan_id, now)
    mandate = session.execute(_IN_FORCE, {"merchant": plan.merchant_id, "plan": plan.id}).one_or_none()
    if mandate is None or not autopay_notices.end(session, plan, mandate.id, "stopped", customer.id, now):
        return
    if mandate.saved_at:
        card = {"brand": mandate.brand, "last_four": mandate.last_four}
        queue_email(session, plan, "autopay_off", plan.customer_id, now, mandate.id, **card)


def _begin(
    session: Session, customer: Actor, plan_id: UUID, text: str, origin: Origin, now: datetime
) -> SaveRequest | None:
    """The consent, whose card is not saved yet; None if there is one in force. One without a card is replaced."""
    verification.require_verified(customer)
    plan, _ = lock_for_customer(session, customer, plan_id, now)
    if plan.state != PlanState.ACTIVE:
        raise Conflict(REFUSALS[PlanState(plan.state)], code=f"plan_{plan.state}")
    if plan.shop_suspended_at:
        raise Conflict(
            N_("This shop is suspended, so it takes no automatic payments."), code="shop_suspended"
        )
    found = session.execute(_SHOP, {"merchant": plan.merchant_id}).one()
    account = find_account(found)
    if account:
        raise Conflict(N_("This shop takes no automatic payments."), code="no_autopay")
    ours = {"merchant": plan.merchant_id, "plan": plan.id}
    for mandate in session.execute(_IN_FORCE, ours).all():
        if mandate.saved_at and mandate.provider == found.provider:
            return None
        autopay_notices.end(session, plan, mandate.id, "stopped", customer.id, now)
    given = {
        "merchant_id": plan.merchant_id,
        "id": new_id(),
        "plan_id": plan.id,
        "customer_id": customer.id,
        "text": text,
        "text_hash": hash_text(text),
        "given_at": now,
        "address": origin.address[:64],
        "user_agent": origin.user_agent[:400],
        "provider": found.provider,
    }
    insert_rows(session, Mandate, [given])
    return SaveRequest(given["id"], plan.id, account, now, customer.email)


def _find(session: Session, mandate_id: UUID) -> Any:
    """Raises ``NotFound``."""
    found = session.execute(_BY_ID, {"mandate": mandate_id}).one_or_none()
    if found is None:
        raise NotFound()
    return found


def _save(session: Session, mandate: Row[Any], card: SavedCard, now: datetime) -> None:
    """Note the card that was saved, once: from now on what is due is taken from it."""
    plan, _ = lock(session, mandate.merchant_id, mandate.plan_id, now)
    saved = {
        "brand_": card.brand[:24],
        "last_four_": card.last_four[-4:],
        "customer_": card.customer,
        "reference_": card.reference,
    }
    ours = {"merchant": mandate.merchant_id, "mandate": mandate.id, "at": now}
    if not session.scalars(_SAVED, ours | saved).first():
        return
    facts: dict[str, Any] = {"brand": card.brand[:24], "last_four": card.last_four[-4:]}
    about: dict[str, Any] = {"merchant_id": plan.merchant_id, "plan_id": plan.id, "at": now}
    events.record(session, "autopay_on", actor_id=plan.customer_id, **about, **facts)
    facts["text"] = mandate.text
    queue_email(session, plan, "autopay_on", plan.customer_id, now, mandate.id, **facts)


_MANDATE = select(
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
)
_IN_FORCE = _MANDATE.where(
    Mandate.merchant_id == bindparam("merchant"),
    Mandate.plan_id == bindparam("plan"),
    Mandate.revoked_at.is_(None),
)
_BY_ID = _MANDATE.where(Mandate.id == bindparam("mandate"))
_SHOP = (
    select(Merchant.provider, ProviderKey.sealed_key)
    .outerjoin(
        ProviderKey,
        and_(ProviderKey.merchant_id == Merchant.id, ProviderKey.provider == Merchant.provider),
    )
    .where(Merchant.id == bindparam("merchant"))
)
_OF_MANDATE = (
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
_OPENED = _OF_MANDATE.values(page=bindparam("opened"))
_SAVED = _OF_MANDATE.values(
    brand=bindparam("brand_"),
    last_four=bindparam("last_four_"),
    provider_customer=bindparam("customer_"),
    provider_reference=bindparam("reference_"),
    saved_at=bindparam("at"),
)
