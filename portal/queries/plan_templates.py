"""The templates of a shop."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal.core.errors import NotFound
from portal.core.plan_templates import Template
from portal.core.roles import Actor
from portal.core.schedule import FirstDue, Frequency
from portal.models import PlanTemplate


@dataclass(frozen=True, slots=True)
class SavedTemplate:
    id: UUID
    template: Template


def list_templates(session: Session, merchant: Actor) -> list[SavedTemplate]:
    """In the order of their names: one statement."""
    query = select(PlanTemplate).where(PlanTemplate.merchant_id == merchant.merchant_id)
    return [_saved(row) for row in session.scalars(query.order_by(func.lower(PlanTemplate.name)))]


def get_template(session: Session, merchant: Actor, template_id: UUID) -> Template:
    """Raises ``NotFound``."""
    row = session.get(PlanTemplate, (merchant.merchant_id, template_id))
    if row is None:
        raise NotFound()
    return _saved(row).template


def _saved(row: PlanTemplate) -> SavedTemplate:
    template = Template(
        row.name,
        row.num_installments,
        Frequency(row.frequency),
        FirstDue(row.first_due),
        row.day_of_month,
        row.deposit,
        row.valid_days,
    )
    return SavedTemplate(row.id, template)
