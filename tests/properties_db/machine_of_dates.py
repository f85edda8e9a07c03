"""Chooses at random which dates are to move, how, and what the other side says."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import rule

from tests.properties_db.both_portals import BothPortals
from tests.properties_db.model_rows import Plan

# Which plan: its place among those that fit, or among all.
WHICH = st.tuples(st.integers(0, 7), st.sampled_from([True, True, True, True, False]))
ANSWERS = ["accept", "accept", "accept", "accept other terms", "decline", "withdraw"]
SHIFTS = st.sampled_from([1, 5, 20, 20, 45, -1, -5, -40, 0])


class MovingDates:
    """A part of the machine, which has all that is named here."""

    portals: BothPortals
    send: Callable[[Callable[[], None]], None]
    plan: Callable[..., Plan]

    def move_a_plan(self, plan: Plan) -> None:
        """All that can happen to dates once, and what is refused: the second time, with other terms, too late."""
        portals, (first, *_, last) = self.portals, plan.lines
        later = [line.due_on + timedelta(days=70) for line in plan.lines]
        portals.allow_moves(plan.shop, 7)
        for _ in range(2):
            portals.propose(plan, True, {first: first.due_on + timedelta(days=3)})
        portals.answer_dates(plan, "withdraw", True)
        portals.propose(plan, False, {last: last.due_on - timedelta(days=1)})
        for how in ("accept other terms", "accept"):
            portals.answer_dates(plan, how, True)
        portals.spread(plan, False, [(plan.owed, later[0])])
        for _ in range(2):
            portals.keep_old_dates(plan, True)
        portals.spread(plan, True, [(plan.owed - 400, later[0]), (400, later[1])])
        portals.record(plan, 100, 0, None, again=True, key=None)
        portals.answer_dates(plan, "accept", False)
        portals.spread(plan, False, [(plan.owed - 400, later[0]), (400, later[1])])
        portals.now += timedelta(days=8)
        portals.keep_old_dates(plan, True)
        portals.propose(plan, False, {plan.lines[-1]: later[1] - timedelta(days=1)})

    @rule(
        which=WHICH,
        by_customer=st.booleans(),
        place=st.integers(0, 3),
        shift=SHIFTS,
        alone=st.booleans(),
        how=st.sampled_from([*ANSWERS, ""]),
    )
    def move_dates(
        self,
        which: tuple[int, bool],
        by_customer: bool,
        place: int,
        shift: int,
        alone: bool,
        how: str,
    ) -> None:
        """One installment, or it and all after it, is to be due later or earlier; and mostly that is answered."""
        plan = self.movable(which)
        if plan is None:
            return
        lines = [line for line in plan.lines if line.owed] * which[1] or plan.lines
        first = place % len(lines)
        today = plan.shop.today(self.portals.now)
        # Later than today, so that what is late already can be moved too.
        days = {
            line: max(line.due_on, today + timedelta(days=line.number)) + timedelta(days=shift)
            for line in lines[first : first + 1 if alone else None]
        }
        self.send(lambda: self.portals.propose(plan, by_customer, days))
        self.answer_at_once(plan, how, by_customer)

    @rule(
        which=WHICH,
        by_customer=st.booleans(),
        parts=st.integers(1, 4),
        start=st.sampled_from([0, 0, 10, 60, -1]),
        apart=st.sampled_from([1, 7, 30, 30, 0]),
        off=st.sampled_from([0, 0, 0, 0, 0, 1, -1]),
        how=st.sampled_from([*ANSWERS, ""]),
    )
    def spread_what_is_owed(
        self,
        which: tuple[int, bool],
        by_customer: bool,
        parts: int,
        start: int,
        apart: int,
        off: int,
        how: str,
    ) -> None:
        """Over new installments, from the day on which the next one is due or was; and mostly that is answered."""
        plan = self.movable(which)
        if plan is None:
            return
        today = plan.shop.today(self.portals.now)
        due = min((line.due_on for line in plan.lines if line.owed), default=today)
        wanted = new_lines(plan.owed + off, parts, max(due, today) + timedelta(days=start), apart)
        self.send(lambda: self.portals.spread(plan, by_customer, wanted))
        self.answer_at_once(plan, how, by_customer)

    @rule(which=WHICH, by_customer=st.sampled_from([True, True, True, False]))
    def keep_the_old_dates(self, which: tuple[int, bool], by_customer: bool) -> None:
        """Of what the shop changed alone; and at times of what was agreed, or long ago."""
        plan = self.plan(which, lambda plan: plan.amendments and plan.amendments[-1].alone)
        if plan.amendments:
            self.send(lambda: self.portals.keep_old_dates(plan, by_customer))

    @rule(which=WHICH, how=st.sampled_from(ANSWERS), by_customer=st.booleans())
    def answer_dates(self, which: tuple[int, bool], how: str, by_customer: bool) -> None:
        """Later, twice, or by the wrong side."""
        plan = self.plan(which, lambda plan: plan.amendments and plan.amendments[-1].state == "proposed")
        if plan.amendments:
            self.send(lambda: self.portals.answer_dates(plan, how, by_customer))

    @rule(shop=st.integers(0, 2), days=st.sampled_from([0, 7, 14]))
    def the_shop_allows_moves(self, shop: int, days: int) -> None:
        self.portals.allow_moves(self.portals.shops[shop % len(self.portals.shops)], days)

    def movable(self, which: tuple[int, bool]) -> Plan | None:
        """A plan that somebody may ask to change; None if it has no customer yet, or was never accepted."""
        plan = self.plan(which, lambda plan: plan.state == "active" and not plan.processing)
        return plan if plan.email in self.portals.people and plan.accepted_on else None

    def answer_at_once(self, plan: Plan, how: str, by_customer: bool) -> None:
        if how and plan.amendments:
            answering = by_customer if how == "withdraw" else not by_customer
            self.send(lambda: self.portals.answer_dates(plan, how, answering))


def new_lines(amount: int, parts: int, first: date, apart: int) -> list[tuple[int, Any]]:
    """The amount in so many parts, the last of which takes the rest, so many days apart."""
    each = amount // parts
    amounts = [each] * (parts - 1) + [amount - each * (parts - 1)]
    return [(part, first + timedelta(days=apart * n)) for n, part in enumerate(amounts)]
