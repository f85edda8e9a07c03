"""Offers that went to a wrong address: ended by who got them, and sent again by the shop to the right one."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from portal.core import states
from portal.core.accounts import clean_email
from portal.core.calendar import business_date
from portal.core.errors import N_, InvalidInput, NotFound
from portal.core.roles import Actor
from portal.core.schedule import LAST, FirstDue, Frequency, due_dates
from portal.core.states import PlanState
from portal.models import Customer, Plan

from . import events, offers, plans
from .notifications import record_and_notify
from .offers import Proposal


def refuse(session: Session, plan_id: UUID, user_id: UUID, stop: bool, now: datetime) -> None:
    """End an open offer that is not for the person who got it, and tell the shop; with ``stop`` it can send no more.

    The link of the offer's email is enough: no account is needed to be left alone. Raises ``NotFound`` and
    ``Conflict``.
    """
    own = Plan.id == plan_id, Plan.customer_id == user_id
    merchant_id = session.scalars(select(Plan.merchant_id).where(*own)).one_or_none()
    if merchant_id is None:
        raise NotFound()
    plan, today = plans.lock(session, merchant_id, plan_id, now)
    shown = states.shown_state(PlanState(plan.state), plan.last_day, today)
    states.transition(shown, PlanState.DECLINED)
    # Read before the plan is written, which forgets it.
    contact = plan.shop_contact
    plan.state, plan.updated_at = PlanState.DECLINED, now
    session.flush()
    if stop:
        customer = Customer.merchant_id == merchant_id, Customer.user_id == user_id
        session.execute(update(Customer).where(*customer).values(offers_stopped_at=now))
    record_and_notify(session, plan, "offer_not_for_me", "offer_not_for_me", contact, None, now, stopped=stop)


def correct(session: Session, merchant: Actor, plan_id: UUID, email: str, now: datetime) -> UUID:
    """Send an offer that nobody answered to another address instead; returns the id of the new offer.

    What was offered never changes, its address included: the old offer ends, and its link with it. Raises
    ``InvalidInput`` at ``customer_email``, ``Conflict`` for an offer that is not open, and as ``offers.offer`` does.
    """
    email = clean_email(email, "customer_email")
    wrong = session.scalars(
        select(Plan).where(Plan.merchant_id == merchant.merchant_id, Plan.id == plan_id)
    ).one_or_none()
    if wrong is None:
        raise NotFound()
    if email == wrong.customer_email:
        raise InvalidInput.at("customer_email", N_("This is the address that the offer was sent to."))
    new_id = offers.offer(session, merchant, _proposal_of(session, wrong, email), now)
    plan, today = plans.lock_for_merchant(session, merchant, plan_id, now)
    states.transition(states.shown_state(PlanState(plan.state), plan.last_day, today), PlanState.REVOKED)
    plan.state, plan.updated_at = PlanState.REVOKED, now
    session.flush()
    events.record(
        session,
        "offer_address_corrected",
        merchant_id=plan.merchant_id,
        actor_id=merchant.id,
        plan_id=plan.id,
        at=now,
        offer=str(new_id),
        email=email,
    )
    return new_id


def _proposal_of(session: Session, plan: Plan, email: str) -> Proposal:
    """What was asked for with an offer, for another address."""
    return Proposal(
        email,
        plan.description,
        plan.total,
        plan.num_installments,
        plan.start_date,
        Frequency(plan.frequency),
        max((plan.last_day - business_date(plan.created_at, plan.timezone)).days, 1),
        lines=_own_lines(session, plan),
        deposit=plan.deposit,
        first_due=FirstDue(plan.first_due),
        day_of_month=_month_day(session, plan),
    )


def _month_day(session: Session, plan: Plan) -> str | None:
    """The last of each month, if the plan's dates are those and not counted from the first."""
    if plan.frequency != Frequency.MONTHLY or plan.first_due != FirstDue.DATE:
        return None
    dates = tuple(line.due_on for line in plans.installments_of(session, plan) if line.due_fixed)
    return LAST if dates != due_dates(plan.start_date, Frequency.MONTHLY, len(dates)) else None


def _own_lines(session: Session, plan: Plan) -> tuple[tuple[int, date], ...] | None:
    """The amounts and dates of a plan for which they were chosen one by one."""
    if plan.frequency != Frequency.OWN:
        return None
    lines = plans.installments_of(session, plan)
    return tuple((line.amount, line.due_on) for line in lines if line.due_fixed)
