"""Plans and installments as programs are answered: plain rows with statuses of today, a list in two statements."""

from __future__ import annotations

from datetime import date, datetime
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, Date, Select, bindparam, cast, select, tuple_
from sqlalchemy.orm import Session

from portal.core.calendar import business_date
from portal.core.errors import NotFound
from portal.core.roles import Actor
from portal.core.schedule import FirstDue, Kind
from portal.core.states import InstallmentStatus, PlanState, installment_status, shown_state
from portal.models import Acceptance, Customer, Installment, Plan
from portal.models.base import IdText
from portal.statements import Reading

from .listing import owned_by
from .read_models import counted_from, following, start_shown
from .statuses import Today, plan_status, today_of_plans
from .statuses import installment_status as has_status


class PlanRow(NamedTuple):
    """A plan's own columns; ids as text, amounts in minor units. A shop is given its own id of the customer."""

    id: str
    merchant: str
    customer: str
    customer_email: str
    description: str
    total: int
    currency: str
    num_installments: int
    frequency: str
    start_date: date
    last_day: date
    created_at: datetime
    updated_at: datetime
    state: str
    timezone: str
    deposit: int | None
    first_due: str
    accepted_on: date | None
    email_verified: bool | None


class LineRow(NamedTuple):
    """An installment's own columns; ids as text, amounts in minor units."""

    plan: str
    id: str
    number: int
    amount: int
    paid: int
    cancelled: int
    returned: int
    reversed: int
    written_off: int
    recovered: int
    moved: int
    paid_before: int
    owed: int
    due_on: date
    paid_at: datetime | None
    processing: bool
    late_on: date | None
    is_deposit: bool = False

    @property
    def kind(self) -> Kind:
        return Kind.DEPOSIT if self.is_deposit else Kind.INSTALLMENT


class PlanOfLine(NamedTuple):
    """What an installment that is read alone shows of its plan."""

    state: str
    last_day: date
    timezone: str
    currency: str
    created_at: datetime
    accepted_on: date | None
    deposit: int | None
    first_due: str
    frequency: str


class FoundLine(NamedTuple):
    """An installment with its status of today and the currency of its amounts."""

    row: LineRow
    status: InstallmentStatus
    currency: str


class FoundPlan(NamedTuple):
    """A plan with its status of today, which is ``overdue`` for an active one of which something is late."""

    row: PlanRow
    status: str
    lines: list[FoundLine]


_P, _I = Plan.__table__.c, Installment.__table__.c


def _text(column: Any) -> Any:
    return cast(column, IdText)


_EMAIL_VERIFIED = (
    select(Acceptance.address_verified)
    .where(Acceptance.merchant_id == _P.merchant_id, Acceptance.plan_id == _P.id)
    .correlate(Plan)
    .scalar_subquery()
)
_LINE = (
    _text(_I.plan_id),
    _text(_I.id),
    *(_I[name] for name in LineRow._fields[2:-3]),
    Installment.processing,
    _I.late_on,
)


def list_plans(
    session: Session, actor: Actor, now: datetime, *, status: str | None, before: UUID | None, limit: int
) -> list[FoundPlan]:
    """At most ``limit`` own plans, newest first, with their installments; those older than the plan ``before``."""
    today = _today(session, actor, now) if status else None
    whose = _Whose.of(actor)
    plans, lines = _made(_list, whose, status, before is not None, today)
    values = {"party": whose.party(actor), "before": before, "limit": limit, "today": today}
    found = plans(session, **values)
    return _with_lines(found, lines(session, **values) if found else [], now)


def get_plan(session: Session, actor: Actor, plan_id: UUID, now: datetime) -> FoundPlan:
    """The plan for either of its two parties. Raises ``NotFound`` for another's."""
    whose = _Whose.of(actor)
    plans, lines = _one(whose)
    values = {"party": whose.party(actor), "plan": plan_id}
    found = plans(session, **values)
    if not found:
        raise NotFound()
    return _with_lines(found, lines(session, **values), now)[0]


def list_installments(
    session: Session,
    actor: Actor,
    now: datetime,
    *,
    status: str | None,
    after: tuple[date, UUID] | None,
    limit: int,
) -> list[FoundLine]:
    """At most ``limit`` own installments by due date and id, those of offers too; those that come ``after``."""
    today = _today(session, actor, now) if status else None
    whose = _Whose.of(actor)
    read: Reading = _made(_lines_by_date, whose, status, after is not None, today)
    day, last = after or (None, None)
    values = {"party": whose.party(actor), "limit": limit, "today": today, "day": day, "last": last}
    return [_alone(row, now) for row in read(session, **values)]


def get_installment(session: Session, actor: Actor, installment_id: UUID, now: datetime) -> FoundLine:
    """Raises ``NotFound`` for another's."""
    whose = _Whose.of(actor)
    found = _one_line(whose)(session, party=whose.party(actor), installment=installment_id)
    if not found:
        raise NotFound()
    return _alone(found[0], now)


class _Whose(NamedTuple):
    """Whose plans are meant: a shop's, or a customer's, perhaps only those that were accepted before."""

    of_shop: bool
    only_accepted: bool

    @classmethod
    def of(cls, actor: Actor) -> _Whose:
        of_shop = actor.member_of is not None
        return cls(of_shop, actor.must_verify and not of_shop)

    @staticmethod
    def party(actor: Actor) -> UUID:
        return actor.member_of or actor.id

    def condition(self) -> ColumnElement[bool]:
        own = (_P.merchant_id if self.of_shop else _P.customer_id) == bindparam("party")
        return own & _P.acceptance_id.is_not(None) if self.only_accepted else own


