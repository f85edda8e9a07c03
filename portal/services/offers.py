"""Offers: sent with frozen terms, then accepted, declined, revoked or expired."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.core import states, terms
from portal.core.accounts import clean_email
from portal.core.calendar import MOST_OFFER_DAYS, OFFER_DAYS, business_date, offer_last_day
from portal.core.errors import N_, Conflict, InvalidInput, collecting
from portal.core.ledger import Entry
from portal.core.payments import spread
from portal.core.roles import Actor, Origin
from portal.core.schedule import (
    FirstDue,
    Frequency,
    Kind,
    Line,
    ScheduleRequest,
    build_schedule,
    own_schedule,
)
from portal.core.states import PlanState
from portal.core.text import clean_line
from portal.models import Acceptance, Installment, Merchant, Plan, new_id

from . import customers, due_dates, ledger, search_words, verification
from .notifications import queue_email, record_and_notify
from .plans import installments_of, lock_for_customer, lock_for_merchant, with_contact
from .transaction import insert_rows

# Without 0, 1, I, L and O, which people mix up when they read a reference aloud.
_REFERENCE_SIGNS = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"

EXPIRE_BATCH = 200
DESCRIPTION_LONGEST = 200
# Of a proposal whose dates follow the acceptance; always the same, so that a repeated request is the same.
NO_DATE = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a merchant asks for: ``total`` in minor units of its own currency, how many parts, from when, how often.

    With ``lines``, each an amount and its due date, these are the schedule; then ``num_installments`` is their count,
    ``start_date`` the first of their dates and ``frequency`` own.

    The offer can be accepted for ``valid_days`` days after the one on which it is sent, thirty unless given.
    """

    customer_email: str
    description: str
    total: int
    num_installments: int
    start_date: date
    frequency: Frequency
    valid_days: int | None = None
    # In minor units, due on the day of acceptance; the installments share the rest.
    deposit: int | None = None
    # None for a date; then ``start_date`` is the first that an installment may have.
    first_due: FirstDue | None = None
    # One of ``MONTH_DAYS``, from ``start_date`` on.
    day_of_month: str | None = None
    # What was paid of a plan that is brought over from elsewhere, in minor units.
    paid_before: int | None = None
    lines: tuple[tuple[int, date], ...] | None = None


def preview(merchant: Actor, proposal: Proposal, now: datetime) -> tuple[Line, ...]:
    """The schedule that ``offer`` would write. Raises ``InvalidInput`` naming every field at fault."""
    today = business_date(now, merchant.timezone)
    currency = merchant.currency
    if proposal.lines is not None:
        return own_schedule(proposal.total, currency, proposal.lines, today, proposal.deposit)
    first = None if proposal.first_due is FirstDue.ACCEPTANCE else proposal.start_date
    asked = ScheduleRequest(
        proposal.total,
        currency,
        proposal.num_installments,
        proposal.frequency,
        first,
        proposal.deposit,
        proposal.day_of_month,
    )
    return build_schedule(asked, today)


def offer(session: Session, merchant: Actor, proposal: Proposal, now: datetime) -> UUID:
    """Send an offer with frozen terms; returns the plan's id. Changes nothing when it raises ``InvalidInput``,
    ``Forbidden`` (the shop's address is not verified and it has offered nothing yet), ``Conflict`` (the shop is
    suspended, the customer has many offers of it to answer) or ``TooMany``.

    Every address is answered alike, and one that is not registered is invited, so the merchant learns nothing about it.
    """
    check_may_offer(session, merchant)
    email, description, lines = validate_proposal(merchant, proposal, now)
    shop = _lock_shop(session, merchant)
    customer_id = customers.receive_offer(session, shop, email, merchant.language, now)
    last_day = _last_day(business_date(now, shop.timezone), proposal, lines)
    shop.currency_fixed_at = shop.currency_fixed_at or now
    text = _terms_text(shop, email, description, proposal, lines, last_day)
    plan = Plan(
        merchant_id=shop.id,
        id=new_id(),
        reference=_new_reference(),
        customer_id=customer_id,
        customer_email=email,
        created_by=merchant.id,
        description=description,
        total=proposal.total,
        currency=shop.currency,
        num_installments=len(lines) - (proposal.deposit is not None),
        frequency=proposal.frequency,
        start_date=_installments(lines)[0].due_on,
        deposit=proposal.deposit,
        first_due=proposal.first_due or FirstDue.DATE,
        state=PlanState.OFFERED,
        terms=text,
        terms_hash=terms.hash_text(text),
        last_day=last_day,
        created_at=now,
        updated_at=now,
    )
    _insert(session, plan, lines)
    search_words.add(session, plan, shop.name, lines)
    record_and_notify(session, plan, "plan_offered", "offer_sent", customer_id, merchant.id, now)
    return plan.id


