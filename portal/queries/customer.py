"""What a customer sees: own plans, own offers, own receipts; another's does not exist."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import and_, bindparam, case, func, or_, select
from sqlalchemy.orm import Session

from portal.core.calendar import FARTHEST_ZONES, business_date
from portal.core.errors import NotFound
from portal.core.roles import Actor
from portal.core.states import PlanState, shown_state
from portal.models import Installment, Payment, Plan
from portal.statements import Reading

from .read_models import PlanView, plan_views, with_view_columns
from .timeline import PaymentView, payments, payments_query

# Plans on a page.
PAGE = 20


@dataclass(frozen=True, slots=True)
class Totals:
    """What a customer owes in one currency; amounts in minor units."""

    currency: str
    owed: int
    overdue: int


@dataclass(frozen=True, slots=True)
class Home:
    """A page of a customer's plans: offers by their last day, then what is to pay by its next day, then the rest.

    ``totals`` and ``offer_count`` are of all pages. ``upcoming`` is what is due next and ``plan`` the one that was
    asked for, on whatever page they are.
    """

    offers: list[PlanView]
    active: list[PlanView]
    finished: list[PlanView]
    totals: list[Totals]
    offer_count: int
    upcoming: PlanView | None
    plan: PlanView | None
    page: int
    pages: int


def get_home(
    session: Session, customer: Actor, now: datetime, page: int = 1, plan_id: UUID | None = None
) -> Home:
    """A page of the customer's plans, that of the plan if one is named: two statements. No plan has its terms' text.

    A page that is not there gives the nearest. Raises ``NotFound`` for another's plan.
    """
    outlines = sorted(_outlines(session, customer, now), key=lambda outline: outline.place)
    ids = [outline.row.id for outline in outlines]
    if plan_id is not None:
        if plan_id not in ids:
            raise NotFound()
        page = ids.index(plan_id) // PAGE + 1
    pages = max(-(-len(ids) // PAGE), 1)
    page = min(max(page, 1), pages)
    shown = ids[(page - 1) * PAGE : page * PAGE]
    upcoming = next((outline.row.id for outline in outlines if outline.state is PlanState.ACTIVE), None)
    wanted = [outline.row for outline in outlines if outline.row.id in {*shown, upcoming, plan_id}]
    views = {view.id: view for view in plan_views(session, wanted, now)}
    listed = [views[one] for one in shown]
    return Home(
        offers=[view for view in listed if view.state is PlanState.OFFERED],
        active=[view for view in listed if view.state is PlanState.ACTIVE],
        finished=[view for view in listed if view.state not in (PlanState.OFFERED, PlanState.ACTIVE)],
        totals=_totals(outlines),
        offer_count=sum(outline.state is PlanState.OFFERED for outline in outlines),
        upcoming=views.get(upcoming) if upcoming else None,
        plan=views.get(plan_id) if plan_id else None,
        page=page,
        pages=pages,
    )


@dataclass(frozen=True, slots=True)
class _Outline:
    """A plan's row with its place and its part of the totals; amounts in minor units, of active plans only."""

    row: Any
    state: PlanState
    overdue: int

    @property
    def place(self) -> tuple[int, date, int]:
        """The newest first among those of the same day."""
        days = {
            PlanState.OFFERED: (0, self.row.last_day),
            PlanState.ACTIVE: (1, self.row.next_day or date.max),
        }
        return *days.get(self.state, (2, date.min)), -self.row.id.int


def _outlines(session: Session, customer: Actor, now: datetime) -> list[_Outline]:
    """All plans of the customer, one row for each, with what is owed and what is late of it."""
    days = {f"late{place}": business_date(now, zone) for place, zone in enumerate(FARTHEST_ZONES)}
    late_on = {day: name for name, day in days.items()}
    found = []
    for row in _plans_of(customer.must_verify).named(session, customer=customer.id, **days):
        today = business_date(now, row.timezone)
        state = shown_state(PlanState(row.state), row.last_day, today)
        overdue = getattr(row, late_on[today])
        found.append(_Outline(row, state, int(overdue or 0)))
    return found


@cache
def _plans_of(only_accepted: bool) -> Reading:
    """The plans of ``customer`` with what is owed of each, and what is late on the days ``late0`` to ``late2``."""
    whose = Plan.customer_id == bindparam("customer")
    owed = Installment.owed
    late = (
        func.sum(
            case((or_(Installment.late_on.is_not(None), Installment.due_on < bindparam(name)), owed), else_=0)
        ).label(name)
        for name in (f"late{place}" for place in range(len(FARTHEST_ZONES)))
    )
    sums = (
        select(
            Installment.merchant_id,
            Installment.plan_id,
            func.min(Installment.due_on).label("next_day"),
            func.sum(owed).label("owed"),
            *late,
        )
        .join(Plan)
        .where(whose, Plan.state == PlanState.ACTIVE, owed > 0)
        .group_by(Installment.merchant_id, Installment.plan_id)
        .subquery()
    )
    # Who has not verified the address sees no offer to it, but what was accepted before.
    seen = (whose, Plan.acceptance_id.is_not(None)) if only_accepted else (whose,)
    plans = with_view_columns(select(Plan).where(*seen), terms=False)
    own = and_(sums.c.merchant_id == Plan.merchant_id, sums.c.plan_id == Plan.id)
    return Reading(plans.outerjoin(sums, own).add_columns(*list(sums.c)[2:]))


def _totals(outlines: list[_Outline]) -> list[Totals]:
    sums: dict[str, tuple[int, int]] = {}
    for outline in outlines:
        if outline.state is PlanState.ACTIVE:
            owed, overdue = sums.get(outline.row.currency, (0, 0))
            sums[outline.row.currency] = owed + int(outline.row.owed or 0), overdue + outline.overdue
    return [Totals(currency, *amounts) for currency, amounts in sums.items()]


def plan_of_installment(session: Session, customer: Actor, installment_id: UUID) -> UUID:
    """The id of the customer's plan that holds the installment. Raises ``NotFound`` for another's."""
    query = (
        select(Plan.id)
        .join(Installment)
        .where(Installment.id == installment_id, Plan.customer_id == customer.id)
    )
    plan_id = session.scalars(query).one_or_none()
    if plan_id is None:
        raise NotFound()
    return plan_id


def get_payment(session: Session, customer: Actor, payment_id: UUID) -> PaymentView:
    """Raises ``NotFound`` for another's."""
    found = payments(
        session, payments_query().where(Payment.id == payment_id, Payment.customer_id == customer.id)
    )
    if not found:
        raise NotFound()
    return found[0]
