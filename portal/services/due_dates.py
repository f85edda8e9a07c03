"""Due dates change here alone: an acceptance sets those that follow it; an amendment in force moves them, and sums."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import Date, Update, Uuid, bindparam, case, select, union_all, update
from sqlalchemy.orm import Session

from portal.core.ledger import Balance
from portal.models import Installment, Plan

from . import ledger


def move(
    session: Session, plan: Plan, amendment_id: UUID, dates: Mapping[UUID, date], today: date
) -> set[UUID]:
    """Make installments of the locked ``plan`` due on other days, as an amendment in force says, by their ids.

    What is due today or later is not late any more: returns the installments of which that was so. No money moves; the
    rollups lose each installment at its old day and gain it at the new one.
    """
    known = ledger.balances(session, plan, dates)
    late = Installment.late_on.is_not(None) & (Installment.merchant_id == plan.merchant_id)
    were_late = set(session.scalars(select(Installment.id).where(late, Installment.id.in_(dates))))
    values: dict[str, Any] = {"merchant": plan.merchant_id, "amendment": amendment_id, "today": today}
    for place, (installment_id, due_on) in enumerate(dates.items()):
        values |= {f"id{place}": installment_id, f"due{place}": due_on}
    rows = session.execute(_redate(len(dates)), values).all()
    if len(rows) != len(dates):
        raise LookupError("an amendment names an installment that its merchant does not have")
    changes: list[tuple[Balance | None, Balance | None]] = []
    for row in rows:
        changes += [(known[row.id], None), (None, Balance.of(row))]
    ledger.add_deltas(session, plan, changes, today)
    return {row.id for row in rows if row.id in were_late and row.due_on >= today}


def fix(session: Session, plan: Plan, dates: Mapping[int, date]) -> None:
    """Set the due dates of the locked ``plan`` that follow its acceptance, by the numbers of its installments; once."""
    open_lines = (
        Installment.merchant_id == plan.merchant_id,
        Installment.plan_id == plan.id,
        Installment.due_fixed.is_(False),
    )
    for line in session.scalars(select(Installment).where(*open_lines)).all():
        line.due_on, line.due_fixed = dates[line.number], True
    session.flush()


@cache
def _redate(count: int) -> Update:
    """Other days, and by which amendment, for ``count`` installments."""
    rows = (
        select(
            bindparam(f"id{place}", type_=Uuid).label("id"),
            bindparam(f"due{place}", type_=Date).label("due_on"),
        )
        for place in range(count)
    )
    wanted, line = union_all(*rows).subquery("wanted"), Installment
    still_late = (wanted.c.due_on < bindparam("today", type_=Date), line.late_on)
    return (
        update(line)
        .where(line.merchant_id == bindparam("merchant"), line.id == wanted.c.id)
        .values(
            due_on=wanted.c.due_on,
            amendment_id=bindparam("amendment", type_=Uuid),
            late_on=case(still_late),
        )
        .returning(*ledger.BALANCE)
        .execution_options(synchronize_session=False)
    )
