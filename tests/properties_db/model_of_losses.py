"""The portal's rules about what is written off and recovered once more, as a part of the model; it shares no code."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from tests.properties_db.model_of_dates import Dates, Refused
from tests.properties_db.model_rows import Payment, Plan


class Losses:
    """A part of the model's ``Portal``, which has all that is named here."""

    dates: Dates
    claim: Callable[[tuple | None, Any], Any]
    keep: Callable[[tuple | None, Any, Any, datetime], None]
    post: Callable[[Plan, str, str, int], None]
    tell: Callable[..., None]

    def write_off(self, plan: Plan, shown: int | None, key: tuple | None, now: datetime) -> None:
        """What is owed is lost; nobody asks for it any more."""
        request = "write off", plan, shown
        if self.claim(key, request):
            return
        if plan.state != "active":
            raise Refused(f"plan_{plan.state}")
        if plan.processing:
            raise Refused("processing")
        if shown not in (None, plan.owed):
            raise Refused("other_amount")
        self.keep(key, request, "written off", now)
        for line in plan.lines:
            self.post(plan, "write_offs", "receivable", line.owed)
            line.written_off, line.stamped = line.written_off + line.owed, False
        self.dates.withdraw_open(plan)
        plan.state = "written_off"
        self.tell("plan_written_off", "plan_written_off")

    def recover(
        self, plan: Plan, amount: int, shown: int | None, key: tuple | None, now: datetime
    ) -> Payment:
        """Money for what was lost, whatever became of the plan, as soon as nothing is owed."""
        on, request = plan.shop.today(now), ("recover", plan, amount, shown)
        if seen := self.claim(key, request):
            return seen
        if plan.state == "active" or not any(line.written_off for line in plan.lines):
            raise Refused(f"plan_{plan.state}")
        if plan.processing:
            raise Refused("processing")
        lost = sum(line.lost for line in plan.lines)
        if not min(lost, plan.shop.unit) <= amount <= lost:
            raise Refused("invalid")
        if shown not in (None, lost):
            raise Refused("other_amount")
        parts, rest = {}, amount
        for line in sorted(plan.lines, key=lambda line: (line.due_on, line.number)):
            if take := min(line.lost, rest):
                parts[line], rest = take, rest - take
                line.recovered += take
                self.post(plan, "cash", "write_offs", take)
        payment = Payment(plan, parts, "", now, recovery=True, state="succeeded", on=on)
        payment.number = 1 + max((each.number for each in plan.payments), default=0)
        self.keep(key, request, payment, now)
        plan.payments.append(payment)
        self.tell("debt_recovered", "debt_recovered")
        return payment
