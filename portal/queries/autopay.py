"""The automatic payments of a plan, as both parties see them: which card, since when, and what is taken next."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, bindparam, select
from sqlalchemy.orm import Session

from portal.core.autopay import TRY_AGAIN_AFTER, Attempt, Consent, next_attempt
from portal.core.states import PlanState
from portal.models import Attempt as AttemptRow
from portal.models import Mandate, Payment

from .read_models import PlanView


@dataclass(frozen=True, slots=True)
class Autopay:
    """A consent in force. Its card is saved, or the provider has not confirmed one yet: then ``brand`` is None.

    ``next_amount`` in minor units is taken at ``next_at``, None for nothing.
    """

    given_at: datetime
    brand: str | None
    last_four: str | None
    next_at: datetime | None
    next_amount: int


def find_autopay(session: Session, plan: PlanView, now: datetime) -> Autopay | None:
    """That of a plan which the caller may read; None without one, and for a plan that is not active."""
    if plan.state is not PlanState.ACTIVE:
        return None
    ours = {"merchant": plan.merchant_id, "plan": plan.id, "provider": plan.provider}
    mandate = session.execute(_IN_FORCE, ours).one_or_none()
    if mandate is None:
        return None
    at, amount = None, 0
    if mandate.brand and not plan.shop_suspended:
        tried = session.execute(_ATTEMPTS, ours).all()
        for line in plan.installments:
            made = [
                Attempt(row.made_on, row.mandate_id == mandate.id and row.outcome not in TRY_AGAIN_AFTER)
                for row in tried
                if row.installment_id == line.id
            ]
            due = next_attempt(line.due_on, Consent(mandate.given_at), made, plan.timezone)
            if line.owed and not line.processing and due and (at is None or due < at):
                at, amount = due, line.owed
    return Autopay(mandate.given_at, mandate.brand, mandate.last_four, at, amount)


# Built once: building a statement takes longer than running it.
_IN_FORCE = select(Mandate.id, Mandate.given_at, Mandate.brand, Mandate.last_four).where(
    Mandate.merchant_id == bindparam("merchant"),
    Mandate.plan_id == bindparam("plan"),
    Mandate.provider == bindparam("provider"),
    Mandate.revoked_at.is_(None),
)
_ATTEMPTS = (
    select(AttemptRow.installment_id, AttemptRow.mandate_id, AttemptRow.made_on, Payment.outcome)
    .join(Payment, and_(Payment.merchant_id == AttemptRow.merchant_id, Payment.id == AttemptRow.payment_id))
    .where(AttemptRow.merchant_id == bindparam("merchant"), AttemptRow.plan_id == bindparam("plan"))
    .order_by(AttemptRow.number)
)
