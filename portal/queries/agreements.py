"""What was agreed on a plan, with its evidence, for its two parties; what was never accepted is not found here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.core.errors import NotFound
from portal.core.roles import Actor
from portal.core.terms import hash_text
from portal.models import Acceptance, Plan, User

from .listing import owned_by


@dataclass(frozen=True, slots=True)
class Agreement:
    """The accepted ``terms`` as canonical text, the hash stored with them, and who agreed, when and how."""

    plan_id: UUID
    reference: str
    description: str
    timezone: str
    customer_name: str
    customer_email: str
    terms: str
    terms_hash: str
    accepted_at: datetime
    how: str
    address_verified: bool

    @property
    def text_matches_hash(self) -> bool:
        """Whether the text still has the hash that was stored when it was accepted, computed anew."""
        return hash_text(self.terms) == self.terms_hash


def get_agreement(session: Session, party: Actor, plan_id: UUID) -> Agreement:
    """Raises ``NotFound`` for another's plan, and for one that was never accepted."""
    found = find_agreement(session, party, plan_id)
    if found is None:
        raise NotFound()
    return found


def find_agreement(session: Session, party: Actor, plan_id: UUID) -> Agreement | None:
    """The agreement of the party's own plan: the customer's or the merchant's."""
    row = session.execute(
        select(
            Plan.id,
            Plan.reference,
            Plan.description,
            Plan.timezone,
            User.name,
            Plan.customer_email,
            Acceptance.terms,
            Acceptance.terms_hash,
            Acceptance.accepted_at,
            Acceptance.how,
            Acceptance.address_verified,
        )
        .join(Acceptance, (Acceptance.merchant_id == Plan.merchant_id) & (Acceptance.plan_id == Plan.id))
        .join(User, User.id == Acceptance.customer_id)
        .where(Plan.id == plan_id, owned_by(party))
    ).one_or_none()
    return Agreement(*tuple(row)) if row else None
