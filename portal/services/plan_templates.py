"""The templates of a shop: saved, renamed and removed."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal.core.errors import N_, Conflict, InvalidInput, NotFound
from portal.core.plan_templates import MOST_TEMPLATES, Template, check_template, clean_template_name
from portal.core.roles import Actor
from portal.models import PlanTemplate

from . import shops


def save(session: Session, merchant: Actor, template: Template, now: datetime) -> UUID:
    """Returns its id. Raises ``InvalidInput``, also for the name of another template of the shop, and ``Conflict`` at
    the limit."""
    template = check_template(template)
    shops.lock(session, merchant.merchant_id)
    _check_free(session, merchant, template.name)
    count = session.scalars(select(func.count()).where(_own(merchant))).one()
    if count >= MOST_TEMPLATES:
        raise Conflict(
            N_("A shop can have %(most)s templates. Delete one first."), code="too_many_templates", most=count
        )
    saved = PlanTemplate(merchant_id=merchant.merchant_id, created_at=now, **asdict(template))
    session.add(saved)
    session.flush()
    return saved.id


def rename(session: Session, merchant: Actor, template_id: UUID, name: str) -> None:
    """Raises ``NotFound``, and ``InvalidInput`` at ``template_name``."""
    shops.lock(session, merchant.merchant_id)
    template = _get(session, merchant, template_id)
    name = clean_template_name(name)
    if name != template.name:
        _check_free(session, merchant, name)
        template.name = name
        session.flush()


def remove(session: Session, merchant: Actor, template_id: UUID) -> None:
    """Plans that were made from it stay as they are. Raises ``NotFound``."""
    shops.lock(session, merchant.merchant_id)
    session.delete(_get(session, merchant, template_id))
    session.flush()


def _get(session: Session, merchant: Actor, template_id: UUID) -> PlanTemplate:
    template = session.get(PlanTemplate, (merchant.merchant_id, template_id))
    if template is None:
        raise NotFound()
    return template


def _own(merchant: Actor) -> Any:
    return PlanTemplate.merchant_id == merchant.merchant_id


def _check_free(session: Session, merchant: Actor, name: str) -> None:
    if session.scalars(select(PlanTemplate.id).where(_own(merchant), PlanTemplate.name == name)).first():
        raise InvalidInput.at("template_name", N_("Another template has this name."))
