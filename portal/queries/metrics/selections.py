"""The rows behind each number, as conditions on installments of accepted plans and on postings of cash."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, Uuid, and_, bindparam, case, func, literal, literal_column, or_, select
from sqlalchemy.orm import aliased

from portal.core.ledger import Account, Entry, amounts_of, is_on_time, is_paid, is_rated, is_written_off
from portal.core.periods import DateRange, ReportingPeriod
from portal.models import Installment, Plan
from portal.models.ledger import Posting

Condition = ColumnElement[bool]

# The caller of a selection restricts it to one merchant.
MERCHANT = bindparam("merchant", type_=Uuid)

_OWED = Installment.owed
_IS_OWED = Installment.owed > 0
_IS_PAID: Condition = is_paid(Installment)
_IS_WRITTEN_OFF: Condition = is_written_off(Installment)
_ON_TIME: Condition = is_on_time(Installment)
_ONE: ColumnElement[int] = literal_column("1")
_CASH = case((Posting.debit == Account.CASH, Posting.amount), else_=-Posting.amount)
_MOVES_CASH = or_(Posting.debit == Account.CASH, Posting.credit == Account.CASH)


@dataclass(frozen=True)
class Selection:
    """Which rows of ``table`` count, and each one's ``value``; ``parts`` are the points of a series by their labels."""

    table: type[Installment] | type[Posting]
    where: Condition
    value: ColumnElement[int]
    parts: Mapping[str, Condition] = field(default_factory=dict)


def revenue(frame: ReportingPeriod) -> Selection:
    return Selection(Posting, _MOVES_CASH, _CASH)


def revenue_of_period(frame: ReportingPeriod) -> Selection:
    return Selection(Posting, _MOVES_CASH & (Posting.posted_on >= frame.span.first), _CASH)


def written_off(frame: ReportingPeriod) -> Selection:
    where = _is_entry(Entry.DEBT_WRITTEN_OFF) & (Posting.posted_on >= frame.span.first)
    return Selection(Posting, where, Posting.amount)


def recovered(frame: ReportingPeriod) -> Selection:
    where = _is_entry(Entry.DEBT_RECOVERED) | _is_entry(Entry.RECOVERY_REVERSED)
    return Selection(Posting, where & (Posting.posted_on >= frame.span.first), _CASH)


def _is_entry(entry: Entry) -> Condition:
    return and_(Posting.debit == entry.debit, Posting.credit == entry.credit)


def received_by_month(frame: ReportingPeriod) -> Selection:
    parts = {str(month): _within(Posting.posted_on, span) for month, span in frame.months.items()}
    return Selection(Posting, _MOVES_CASH & _all_of(Posting.posted_on, frame.months), _CASH, parts)


def owed(frame: ReportingPeriod) -> Selection:
    return Selection(Installment, _IS_OWED, _OWED)


def overdue(frame: ReportingPeriod) -> Selection:
    return Selection(Installment, _late(frame), _OWED)


def overdue_installments(frame: ReportingPeriod) -> Selection:
    return Selection(Installment, _late(frame), _ONE)


def moved(frame: ReportingPeriod) -> Selection:
    return Selection(Installment, _IS_OWED & Installment.amendment_id.is_not(None), _OWED)


def overdue_of_period(frame: ReportingPeriod) -> Selection:
    return Selection(Installment, _late(frame) & (Installment.due_on >= frame.span.first), _OWED)


def success(frame: ReportingPeriod) -> Selection:
    return Selection(Installment, _IS_PAID | _IS_WRITTEN_OFF | _late(frame), _one_if(_IS_PAID))


def success_of_period(frame: ReportingPeriod) -> Selection:
    counted = _IS_PAID | _IS_WRITTEN_OFF | _IS_OWED
    return Selection(Installment, _fell_due(frame) & counted, _one_if(_IS_PAID))


def on_time(frame: ReportingPeriod) -> Selection:
    return Selection(Installment, _rated(frame), _one_if(_ON_TIME))


def on_time_of_period(frame: ReportingPeriod) -> Selection:
    return Selection(Installment, _fell_due(frame) & _rated(frame), _one_if(_ON_TIME))


def on_time_by_month(frame: ReportingPeriod) -> Selection:
    parts = {str(month): _within(Plan.accepted_on, span) for month, span in frame.months.items()}
    where = _rated(frame) & _all_of(Plan.accepted_on, frame.months)
    # Follows from the rest; it is what an index can use.
    where &= Installment.due_on >= next(iter(frame.months))
    return Selection(Installment, where, _one_if(_ON_TIME), parts)


def aging(frame: ReportingPeriod) -> Selection:
    parts = {label: _within(Installment.due_on, span) for label, span in frame.ages.items()}
    newest = next(iter(parts))
    parts[newest] = or_(parts[newest], Installment.due_on >= frame.today)
    return Selection(Installment, _late(frame), _OWED, parts)


def expected(frame: ReportingPeriod) -> Selection:
    parts = {str(week): _within(Installment.due_on, span) for week, span in frame.weeks.items()}
    return Selection(Installment, _IS_OWED & _all_of(Installment.due_on, frame.weeks), _OWED, parts)


def schedule(frame: ReportingPeriod) -> Selection:
    parts = {str(month): _within(Installment.due_on, span) for month, span in frame.months.items()}
    scheduled = amounts_of(Installment)["scheduled"]
    where = (scheduled > 0) & _all_of(Installment.due_on, frame.months)
    return Selection(Installment, where, scheduled, parts)


def _late(frame: ReportingPeriod) -> Condition:
    """The last condition is redundant; it ends the index scan before installments due in later years."""
    marked, last_past = aliased(Installment), max(frame.yesterday, frame.undecided.last)
    latest = select(func.max(marked.due_on)).where(
        marked.merchant_id == MERCHANT, marked.late_on.is_not(None), marked.due_on > last_past
    )
    return and_(
        _IS_OWED,
        or_(Installment.due_on < today_of(frame), Installment.late_on.is_not(None)),
        Installment.due_on <= func.coalesce(latest.scalar_subquery(), last_past),
    )


def today_of(frame: ReportingPeriod) -> date | ColumnElement[date]:
    """The date in the zone of a joined plan."""
    if not frame.elsewhere:
        return frame.today
    day_type = Installment.due_on.type
    days = ((Plan.timezone == zone, literal(day, day_type)) for zone, day in frame.elsewhere.items())
    return case(*days, else_=literal(frame.today, day_type))


def _fell_due(frame: ReportingPeriod) -> Condition:
    return and_(Installment.due_on >= frame.span.first, Installment.due_on < frame.today)


def _rated(frame: ReportingPeriod) -> Condition:
    return and_(Installment.due_on < frame.today, is_rated(Installment, Plan.accepted_on))


def _one_if(condition: Condition) -> ColumnElement[int]:
    return case((condition, _ONE), else_=literal_column("0"))


def _within(day: Any, span: DateRange) -> Condition:
    return and_(day >= span.first, day <= span.last)


def _all_of(day: Any, spans: Mapping[Any, DateRange]) -> Condition:
    first, *_, last = spans.values()
    return _within(day, DateRange(first.first, last.last))