def _made(make: Any, whose: _Whose, status: str | None, later: bool, today: Today | None) -> Any:
    """The statements, made once unless the date is not the same in all time zones of the plans."""
    if today is None or isinstance(today, date):
        return make(whose, status, later)
    return make.__wrapped__(whose, status, later, today)


_TODAY: Any = bindparam("today", type_=Date)


@cache
def _list(whose: _Whose, status: str | None, later: bool, today: Today = _TODAY) -> tuple[Reading, Reading]:
    chosen = select(Plan).where(whose.condition()).order_by(_P.id.desc()).limit(bindparam("limit"))
    if status:
        chosen = chosen.where(plan_status(status, today))
    if later:
        chosen = chosen.where(_P.id < bindparam("before", type_=_P.id.type))
    return _both(whose, chosen)


@cache
def _one(whose: _Whose) -> tuple[Reading, Reading]:
    return _both(whose, select(Plan).where(whose.condition(), _P.id == bindparam("plan")))


def _both(whose: _Whose, chosen: Select[Any]) -> tuple[Reading, Reading]:
    """The plans that were chosen, and the lines of the same, found by the same conditions once more."""
    customer = Customer.id if whose.of_shop else _P.customer_id
    columns = (
        _text(_P.id),
        _text(_P.merchant_id),
        _text(customer),
        *(_P[name] for name in PlanRow._fields[3:-1]),
        _EMAIL_VERIFIED,
    )
    plans = chosen.with_only_columns(*columns)
    if whose.of_shop:
        same = (Customer.merchant_id == _P.merchant_id) & (Customer.user_id == _P.customer_id)
        plans = plans.join(Customer, same, isouter=True)
    page = chosen.with_only_columns(_P.merchant_id, _P.id).subquery()
    lines = select(*_LINE).join(page, (_I.merchant_id == page.c.merchant_id) & (_I.plan_id == page.c.id))
    return Reading(plans), Reading(lines.order_by(_I.number))


@cache
def _lines_by_date(whose: _Whose, status: str | None, later: bool, today: Today = _TODAY) -> Reading:
    query = _lines_of(whose).order_by(_I.due_on, _I.id).limit(bindparam("limit"))
    if whose.of_shop:
        query = query.where(_I.merchant_id == bindparam("party"))
    if status:
        query = query.where(has_status(status, today))
    if later:
        last = bindparam("day", type_=_I.due_on.type), bindparam("last", type_=_I.id.type)
        query = query.where(tuple_(_I.due_on, _I.id) > tuple_(*last))
    return Reading(query)


@cache
def _one_line(whose: _Whose) -> Reading:
    return Reading(_lines_of(whose).where(_I.id == bindparam("installment")))


def _lines_of(whose: _Whose) -> Select[Any]:
    same = (_P.merchant_id == _I.merchant_id) & (_P.id == _I.plan_id)
    return (
        select(*_LINE, *(_P[name] for name in PlanOfLine._fields)).join(Plan, same).where(whose.condition())
    )


def _today(session: Session, actor: Actor, now: datetime) -> Today:
    """The date of the actor's plans, each in its own zone."""
    if actor.member_of:
        return today_of_plans(actor.timezones, now)
    zones = session.scalars(select(Plan.timezone).where(owned_by(actor)).distinct())
    return today_of_plans([*zones] or ["UTC"], now)


def _with_lines(plans: list[Any], lines: list[Any], now: datetime) -> list[FoundPlan]:
    of_plans: dict[str, list[Any]] = {plan[0]: [] for plan in plans}
    for line in lines:
        of_plans[line[0]].append(line)
    return [_found(PlanRow._make(plan), of_plans[plan[0]], now) for plan in plans]


def _found(plan: PlanRow, lines: list[Any], now: datetime) -> FoundPlan:
    today = business_date(now, plan.timezone)
    state = shown_state(PlanState(plan.state), plan.last_day, today)
    found = _lines(lines, plan, state, today)
    if _counts(plan):
        plan = plan._replace(start_date=start_shown(plan, counted_from(plan, state, today)))
    late = any(line.status is InstallmentStatus.LATE for line in found)
    return FoundPlan(plan, "overdue" if late else state, found)


def _alone(row: Any, now: datetime) -> FoundLine:
    line, plan = row[: len(_LINE)], PlanOfLine._make(row[len(_LINE) :])
    today = business_date(now, plan.timezone)
    return _lines([line], plan, shown_state(PlanState(plan.state), plan.last_day, today), today)[0]


def _lines(rows: list[Any], plan: Any, state: PlanState, today: date) -> list[FoundLine]:
    lines = [LineRow(*row) for row in rows]
    if _counts(plan):
        day = counted_from(plan, state, today)
        lines = [following(line, plan, day) for line in lines]
    return [FoundLine(line, _status(line, state, today), plan.currency) for line in lines]


def _counts(plan: Any) -> bool:
    """Whether the plan has a deposit, or dates that follow the acceptance."""
    return plan.deposit is not None or plan.first_due == FirstDue.ACCEPTANCE


def _status(row: LineRow, state: PlanState, today: date) -> InstallmentStatus:
    settled = row.paid - row.reversed + row.paid_before
    sums = row.owed, settled, row.written_off
    return installment_status(state, *sums, row.due_on, row.late_on, today, row.moved)
