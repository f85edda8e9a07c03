"""Plans and installments of either party by page; keyset pagination, stable under concurrent inserts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, bindparam, literal, select, tuple_
from sqlalchemy.orm import Session

from portal.core.calendar import business_date
from portal.core.errors import NotFound
from portal.core.roles import Actor
from portal.core.schedule import FirstDue
from portal.core.states import PlanState, shown_state
from portal.models import Installment, Plan

from .read_models import (
    LINE,
    InstallmentView,
    PlanView,
    counted_from,
    following,
    installment_view,
    load_plan_views,
    load_plans,
    with_view_columns,
)
from .statuses import Today, installment_status, plan_status, today_of_plans


@dataclass(frozen=True, slots=True)
class ListedInstallment:
    """An installment outside of its plan, with the currency of its amounts."""

    installment: InstallmentView
    currency: str


def plans(
    session: Session, actor: Actor, now: datetime, *, status: str | None, before: UUID | None, limit: int
) -> list[PlanView]:
    """At most ``limit`` own plans, newest first, with installments; those older than the plan ``before``."""
    query = select(Plan).where(owned_by(actor)).order_by(Plan.id.desc()).limit(limit)
    if status:
        query = query.where(plan_status(status, _today(session, actor, now)))
    if before:
        query = query.where(Plan.id < before)
    return load_plans(session, query, now)


def installments(
    session: Session,
    actor: Actor,
    now: datetime,
    *,
    status: str | None,
    after: tuple[date, UUID] | None,
    limit: int,
) -> list[ListedInstallment]:
    """At most ``limit`` own installments by due date and id, those of offers too; those that come ``after``."""
    query = _installments().where(owned_by(actor)).order_by(Installment.due_on, Installment.id).limit(limit)
    if actor.member_of:
        query = query.where(Installment.merchant_id == actor.merchant_id)
    if status:
        query = query.where(installment_status(status, _today(session, actor, now)))
    if after:
        query = query.where(
            tuple_(Installment.due_on, Installment.id)
            > tuple_(literal(after[0], Installment.due_on.type), literal(after[1], Installment.id.type))
        )
    return _load(session, query, now)


def get_installment(session: Session, actor: Actor, installment_id: UUID, now: datetime) -> ListedInstallment:
    """Raises ``NotFound`` for another's."""
    found = _load(session, _installments().where(owned_by(actor), Installment.id == installment_id), now)
    if not found:
        raise NotFound()
    return found[0]


def get_plan(session: Session, actor: Actor, plan_id: UUID, now: datetime) -> PlanView:
    """The plan for either of its two parties. Raises ``NotFound`` for another's."""
    of_merchant = actor.member_of is not None
    statement = _one_plan(of_merchant, only_accepted=actor.must_verify and not of_merchant)
    found = load_plan_views(session, statement, {"plan": plan_id, "party": actor.member_of or actor.id}, now)
    if not found:
        raise NotFound()
    return found[0]


@cache
def _one_plan(of_merchant: bool, only_accepted: bool) -> Select[Any]:
    party = Plan.merchant_id if of_merchant else Plan.customer_id
    query = select(Plan).where(Plan.id == bindparam("plan"), party == bindparam("party"))
    return with_view_columns(query.where(Plan.acceptance_id.is_not(None)) if only_accepted else query)


def merchant_of_plan(session: Session, actor: Actor, plan_id: UUID) -> UUID:
    """Whose offer an own plan is. Raises ``NotFound`` for another's."""
    merchant_id = session.scalars(
        select(Plan.merchant_id).where(Plan.id == plan_id, owned_by(actor))
    ).one_or_none()
    if merchant_id is None:
        raise NotFound()
    return merchant_id


def currency_of_plan(session: Session, actor: Actor, plan_id: UUID) -> str:
    """The currency of an own plan's amounts. Raises ``NotFound`` for another's."""
    currency = session.scalars(select(Plan.currency).where(Plan.id == plan_id, owned_by(actor))).one_or_none()
    if currency is None:
        raise NotFound()
    return currency


def owned_by(actor: Actor) -> ColumnElement[bool]:
    """A member's plans are those that the shop offered, anybody else's those that were offered to that person."""
    return Plan.merchant_id == actor.merchant_id if actor.member_of else offered_to(actor)


def offered_to(customer: Actor) -> ColumnElement[bool]:
    """The customer's plans. Who has not verified the address sees no offer to it, but what was accepted before."""
    own = Plan.customer_id == customer.id
    return own & Plan.acceptance_id.is_not(None) if customer.must_verify else own


def _today(session: Session, actor: Actor, now: datetime) -> Today:
    """The date of the actor's plans, each in its own zone."""
    if actor.member_of:
        return today_of_plans(actor.timezones, now)
    zones = session.scalars(select(Plan.timezone).where(owned_by(actor)).distinct())
    return today_of_plans([*zones] or ["UTC"], now)


def _installments() -> Select[Any]:
    return select(*LINE, Installment.plan_id, *_OF_PLAN).join(Plan)


# What an installment shows of its plan.
_OF_PLAN = (
    *(Plan.state, Plan.last_day, Plan.currency, Plan.timezone, Plan.created_at, Plan.accepted_on),
    *(Plan.deposit, Plan.first_due, Plan.frequency),
)


def _load(session: Session, query: Select[Any], now: datetime) -> list[ListedInstallment]:
    listed = []
    for line in session.execute(query):
        today = business_date(now, line.timezone)
        shown = shown_state(PlanState(line.state), line.last_day, today)
        view = installment_view(line, line.plan_id, shown, today)
        if line.deposit is not None or line.first_due == FirstDue.ACCEPTANCE:
            view = following(view, line, counted_from(line, shown, today))
        listed.append(ListedInstallment(view, line.currency))
    return listed