def _installments(lines: tuple[Line, ...]) -> list[Line]:
    return [line for line in lines if line.kind != Kind.DEPOSIT]


def _last_day(today: date, proposal: Proposal, lines: tuple[Line, ...]) -> date:
    """The last day to accept: so many days on, and before the first fixed date that comes after a deposit."""
    last_day = offer_last_day(today, proposal.valid_days or OFFER_DAYS)
    first = _installments(lines)[0]
    if proposal.deposit is None or first.due:
        return last_day
    return min(last_day, first.due_on - timedelta(days=1))


def _lock_shop(session: Session, merchant: Actor) -> Merchant:
    """Offers of one shop wait for each other here, so that they are counted, and the first fixes its currency.

    Raises ``Conflict`` when the shop is suspended, or its currency is another than the one the offer was made in.
    """
    shop = session.get_one(
        Merchant, merchant.merchant_id, with_for_update={"key_share": True}, populate_existing=True
    )
    if shop.suspended_at:
        raise Conflict(
            N_("Your shop is suspended, so it cannot send offers. Contact support."), code="shop_suspended"
        )
    if shop.currency != merchant.currency:
        raise Conflict(N_("Your shop's currency has changed meanwhile. Check the amounts and send again."))
    return shop


def check_may_offer(session: Session, merchant: Actor) -> None:
    """Only a shop can, and its first offer needs a verified address."""
    offered = select(Plan.id).where(Plan.merchant_id == merchant.merchant_id).limit(1)
    if merchant.must_verify and session.scalars(offered).first() is None:
        verification.require_verified(merchant)


def _terms_text(
    shop: Merchant, email: str, description: str, proposal: Proposal, lines: tuple[Line, ...], last_day: date
) -> str:
    return terms.write_terms(
        seller=shop.name,
        support=shop.support_email,
        buyer=email,
        description=description,
        currency=shop.currency,
        frequency=proposal.frequency,
        lines=lines,
        last_day=last_day,
        timezone=shop.timezone,
        paid_before=proposal.paid_before or 0,
    ).canonical()


def _insert(session: Session, plan: Plan, lines: tuple[Line, ...]) -> None:
    session.add(plan)
    session.flush()
    rows = [
        {
            "merchant_id": plan.merchant_id,
            "id": new_id(),
            "plan_id": plan.id,
            "number": line.number,
            "amount": line.amount,
            "due_on": line.due_on,
            "due_fixed": not line.due,
        }
        for line in lines
    ]
    insert_rows(session, Installment, rows)


def validate_proposal(
    merchant: Actor, proposal: Proposal, now: datetime
) -> tuple[str, str, tuple[Line, ...]]:
    """The address and the description as they are stored, and the schedule; names every field at fault at once."""
    email = description = ""
    lines: tuple[Line, ...] = ()
    with collecting() as faults:
        with faults.caught():
            email = clean_email(proposal.customer_email, "customer_email")
            if email == merchant.email:
                raise InvalidInput.at("customer_email", N_("You cannot offer a plan to yourself."))
        with faults.caught():
            description = clean_line(proposal.description, "description", longest=DESCRIPTION_LONGEST)
        with faults.caught():
            lines = preview(merchant, proposal, now)
        if proposal.valid_days is not None and not 1 <= proposal.valid_days <= MOST_OFFER_DAYS:
            faults.add("valid_days", N_("Choose 1 to %(most)s days."), most=MOST_OFFER_DAYS)
        if proposal.paid_before is not None and not 0 < proposal.paid_before < proposal.total:
            faults.add("paid_before", N_("What was paid before has to be less than the total."))
    return email, description, lines


def _new_reference() -> str:
    return "".join(secrets.choice(_REFERENCE_SIGNS) for _ in range(8))


def accept(
    session: Session, customer: Actor, plan_id: UUID, terms_hash: str | None, origin: Origin, now: datetime
) -> None:
    """Bind the customer to exactly the terms whose hash was shown, and post the debt, in one transaction.

    Dates that follow the acceptance are those of today. Without a hash, over the API, the customer's own token accepts
    the terms as they were offered; they never change.
    Raises ``Conflict`` for other terms or an offer that is no longer open, ``Forbidden`` for an address that is not
    verified. Only the plan's customer can do this.
    """
    verification.require_verified(customer)
    plan, today = lock_for_customer(session, customer, plan_id, now)
    agreed = terms.hash_text(terms.written_out(plan.terms, today))
    if terms_hash is not None and terms_hash != agreed:
        message = N_("The terms of this offer have changed. Read them again before you accept.")
        if agreed != plan.terms_hash:
            message = N_("The dates have moved by a day or more. Read them again before you accept.")
        raise Conflict(message, code="other_terms")
    activate(session, plan, customer, origin, "accepted", now, today)


