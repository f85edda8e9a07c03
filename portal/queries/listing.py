"""One plan as its own two parties see it, and whose plans are whose."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, bindparam, select
from sqlalchemy.orm import Session

from portal.core.errors import NotFound
from portal.core.roles import Actor
from portal.models import Plan

from .read_models import (
    PlanView,
    load_plan_views,
    with_view_columns,
)


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
