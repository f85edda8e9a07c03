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
    """The amendments of all plans; ``tell`` notes an event and emails, ``post`` an amount between two accounts."""

    def __init__(self, tell: Callable[..., None], post: Callable[[Plan, str, str, int], None]) -> None:
        self.tell, self.post = tell, post

    def propose(self, plan: Plan, by_customer: bool, days: dict[Line, date], now: datetime) -> None:
        today = plan.shop.today(now)
        self.refuse_unless_movable(plan, today)
        moves = self.moves(plan, days)
        if any(day < today for _, _, day in moves):
            raise Refused("invalid")
        amendment = Amendment(by_customer, moves, now)
        own = self.is_own_move(plan, moves, today)
        self.write(plan, amendment, today, at_once=own if by_customer else not is_worse(amendment.parts))

    def spread(self, plan: Plan, by_customer: bool, wanted: list[tuple[int, date]], now: datetime) -> None:
        """All that is owed is to be due in new lines of these amounts and days."""
        today = plan.shop.today(now)
        self.refuse_unless_movable(plan, today)
        if any(day < today for _, day in wanted):
            raise Refused("invalid")
        amendment = self.spreading(plan, by_customer, wanted, now)
        at_once = not by_customer and not is_worse(amendment.parts)
        self.write(plan, amendment, today, at_once=at_once)

    def keep_old_dates(self, plan: Plan, by_customer: bool, now: datetime) -> None:
        """The customer undoes the shop's last change, to which nobody had to agree."""
        if not by_customer:
            raise Refused("forbidden")
        last, today = plan.amendments[-1], plan.shop.today(now)
        too_late = now > last.proposed_at + timedelta(days=7)
        if last.state != "in_force" or last.accepted or too_late:
            raise Refused("amendment_old")
        if last.added and any(line.owed != amount for line, (amount, _) in last.made):
            raise Refused("amendment_old")
        owing = [line for line in plan.lines if line.owed]
        if last.added and owing != [line for line, _ in last.made]:
            raise Refused("amendment_old")
        self.refuse_unless_movable(plan, today)
        if last.added:
            back = self.spreading(plan, True, [(last.owed[line], old) for line, old, _ in last.moves], now)
        else:
            back = Amendment(True, self.moves(plan, {line: old for line, old, _ in last.moves}), now)
        self.write(plan, back, today, at_once=True)

    def refuse_unless_movable(self, plan: Plan, today: date) -> None:
        if plan.state != "active":
            raise Refused(f"plan_{plan.state}")
        if plan.amendments and plan.amendments[-1].shown_state(today) == "proposed":
            raise Refused("amendment_open")
        if plan.processing:
            raise Refused("processing")

    def moves(self, plan: Plan, days: dict[Line, date]) -> list[tuple[Line, date, date]]:
        moves = [(line, line.due_on, day) for line, day in days.items() if day != line.due_on]
        if any(not line.owed for line, _, _ in moves):
            raise Refused("line_settled")
        new = {line: day for line, _, day in moves}
        in_order = all(
            new.get(one, one.due_on) < new.get(next_one, next_one.due_on)
            for one, next_one in pairwise([line for line in plan.lines if line.owed])
            if one in new or next_one in new
        )
        if not moves or not in_order:
            raise Refused("invalid")
        return moves

    def spreading(
        self, plan: Plan, by_customer: bool, wanted: list[tuple[int, date]], now: datetime
    ) -> Amendment:
        owing = [line for line in plan.lines if line.owed]
        right = all(amount > 0 for amount, _ in wanted) and sum(amount for amount, _ in wanted) == plan.owed
        ascending = all(one < next_one for (_, one), (_, next_one) in pairwise(wanted))
        if not wanted or not right or not ascending or wanted == [(line.owed, line.due_on) for line in owing]:
            raise Refused("invalid")
        return Amendment(by_customer, [(line, line.due_on, None) for line in owing], now, added=wanted)

    def is_own_move(self, plan: Plan, moves: list[tuple[Line, date, date]], today: date) -> bool:
        """The one move of the next date, later and not by much, that the shop allows."""
        line, old, new = moves[0]
        used = any(a.alone and a.by_customer and not a.worse for a in plan.amendments)
        is_next = len(moves) == 1 and line is next(each for each in plan.lines if each.owed)
        days = (new - old).days
        return not used and is_next and old >= today and 0 < days <= plan.shop.move_days

    def write(self, plan: Plan, amendment: Amendment, today: date, *, at_once: bool) -> None:
        if plan.amendments and plan.amendments[-1].state == "proposed":
            self.expire(plan.amendments[-1])
        days = [day for old, new, _ in amendment.parts for day in (old, new)]
        ahead = [day - timedelta(days=1) for day in days if day and day > today]
        amendment.last_day = min([today + timedelta(days=14), *ahead])
        amendment.worse, amendment.accepted = is_worse(amendment.parts), amendment.by_customer
        plan.amendments.append(amendment)
        if at_once:
            amendment.alone = True
            self.put_in_force(plan, amendment, today)
        else:
            self.tell("amendment_proposed", "amendment_proposed" + "_shop" * amendment.by_customer)

    def answer(self, plan: Plan, how: str, by_customer: bool, the_terms_shown: bool, now: datetime) -> None:
        """What becomes of the last one that was proposed."""
        today, amendment = plan.shop.today(now), plan.amendments[-1]
        if (how == "withdraw") != (amendment.by_customer == by_customer):
            raise Refused("forbidden")
        state = amendment.shown_state(today)
        if state != "proposed":
            raise Refused(f"amendment_{state}")
        if how == "accept" and not the_terms_shown:
            raise Refused("other_terms")
        if how == "accept" and plan.processing:
            raise Refused("processing")
        if how == "accept" and self.still_fits(plan, amendment):
            amendment.accepted |= by_customer
            self.put_in_force(plan, amendment, today)
            return
        ended = "declined" if how == "decline" else "withdrawn"
        amendment.state = ended
        self.tell(f"amendment_{ended}", f"amendment_{ended}" + "_shop" * by_customer)

    def still_fits(self, plan: Plan, amendment: Amendment) -> bool:
        """Lines whose dates move owe something; what is spread is still all that is owed, line by line."""
        if amendment.added:
            return amendment.owed == {line: line.owed for line in plan.lines if line.owed}
        return all(line.owed for line, _, _ in amendment.moves)

    def put_in_force(self, plan: Plan, amendment: Amendment, today: date) -> None:
        amendment.state = "in_force"
        to_shop = ["amendment_in_force_shop"] * amendment.accepted
        self.tell("amendment_in_force", "amendment_in_force", *to_shop)
        for line, _, day in amendment.moves:
            if day is None:
                line.moved, line.stamped = line.moved + line.owed, False
                continue
            line.due_on = day
            if line.stamped and day >= today:
                line.stamped = False
                self.tell("late_lifted")
        for amount, day in amendment.added:
            line = Line(len(plan.lines) + 1, amount, day)
            plan.lines.append(line)
            amendment.made.append((line, (amount, day)))
            self.post(plan, "rescheduled", "receivable", amount)
            self.post(plan, "receivable", "rescheduled", amount)

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


def is_worse(parts: list[tuple[date | None, date | None, int]]) -> bool:
    """By the end of some day more has fallen due than before."""

    def due(place: int, day: date) -> int:
        return sum(part[2] for part in parts if part[place] and part[place] <= day)

    return any(due(1, day) > due(0, day) for part in parts for day in part[:2] if day)
