"""What a merchant sees of its own plans: lists by page, and one plan; another's does not exist."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from operator import attrgetter
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, case, exists, func, literal, select, true, tuple_
from sqlalchemy.orm import Session, aliased

from portal.core.errors import NotFound
from portal.core.ledger import amounts_of
from portal.core.roles import Actor
from portal.models import Installment, Payment, Plan

from . import metrics
from .read_models import PlanView, load_plans
from .searching import plans_hold
from .statuses import Today, plan_status, today_of_plans
from .timeline import PaymentView, payments, payments_query

PAGE = 50
# A list of more plans than these is not counted to its end, so that its totals cost no more than these.
MOST_SUMMED = 2000
# On the dashboard, which is short on a phone.
LATEST = 4


@dataclass(frozen=True, slots=True)
class Cursor:
    """A row of the list to go on from: a plan, or in the order of due days the installment due next and its day."""

    id: UUID
    day: date | None = None


@dataclass(frozen=True, slots=True)
class PlanListQuery:
    """Which plans, and in which order: the newest first, or ``by_due`` those that are due next, active ones only.

    ``status`` is a state or ``overdue``; ``search`` finds words of texts and amounts, see ``searching.plans_hold``.
    A page begins after the place ``before``, or ends before the place ``after``.
    """

    status: str = ""
    search: str = ""
    by_due: bool = False
    before: Cursor | None = None
    after: Cursor | None = None


@dataclass(frozen=True, slots=True)
class PlanPage:
    """One page of plans, and the places that its neighbours are found from; None where there is no neighbour."""

    plans: list[PlanView]
    next_before: Cursor | None
    previous_after: Cursor | None


@dataclass(frozen=True, slots=True)
class Totals:
    """Totals of a list in minor units: ``received`` is less what was returned, ``owed`` is of active plans.

    ``more`` says that there are more than ``count`` plans; sums are None then, unless they are known anyway.
    """

    count: int
    more: bool
    total: int | None
    received: int | None
    owed: int | None


NO_FILTER = PlanListQuery()


def list_plans(
    session: Session, merchant: Actor, now: datetime, listing: PlanListQuery = NO_FILTER
) -> PlanPage:
    """One page with installments: two statements, in the order of an index."""
    query = select(Plan).where(*_listed(session, merchant, now, listing)).limit(PAGE + 1)
    plans = load_plans(session, _ordered(query, merchant, listing), now)
    more = len(plans) > PAGE
    plans = plans[:PAGE]
    if listing.after:
        plans.reverse()
    if not plans:
        return PlanPage([], None, None)
    first, last = _place(plans[0], listing), _place(plans[-1], listing)
    if listing.after:
        return PlanPage(plans, last, first if more else None)
    return PlanPage(plans, last if more else None, first if listing.before else None)


def totals(session: Session, merchant: Actor, now: datetime, listing: PlanListQuery = NO_FILTER) -> Totals:
    """Totals over all pages of the list in one statement; for a long unfiltered list, those of ``metrics``."""
    chosen = select(Plan.id, Plan.state).where(*_listed(session, merchant, now, listing))
    bounded = chosen.limit(MOST_SUMMED + 1).cte("bounded")
    counted = select(func.count()).select_from(bounded).scalar_subquery()
    own = (Installment.merchant_id == merchant.merchant_id) & (Installment.plan_id == bounded.c.id)
    row = session.execute(
        select(
            counted,
            *(func.coalesce(sum_, 0) for sum_ in _sums(bounded.c.state).values()),
        )
        .select_from(bounded.join(Installment, own))
        .where(counted <= MOST_SUMMED)
    ).one()
    if row[0] <= MOST_SUMMED:
        return Totals(int(row[0]), False, *map(int, row[1:]))
    if listing.status or listing.search or listing.by_due:
        return Totals(MOST_SUMMED, True, None, None, None)
    known = metrics.dashboard(session, merchant, now)
    return Totals(MOST_SUMMED, True, None, known.total_revenue, known.outstanding)


def page_and_totals(
    session: Session, merchant: Actor, now: datetime, listing: PlanListQuery
) -> tuple[PlanPage, Totals]:
    """A page of the list and the totals of all pages: a search is made once, unless very many plans hold it."""
    if not listing.search or listing.by_due:
        return list_plans(session, merchant, now, listing), totals(session, merchant, now, listing)
    first, *found = _found(session, merchant, now, listing)
    if first.plans > MOST_SUMMED:
        return list_plans(session, merchant, now, listing), Totals(MOST_SUMMED, True, None, None, None)
    found = [row for row in (first, *found) if row.id]
    sums = (sum(int(getattr(row, name)) for row in found) for name in ("total", "received", "owed"))
    return _page(session, merchant, now, listing, [row.id for row in found]), Totals(len(found), False, *sums)


def _found(session: Session, merchant: Actor, now: datetime, listing: PlanListQuery) -> Sequence[Any]:
    """Each plan of the list with its part of the totals, in one statement: at least one row, which counts them."""
    chosen = select(Plan.id, Plan.state).where(*_listed(session, merchant, now, listing))
    bounded = chosen.limit(MOST_SUMMED + 1).cte("bounded")
    counted = select(func.count().label("plans")).select_from(bounded).subquery()
    own = (Installment.merchant_id == merchant.merchant_id) & (Installment.plan_id == bounded.c.id)
    sums = (
        select(bounded.c.id, *(column.label(name) for name, column in _sums(bounded.c.state).items()))
        .select_from(bounded.join(Installment, own))
        .where(select(counted.c.plans).scalar_subquery() <= MOST_SUMMED)
        .group_by(bounded.c.id, bounded.c.state)
        .subquery()
    )
    return session.execute(select(counted.c.plans, sums).outerjoin_from(counted, sums, true())).all()


def _sums(state: ColumnElement[str]) -> dict[str, ColumnElement[int]]:
    """What the installments of plans come to; ``state`` is that of their plan."""
    received = func.sum(amounts_of(Installment)["revenue"])
    owed = func.sum(case((state == "active", Installment.owed), else_=0))
    return {"total": func.sum(Installment.amount), "received": received, "owed": owed}


def _page(
    session: Session, merchant: Actor, now: datetime, listing: PlanListQuery, found: list[UUID]
) -> PlanPage:
    """The page of the plans that were found, which all are known."""
    found.sort(key=attrgetter("int"), reverse=True)
    place = listing.before or listing.after
    first = next((n for n, id_ in enumerate(found) if place and id_ <= place.id), len(found)) if place else 0
    if listing.before:
        first += first < len(found) and found[first] == listing.before.id
    elif listing.after:
        first = max(first - PAGE, 0)
    shown = found[first : first + PAGE]
    query = select(Plan).where(Plan.merchant_id == merchant.merchant_id, Plan.id.in_(shown))
    plans = load_plans(session, query.order_by(Plan.id.desc()), now)
    more = first + PAGE < len(found)
    return PlanPage(
        plans,
        Cursor(shown[-1]) if plans and more else None,
        Cursor(shown[0]) if plans and first else None,
    )


def narrowed(
    session: Session, merchant: Actor, search: str, status: str, today: Today
) -> list[ColumnElement[bool]]:
    """The conditions of a search and status, for plans."""
    conditions: list[ColumnElement[bool]] = []
    if status:
        conditions.append(plan_status(status, today))
    if search:
        conditions.append(plans_hold(session, search, merchant.merchant_id))
    return conditions


def _listed(
    session: Session, merchant: Actor, now: datetime, listing: PlanListQuery
) -> list[ColumnElement[bool]]:
    today = today_of_plans(merchant.timezones, now)
    conditions = narrowed(session, merchant, listing.search, listing.status, today)
    if listing.by_due:
        conditions.append(Plan.state == "active")
    return [Plan.merchant_id == merchant.merchant_id, *conditions]


def _ordered(query: Select[Any], merchant: Actor, listing: PlanListQuery) -> Select[Any]:
    """From the listing's place on; towards the start of the list, and so in reverse, from a place ``after``."""
    place = listing.after or listing.before
    columns: list[Any] = [Plan.id]
    if listing.by_due:
        query = query.join(
            Installment, (Installment.merchant_id == merchant.merchant_id) & (Installment.plan_id == Plan.id)
        ).where(Installment.owed > 0, ~_owed_earlier())
        columns = [Installment.due_on, Installment.id]
    # The newest plan has the greatest id, the plan that is due next the smallest day.
    ascending = listing.by_due is not bool(listing.after)
    if place:
        row = tuple_(*columns)
        values = (place.day, place.id) if listing.by_due else (place.id,)
        cursor = tuple_(*(literal(value, column.type) for value, column in zip(values, columns, strict=True)))
        query = query.where(row > cursor if ascending else row < cursor)
    return query.order_by(*(column.asc() if ascending else column.desc() for column in columns))


def _owed_earlier() -> ColumnElement[bool]:
    other = aliased(Installment)
    return exists().where(
        other.merchant_id == Installment.merchant_id,
        other.plan_id == Installment.plan_id,
        other.number < Installment.number,
        other.owed > 0,
    )


def _place(plan: PlanView, listing: PlanListQuery) -> Cursor:
    if listing.by_due and plan.next_due:
        return Cursor(plan.next_due.id, plan.next_due.due_on)
    return Cursor(plan.id)


def get_payment(session: Session, merchant: Actor, payment_id: UUID) -> PaymentView:
    """Raises ``NotFound`` for another's."""
    found = payments(
        session, payments_query().where(Payment.merchant_id == merchant.merchant_id, Payment.id == payment_id)
    )
    if not found:
        raise NotFound()
    return found[0]


def latest_payments(session: Session, merchant: Actor) -> list[PaymentView]:
    """The payments that succeeded last."""
    query = payments_query().where(Payment.merchant_id == merchant.merchant_id, Payment.state == "succeeded")
    return payments(session, query.limit(LATEST))
