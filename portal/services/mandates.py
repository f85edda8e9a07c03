"""The customer's consent to automatic payments: given on an own plan, kept as evidence, ended in one click."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, and_, bindparam, select
from sqlalchemy.orm import Session

from portal.adapters.payments import Gateway, GoTo, ProviderUnavailable, call_provider
from portal.core.errors import N_, Conflict
from portal.core.roles import Actor, Origin
from portal.core.states import REFUSALS, PlanState
from portal.core.terms import hash_text
from portal.models import Mandate, Merchant, Plan, ProviderKey, new_id

from . import autopay_notices, saved_cards, verification
from .checkout_pages import NO_ANSWER
from .notifications import queue_email
from .payments import find_account
from .plans import lock_for_customer
from .saved_cards import MANDATES, request_of
from .transaction import insert_rows, unit_of_work

CLOSED = N_("The page for your card has closed, and no card was saved. Turn on automatic payments again.")
ENDED = N_("Automatic payments were turned off meanwhile. Turn them on again if you want them.")


class PageClosed(Conflict):
    """The page for the card had closed without one, which ended the consent."""

    code = "page_closed"


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
    mandate, new = _keep_consent(session, gateway, customer, plan_id, text, origin, now)
    try:
        return _save_card(session, gateway, mandate, now)
    except PageClosed:
        if new:
            raise
    # The consent of before has ended with its page, so that this is a new one.
    return give(session, gateway, customer, plan_id, text, shown_hash, origin, now)


def resume(session: Session, gateway: Gateway, customer: Actor, plan_id: UUID, now: datetime) -> str | None:
    """The page on which the customer gives a card for the consent that waits for one; None once it is saved.

    Raises ``NotFound``, ``Forbidden``, and ``Conflict`` without a consent, or if the page has closed.
    """
    with unit_of_work(session):
        plan, _ = lock_for_customer(session, customer, plan_id, now)
        mandate = _in_force(session, plan)
    return _save_card(session, gateway, mandate, now)


def stop(session: Session, gateway: Gateway, customer: Actor, plan_id: UUID, now: datetime) -> None:
    """End the consent of the customer's plan in a unit of work of its own, then close its page if one is open.

    Without a consent nothing changes. Raises ``NotFound``, ``Forbidden``.
    """
    with unit_of_work(session):
        plan, _ = lock_for_customer(session, customer, plan_id, now)
        mandate = _in_force(session, plan)
        if mandate is None:
            return
        autopay_notices.end(session, plan, mandate.id, "stopped", customer.id, now)
        if mandate.saved_at:
            card = {"brand": mandate.brand, "last_four": mandate.last_four}
            queue_email(session, plan, "autopay_off", plan.customer_id, now, mandate.id, **card)
    _close(gateway, mandate)


def _keep_consent(
    session: Session,
    gateway: Gateway,
    customer: Actor,
    plan_id: UUID,
    text: str,
    origin: Origin,
    now: datetime,
) -> tuple[Row[Any] | None, bool]:
    """The consent in force to this text with the shop's provider, and whether it is new; another one ends."""
    with unit_of_work(session):
        plan, provider = _lock(session, customer, plan_id, now)
        before = _in_force(session, plan)
        if before and before.provider == provider and (before.saved_at or before.text == text):
            return before, False
        if before:
            autopay_notices.end(session, plan, before.id, "stopped", customer.id, now)
        _insert(session, customer, plan, provider, text, origin, now)
        mandate = _in_force(session, plan)
    if before:
        _close(gateway, before)
    return mandate, True


def _lock(session: Session, customer: Actor, plan_id: UUID, now: datetime) -> tuple[Plan, str]:
    """The plan, of which automatic payments can be taken, and the provider that would take them."""
    verification.require_verified(customer)
    plan, _ = lock_for_customer(session, customer, plan_id, now)
    if plan.state != PlanState.ACTIVE:
        raise Conflict(REFUSALS[PlanState(plan.state)], code=f"plan_{plan.state}")
    if plan.shop_suspended_at:
        raise Conflict(
            N_("This shop is suspended, so it takes no automatic payments."), code="shop_suspended"
        )
    found = session.execute(_SHOP, {"merchant": plan.merchant_id}).one()
    find_account(found)
    return plan, found.provider


def _in_force(session: Session, plan: Plan) -> Row[Any] | None:
    ours = {"merchant": plan.merchant_id, "plan": plan.id}
    found: Any = session.execute(_IN_FORCE, ours)
    mandate: Row[Any] | None = found.one_or_none()
    return mandate


def _insert(
    session: Session, customer: Actor, plan: Plan, provider: str, text: str, origin: Origin, now: datetime
) -> None:
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
        "provider": provider,
    }
    insert_rows(session, Mandate, [given])


def _save_card(session: Session, gateway: Gateway, mandate: Row[Any] | None, now: datetime) -> str | None:
    """Have the provider save a card for a consent: the page for it, or None once the card is saved, which is noted.

    Raises ``PageClosed``, and ``Conflict`` if the consent has ended or the provider does not answer.
    """
    if mandate is None:
        raise PageClosed(CLOSED)
    if mandate.saved_at:
        return None
    try:
        there = call_provider(gateway.save_card, request_of(mandate))
    except ProviderUnavailable:
        raise Conflict(NO_ANSWER, code="processing") from None
    if isinstance(there, GoTo):
        if not saved_cards.note_page(session, mandate, there.page):
            _close(gateway, mandate, there.page)
            raise Conflict(ENDED, code="page_closed")
        return there.url
    in_force = saved_cards.note_card(session, mandate, there, now)
    if there is None:
        raise PageClosed(CLOSED)
    if not in_force:
        raise Conflict(ENDED, code="page_closed")
    return None


def _close(gateway: Gateway, mandate: Row[Any], page: str | None = None) -> None:
    """Close the page of a consent that has ended.

    Where the provider does not answer, the page closes by itself later; a card that is given there is never charged.
    """
    if not mandate.saved_at:
        request = request_of(mandate)
        request = replace(request, page=page or request.page)
        with suppress(ProviderUnavailable):
            call_provider(gateway.close_card_page, request)


_IN_FORCE = MANDATES.where(Mandate.merchant_id == bindparam("merchant"), Mandate.plan_id == bindparam("plan"))
_SHOP = (
    select(Merchant.provider, ProviderKey.sealed_key)
    .outerjoin(
        ProviderKey,
        and_(ProviderKey.merchant_id == Merchant.id, ProviderKey.provider == Merchant.provider),
    )
    .where(Merchant.id == bindparam("merchant"))
)
