"""Take what is due from saved cards: the oldest due line of each plan, as a normal payment, once a day at most."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, and_, or_, select
from sqlalchemy.orm import Session

from portal.adapters.payments import Charge, Gateway
from portal.core.autopay import Consent, next_attempt
from portal.core.calendar import business_date
from portal.core.payments import Provider
from portal.core.states import PlanState
from portal.models import Attempt, Installment, Mandate, Merchant, Plan, ProviderKey, User, new_id

from . import autopay_notices
from .autopay_notices import ATTEMPTS, attempts_of
from .charges import saved_card
from .payment_settlement import Answer
from .payments import begin, find_account, write_payment
from .plans import lock
from .settling import settle_each
from .transaction import insert_rows, unit_of_work

# The date is nowhere later than this beside UTC.
FARTHEST_AHEAD = timedelta(hours=14)


def take_due(session: Session, gateway: Gateway, now: datetime) -> dict[str, int]:
    """Take what is due now; returns how many payments were attempted, and how many plans could not be settled."""
    due = _due_plans(session, now)
    session.rollback()
    attempted, failed = settle_each(session, due, lambda row: _take(session, gateway, row, now))
    return {"attempted": attempted, "failed": failed}


def _due_plans(session: Session, now: datetime) -> list[Row[Any]]:
    """A row of each plan of which something is to be taken."""
    tried: dict[UUID, list[Row[Any]]] = {}
    of_mandates = and_(Mandate.merchant_id == Attempt.merchant_id, Mandate.plan_id == Attempt.plan_id)
    ours: Any = session.execute(ATTEMPTS.join(Mandate, of_mandates).where(Mandate.revoked_at.is_(None)))
    for row in ours:
        tried.setdefault(row.plan_id, []).append(row)
    rows: Any = session.execute(_lines(now))
    due: list[Row[Any]] = []
    for plan_id, lines in groupby(rows, lambda row: row.plan_id):
        line = _line_due(list(lines), tried.get(plan_id, []), now)
        if line is not None:
            due.append(line)
    return due


def _take(session: Session, gateway: Gateway, due: Row[Any], now: datetime) -> Answer | None:
    """Read the plan again under its lock and take the line that is due then; None if there is none any more."""
    with unit_of_work(session):
        begun = _intend(session, due.merchant_id, due.plan_id, now)
    return begin(session, gateway, due.merchant_id, due.plan_id, begun, now) if begun else None


def _intend(session: Session, merchant_id: UUID, plan_id: UUID, now: datetime) -> Charge | None:
    plan, today = lock(session, merchant_id, plan_id, now)
    ours = Mandate.merchant_id == merchant_id, Mandate.plan_id == plan_id
    lines = session.execute(_lines(now).where(*ours)).all()
    tried = autopay_notices.attempts(session, plan)
    line = _line_due(lines, tried, now)
    if line is None:
        return None
    attempt = {
        "merchant_id": merchant_id,
        "installment_id": line.id,
        "number": 1 + sum(row.installment_id == line.id for row in tried),
        "plan_id": plan_id,
        "mandate_id": line.mandate_id,
        "payment_id": new_id(),
        "made_on": today,
    }
    owed, card = {line.id: line.owed}, saved_card(line)
    account = find_account(line)
    charge = write_payment(session, plan, attempt["payment_id"], owed, line, account, now, card)
    insert_rows(session, Attempt, [attempt])
    return charge


def _line_due(lines: Sequence[Row[Any]], tried: Iterable[Row[Any]], now: datetime) -> Row[Any] | None:
    """The oldest line of a plan that is to be taken now; none on a day with an attempt, or during a payment."""
    tried = list(tried)
    if not lines or any(line.processing for line in lines):
        return None
    zone = lines[0].timezone
    if any(row.made_on >= business_date(now, zone) for row in tried):
        return None
    for line in lines:
        made = attempts_of(tried, line.id, line.mandate_id)
        at = next_attempt(line.due_on, Consent(line.given_at), made, zone)
        if at and at <= now:
            return line
    return None


def _lines(now: datetime) -> Select[*tuple[Any, ...]]:
    """What is owed and due on plans with a saved card, the oldest of each plan first."""
    query: Any = (
        select(*_OF_LINE)
        .join(Plan, and_(Plan.merchant_id == Mandate.merchant_id, Plan.id == Mandate.plan_id))
        .join(
            Installment,
            and_(Installment.merchant_id == Mandate.merchant_id, Installment.plan_id == Mandate.plan_id),
        )
        .join(Merchant, Merchant.id == Mandate.merchant_id)
        .join(User, User.id == Mandate.customer_id)
        .outerjoin(
            ProviderKey,
            and_(ProviderKey.merchant_id == Mandate.merchant_id, ProviderKey.provider == Mandate.provider),
        )
        .where(
            *IN_FORCE,
            Plan.state == PlanState.ACTIVE,
            Installment.owed > 0,
            Installment.due_on <= (now + FARTHEST_AHEAD).date(),
        )
        .order_by(Mandate.merchant_id, Mandate.plan_id, Installment.due_on, Installment.number)
    )
    return query


_OF_LINE = (
    Mandate.merchant_id,
    Mandate.plan_id,
    Mandate.id.label("mandate_id"),
    Mandate.given_at,
    Mandate.brand,
    Mandate.last_four,
    Mandate.provider_customer,
    Mandate.provider_reference.label("saved_reference"),
    Plan.timezone,
    Installment.id,
    Installment.due_on,
    Installment.owed,
    Installment.processing.label("processing"),
    User.test_card,
    User.email,
    Merchant.provider,
    ProviderKey.sealed_key,
)
# A mandate by which money can be taken: its shop still has that provider and is open, its customer can get emails.
IN_FORCE = (
    Mandate.revoked_at.is_(None),
    Mandate.saved_at.is_not(None),
    Mandate.provider == Merchant.provider,
    or_(Mandate.provider == Provider.SIMULATOR, ProviderKey.sealed_key.is_not(None)),
    Merchant.suspended_at.is_(None),
    User.deactivated_at.is_(None),
)