def activate(
    session: Session, plan: Plan, customer: Actor, origin: Origin, how: str, now: datetime, today: date
) -> None:
    """Make the locked offer a debt of its customer: the evidence, the state, the postings, the emails.

    The caller has made sure that it is the customer who acts. Raises ``Conflict`` for an offer that is not open,
    ``Forbidden`` for an address that is not verified.
    """
    verification.require_verified(customer)
    state = states.shown_state(PlanState(plan.state), plan.last_day, today)
    # An ended plan becomes active again by a reversal, never by an answer to its offer.
    if state is not PlanState.OFFERED:
        raise Conflict(states.REFUSALS[state], code=f"plan_{state}")
    event = states.transition(state, PlanState.ACTIVE)
    # Read before the plan is written, which forgets it.
    contact = plan.shop_contact
    if plan.shop_suspended_at:
        raise Conflict(N_("This shop is suspended, so its offers cannot be accepted."), code="shop_suspended")
    text = terms.written_out(plan.terms, today)
    session.add(_evidence(plan, text, customer, origin, how, now))
    session.flush()
    plan.state, plan.acceptance_id, plan.accepted_on, plan.updated_at = PlanState.ACTIVE, plan.id, today, now
    session.flush()
    facts: dict[str, Any] = {}
    if text != plan.terms:
        dates = terms.dates(text)
        due_dates.fix(session, plan, dates)
        facts["start_date"] = dates[1 if plan.deposit is None else 2].isoformat()
    ledger.agree(session, plan, now, today)
    search_words.name_customer(session, plan, customer.name)
    if before := terms.paid_before(plan.terms):
        lines = spread(installments_of(session, plan), before)
        ledger.record(session, plan, Entry.PAID_BEFORE, lines, ledger.Cause(), now, today)
    record_and_notify(session, plan, event, "plan_accepted", plan.customer_id, plan.customer_id, now, **facts)
    queue_email(session, plan, "plan_accepted_shop", contact, now, **facts)


def _evidence(plan: Plan, text: str, customer: Actor, origin: Origin, how: str, now: datetime) -> Acceptance:
    return Acceptance(
        merchant_id=plan.merchant_id,
        plan_id=plan.id,
        customer_id=plan.customer_id,
        terms=text,
        terms_hash=terms.hash_text(text),
        accepted_at=now,
        address=origin.address[:64],
        user_agent=origin.user_agent[:400],
        how=how,
        address_verified=customer.email_verified,
    )


def decline(session: Session, customer: Actor, plan_id: UUID, now: datetime) -> None:
    """Decline an open offer. Raises ``Conflict`` if it is not open, ``Forbidden`` for an unverified address."""
    verification.require_verified(customer)
    decline_unproved(session, customer, plan_id, now)


def decline_unproved(session: Session, customer: Actor, plan_id: UUID, now: datetime) -> None:
    """Decline an open offer of whoever has the account. Raises ``Conflict`` if it is not open."""
    plan, today = lock_for_customer(session, customer, plan_id, now)
    event = states.transition(
        states.shown_state(PlanState(plan.state), plan.last_day, today), PlanState.DECLINED
    )
    contact = plan.shop_contact
    plan.state, plan.updated_at = PlanState.DECLINED, now
    session.flush()
    record_and_notify(session, plan, event, "offer_declined", contact, customer.id, now)


def revoke(session: Session, merchant: Actor, plan_id: UUID, now: datetime) -> None:
    """Revoke an open offer. Raises ``Conflict`` if it is not open."""
    plan, today = lock_for_merchant(session, merchant, plan_id, now)
    event = states.transition(
        states.shown_state(PlanState(plan.state), plan.last_day, today), PlanState.REVOKED
    )
    plan.state, plan.updated_at = PlanState.REVOKED, now
    session.flush()
    record_and_notify(session, plan, event, "offer_revoked", plan.customer_id, merchant.id, now)


def expire(
    session: Session, merchant_id: UUID, zone: str, today: date, now: datetime, batch: int = EXPIRE_BATCH
) -> int:
    """End offers of this time zone whose last day is before ``today``; returns how many, at most ``batch``."""
    past = (
        select(Plan)
        .where(
            Plan.merchant_id == merchant_id,
            Plan.state == PlanState.OFFERED,
            Plan.last_day < today,
            Plan.timezone == zone,
        )
        .order_by(Plan.id)
        .limit(batch)
        .options(with_contact)
        .with_for_update(key_share=True, of=Plan)
        .execution_options(populate_existing=True)
    )
    plans = list(session.scalars(past))
    for plan in plans:
        event = states.transition(PlanState(plan.state), PlanState.EXPIRED)
        contact = plan.shop_contact
        plan.state, plan.updated_at = PlanState.EXPIRED, now
        session.flush()
        record_and_notify(session, plan, event, "offer_expired", contact, None, now)
    return len(plans)
