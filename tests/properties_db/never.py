"""What an amendment must never do, looked up in the database after each step, whatever the model predicts."""

from __future__ import annotations

from collections import Counter
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from portal.models import Amendment, AmendmentLine, Event, Installment, Message, Plan
from portal.models.ledger import Posting
from tests.properties_db.model_of_dates import is_worse


class Never:
    """Remembers the installments as they were after the step before, and the total of each plan as it was first."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.before: dict[UUID, Any] = {}
        self.totals: dict[UUID, int] = {}

    def check(self) -> None:
        columns = (Installment.id, Installment.plan_id, Installment.amount, Installment.moved)
        dates = (Installment.owed, Installment.due_on, Installment.amendment_id)
        lines = {line.id: line for line in self.session.execute(select(*columns, *dates))}
        self.a_settled_line_never_moves(lines)
        self.a_date_never_moves_without_an_amendment(lines)
        self.a_total_never_changes(lines)
        self.before = lines
        amendments = list(self.session.scalars(select(Amendment)))
        self.a_worse_one_is_never_in_force_without_the_customer(amendments)
        self.nobody_is_left_without_word_of_it(amendments)
        self.two_are_never_open(amendments)
        self.the_clearing_account_is_never_left_with_an_amount()
        self.session.rollback()

    def a_settled_line_never_moves(self, lines: dict[UUID, Any]) -> None:
        for id, line in self.before.items():
            assert id in lines
            assert line.owed or lines[id].due_on == line.due_on

    def a_date_never_moves_without_an_amendment(self, lines: dict[UUID, Any]) -> None:
        in_force = select(
            AmendmentLine.installment_id, AmendmentLine.due_on, AmendmentLine.amendment_id
        ).join(Amendment, Amendment.id == AmendmentLine.amendment_id)
        agreed = set(map(tuple, self.session.execute(in_force.where(Amendment.state == "in_force"))))
        for id, line in lines.items():
            known = self.before.get(id)
            if line.amendment_id or (known and known.due_on != line.due_on):
                assert (id, line.due_on, line.amendment_id) in agreed

    def a_total_never_changes(self, lines: dict[UUID, Any]) -> None:
        for plan_id, total in self.session.execute(select(Plan.id, Plan.total)):
            mine = [line for line in lines.values() if line.plan_id == plan_id]
            assert sum(line.amount - line.moved for line in mine) == total
            assert self.totals.setdefault(plan_id, total) == total

    def a_worse_one_is_never_in_force_without_the_customer(self, amendments: list[Amendment]) -> None:
        """Judged by its lines, not by what it says of itself."""
        for one in amendments:
            parts = [(day_of(line["old"]), day_of(line["new"]), line["owed"]) for line in one.lines]
            evidence = one.accepted_at and one.address and one.user_agent
            assert evidence or one.state != "in_force" or not is_worse(parts)

    def nobody_is_left_without_word_of_it(self, amendments: list[Amendment]) -> None:
        """Of what is in force the customer gets one email, and the plan an event."""
        customers = dict(map(tuple, self.session.execute(select(Plan.id, Plan.customer_id))))
        in_force = [one for one in amendments if one.state == "in_force"]
        emails = select(Message.cause, Message.user_id).where(Message.kind == "amendment_in_force")
        assert Counter(map(tuple, self.session.execute(emails))) == Counter(
            (one.id, customers[one.plan_id]) for one in in_force
        )
        events = select(Event.plan_id, Event.facts).where(Event.kind == "amendment_in_force")
        assert Counter(
            (plan_id, facts["amendment"]) for plan_id, facts in self.session.execute(events)
        ) == Counter((one.plan_id, one.number) for one in in_force)

    def two_are_never_open(self, amendments: list[Amendment]) -> None:
        open_ones = Counter(one.plan_id for one in amendments if one.state == "proposed")
        assert set(open_ones.values()) <= {1}

    def the_clearing_account_is_never_left_with_an_amount(self) -> None:
        """By plan and instant, which is that of the amendment."""
        amount = func.sum(case((Posting.debit == "rescheduled", Posting.amount), else_=-Posting.amount))
        cleared = (
            select(Installment.plan_id, amount)
            .join(Posting, Posting.installment_id == Installment.id)
            .where((Posting.debit == "rescheduled") | (Posting.credit == "rescheduled"))
            .group_by(Installment.plan_id, Posting.posted_at)
        )
        assert self.session.execute(cleared.having(amount != 0)).all() == []


def day_of(kept: str | None) -> date | None:
    return date.fromisoformat(kept) if kept else None
