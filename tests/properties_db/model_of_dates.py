"""How dates move, once more in plain Python: who has to agree, what follows, and when a proposal ends by itself."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from itertools import pairwise

from tests.properties_db.model_rows import Amendment, Line, Plan


class Refused(Exception):
    """What a correct portal refuses, and with which code; with either if it has several reasons."""

    def __init__(self, *codes: str) -> None:
        super().__init__(*codes)
        self.codes = codes


class Dates:
    """The amendments of all plans; ``tell`` notes an event and emails."""

    def __init__(self, tell: Callable[..., None]) -> None:
        self.tell = tell

    def propose(self, plan: Plan, by_customer: bool, days: dict[Line, date], now: datetime) -> None:
        today = plan.shop.today(now)
        if plan.state != "active":
            raise Refused(f"plan_{plan.state}")
        last = plan.amendments[-1] if plan.amendments else None
        if last and last.shown_state(today) == "proposed":
            raise Refused("amendment_open")
        if plan.processing:
            raise Refused("processing")
        moves = [(line, line.due_on, day) for line, day in days.items() if day != line.due_on]
        if any(not line.owed for line, _, _ in moves):
            raise Refused("line_settled")
        owing = [line for line in plan.lines if line.owed]
        new = {line: day for line, _, day in moves}
        in_order = all(
            new.get(one, one.due_on) < new.get(next_one, next_one.due_on)
            for one, next_one in pairwise(owing)
            if one in new or next_one in new
        )
        if not moves or not in_order or any(day < today for _, _, day in moves):
            raise Refused("invalid")
        if last and last.state == "proposed":
            self.expire(last)
        ahead = [day for _, old, to in moves for day in (old, to) if day > today]
        last_day = min([today + timedelta(days=14), *(day - timedelta(days=1) for day in ahead)])
        amendment = Amendment(by_customer, moves, last_day)
        plan.amendments.append(amendment)
        if by_customer or is_worse(moves):
            self.tell("amendment_proposed", "amendment_proposed" + "_shop" * by_customer)
        else:
            self.put_in_force(amendment, today, agreed=False)

    def answer(self, plan: Plan, how: str, by_customer: bool, now: datetime) -> None:
        """What becomes of the last one that was proposed."""
        today, amendment = plan.shop.today(now), plan.amendments[-1]
        if (how == "withdraw") != (amendment.by_customer == by_customer):
            raise Refused("forbidden")
        state = amendment.shown_state(today)
        if state != "proposed":
            raise Refused(f"amendment_{state}")
        if how == "accept" and plan.processing:
            raise Refused("processing")
        if how == "accept" and all(line.owed for line, _, _ in amendment.moves):
            self.put_in_force(amendment, today, agreed=True)
            return
        ended = "declined" if how == "decline" else "withdrawn"
        amendment.state = ended
        self.tell(f"amendment_{ended}", f"amendment_{ended}" + "_shop" * by_customer)

    def put_in_force(self, amendment: Amendment, today: date, *, agreed: bool) -> None:
        amendment.state = "in_force"
        self.tell("amendment_in_force", "amendment_in_force", *["amendment_in_force_shop"] * agreed)
        for line, _, day in amendment.moves:
            line.due_on = day
            if line.stamped and day >= today:
                line.stamped = False
                self.tell("late_lifted")

    def withdraw_open(self, plan: Plan) -> None:
        """The plan was paid, cancelled or written off."""
        if plan.amendments and plan.amendments[-1].state == "proposed":
            plan.amendments[-1].state = "withdrawn"
            self.tell("amendment_withdrawn")

    def run_day(self, plan: Plan, today: date) -> bool:
        """Whether something ended because nobody answered it."""
        last = plan.amendments[-1] if plan.amendments else None
        if last is None or last.state != "proposed" or last.shown_state(today) != "expired":
            return False
        self.expire(last)
        return True

    def expire(self, amendment: Amendment) -> None:
        amendment.state = "expired"
        self.tell("amendment_expired", "amendment_expired" + "_shop" * (not amendment.by_customer))


def is_worse(moves: list[tuple[Line, date, date]]) -> bool:
    days = {day for _, old, new in moves for day in (old, new)}
    return any(
        sum(line.owed for line, _, new in moves if new <= day)
        > sum(line.owed for line, old, _ in moves if old <= day)
        for day in days
    )
