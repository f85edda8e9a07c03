"""What a failed automatic payment leads to: the email that says what comes next, and the end of an unusable card."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, and_, bindparam, select, update
from sqlalchemy.orm import Session

from portal.core.autopay import CARD_UNUSABLE, TRY_AGAIN_AFTER, Attempt, Consent, next_attempt
from portal.core.calendar import business_date
from portal.models import Attempt as AttemptRow
from portal.models import Installment, Mandate, Payment, Plan

from . import events
from .notifications import queue_email


def tell_failed(session: Session, plan: Plan, payment_id: UUID, facts: dict[str, Any], now: datetime) -> bool:
    """Queue the email about a payment that failed, if it was an automatic attempt; whether it was one.

    A card that is of no more use ends the consent.
    """
    ours = {"merchant": plan.merchant_id, "payment": payment_id}
    found = session.execute(_OF_PAYMENT, ours).one_or_none()
    if found is None:
        return False
    if facts["outcome"] == CARD_UNUSABLE:
        end(session, plan, found.mandate_id, CARD_UNUSABLE, None, now)
    consent = session.execute(_CONSENT, {"merchant": plan.merchant_id, "mandate": found.mandate_id}).one()
    made = attempts_of(attempts(session, plan), found.installment_id, found.mandate_id)
    following = next_attempt(found.due_on, Consent(*consent), made, plan.timezone)
    about = facts | {
        "number": found.number,
        "due_on": found.due_on.isoformat(),
        "brand": found.brand,
        "last_four": found.last_four,
        "next_on": business_date(following, plan.timezone).isoformat() if following else None,
    }
    queue_email(session, plan, "autopay_notice", plan.customer_id, now, payment_id, **about)
    return True


def end(
    session: Session,
    plan: Plan,
    mandate_id: UUID | None,
    reason: str,
    actor_id: UUID | None,
    now: datetime,
) -> None:
    """End a consent of a plan, for good, if it is in force; without an id whichever is.

    ``reason`` is ``stopped``, ``card_unusable`` or ``plan_ended``; without a card there is no event.
    """
    ours = {"merchant": plan.merchant_id, "plan": plan.id, "at": now}
    one = {"mandate": mandate_id} if mandate_id else {}
    if any(session.scalars(_END if one else _END_ANY, ours | one).all()):
        about: dict[str, Any] = {"merchant_id": plan.merchant_id, "plan_id": plan.id, "at": now}
        events.record(session, "autopay_off", actor_id=actor_id, **about, reason=reason)


def attempts(session: Session, plan: Plan) -> list[Row[Any]]:
    """Every attempt of a plan with its payment's outcome, in order."""
    return list(session.execute(_OF_PLAN, {"merchant": plan.merchant_id, "plan": plan.id}))


def attempts_of(rows: Iterable[Row[Any]], installment_id: UUID, mandate_id: UUID) -> list[Attempt]:
    """Those of one installment. How one ended counts only for the card with which it was made."""
    return [
        Attempt(row.made_on, row.mandate_id == mandate_id and row.outcome not in TRY_AGAIN_AFTER)
        for row in rows
        if row.installment_id == installment_id
    ]


ATTEMPTS = (
    select(
        AttemptRow.plan_id,
        AttemptRow.installment_id,
        AttemptRow.mandate_id,
        AttemptRow.made_on,
        Payment.outcome,
    )
    .join(Payment, and_(Payment.merchant_id == AttemptRow.merchant_id, Payment.id == AttemptRow.payment_id))
    .order_by(AttemptRow.installment_id, AttemptRow.number)
)
_OF_PLAN = ATTEMPTS.where(
    AttemptRow.merchant_id == bindparam("merchant"), AttemptRow.plan_id == bindparam("plan")
)
_OF_PAYMENT = (
    select(
        AttemptRow.mandate_id,
        AttemptRow.installment_id,
        Installment.number,
        Installment.due_on,
        Mandate.brand,
        Mandate.last_four,
    )
    .join(
        Installment,
        and_(Installment.merchant_id == AttemptRow.merchant_id, Installment.id == AttemptRow.installment_id),
    )
    .join(Mandate, and_(Mandate.merchant_id == AttemptRow.merchant_id, Mandate.id == AttemptRow.mandate_id))
    .where(AttemptRow.merchant_id == bindparam("merchant"), AttemptRow.payment_id == bindparam("payment"))
)
_CONSENT = select(Mandate.given_at, Mandate.revoked_at).where(
    Mandate.merchant_id == bindparam("merchant"), Mandate.id == bindparam("mandate")
)
_END_ANY = (
    update(Mandate)
    .where(
        Mandate.merchant_id == bindparam("merchant"),
        Mandate.plan_id == bindparam("plan"),
        Mandate.revoked_at.is_(None),
    )
    .values(revoked_at=bindparam("at"))
    .returning(Mandate.saved_at)
    .execution_options(synchronize_session=False)
)
_END = _END_ANY.where(Mandate.id == bindparam("mandate"))
