"""The changes of a plan's dates, as its two parties see them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.core import amendments as rules
from portal.core.amendments import AmendmentState, Due, Effect, Move
from portal.core.errors import NotFound
from portal.core.terms import hash_text
from portal.models import Amendment

from .read_models import PlanView


@dataclass(frozen=True, slots=True)
class AmendmentView:
    """An amendment today: an open one past its last day counts as expired.

    ``can_keep``: the customer can still have the old dates back. ``terms_hash`` is that of the terms as they would be;
    ``text_matches_hash``: their text still has it, computed anew.
    """

    number: int
    by_customer: bool
    reason: str
    moves: tuple[Move, ...]
    effect: Effect
    state: AmendmentState
    proposed_at: datetime
    last_day: date
    ended_at: datetime | None
    accepted_at: datetime | None
    terms_hash: str
    text_matches_hash: bool
    can_keep: bool

    @property
    def shop_agreed_at(self) -> datetime | None:
        """When the shop said yes to one that is in force; None where it had let the customer do it alone."""
        if not self.by_customer:
            return self.proposed_at
        return None if self.ended_at == self.proposed_at else self.ended_at

    @property
    def worse_from(self) -> Due | None:
        """If it is worse for the customer: from which day on, and by how many minor units."""
        return rules.worse_from(self.moves)


def amendments_of(session: Session, plan: PlanView, now: datetime) -> tuple[AmendmentView, ...]:
    """Those of a plan, the newest first."""
    query = select(Amendment).where(Amendment.merchant_id == plan.merchant_id, Amendment.plan_id == plan.id)
    rows = session.scalars(query.order_by(Amendment.number.desc())).all()
    return tuple(_view(row, plan.today, now, latest=row is rows[0]) for row in rows)


def get_amendment(session: Session, plan: PlanView, number: int, now: datetime) -> AmendmentView:
    """Raises ``NotFound`` for a number that the plan does not have."""
    found = [one for one in amendments_of(session, plan, now) if one.number == number]
    if not found:
        raise NotFound()
    return found[0]


def _view(row: Amendment, today: date, now: datetime, *, latest: bool) -> AmendmentView:
    state = rules.shown_state(AmendmentState(row.state), row.last_day, today)
    return AmendmentView(
        row.number,
        row.by_customer,
        row.reason,
        tuple(Move.of(kept) for kept in row.lines),
        Effect(row.effect),
        state,
        row.proposed_at,
        row.last_day,
        row.ended_at,
        row.accepted_at,
        row.terms_hash,
        hash_text(row.terms) == row.terms_hash,
        latest and rules.can_keep_old_dates(state, row.proposed_at, row.accepted_at, now),
    )
