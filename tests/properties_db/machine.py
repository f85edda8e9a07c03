"""Chooses at random what happens next to shops, plans and money; mostly what fits, at times what must be refused."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from portal.adapters.payments import Outcome
from tests.properties_db.both_portals import BothPortals
from tests.properties_db.machine_of_dates import WHICH, MovingDates
from tests.properties_db.model_rows import Plan, Provider
from tests.properties_db.never import Never

ADA, BEN = "ada@example.com", "ben@example.com"
DYING = [Provider(process_dies=when) for when in ("before", "after")]
UNWELL = [Provider(slow=True), Provider(unreachable=True), Provider(declines_a_return=True)]

CARDS = st.sampled_from(["succeeds", "succeeds", "succeeds", "times_out", "declined", "insufficient_funds"])
TOTALS, PARTS, DAYS = st.integers(1, 9) | st.integers(100, 10**6), st.integers(1, 4), st.integers(-70, 40)
FREQUENCIES = st.sampled_from(["weekly", "biweekly", "monthly"])
SCOPES = st.sampled_from(["installment", "installment", "all", "overdue"])
KEYS = st.sampled_from([None, None, None, "one", "two"])
PROVIDERS, SETTLING = (
    st.sampled_from([Provider()] * 5 + UNWELL + DYING),
    st.sampled_from([Provider()] * 3 + UNWELL),
)
JOBS = st.sampled_from(
    ["do_the_days_work", "deliver", "deliver_with_failing_server", "forget_old_keys", "roll_up"]
)
# What the page showed: 0 is right, 1 and -1 are a stale page's, None is a program that names no amount.
OFF = st.sampled_from([0, 0, 0, 0, None, None, 1, -1])
# Of what is refundable; 0 is nothing and 101 is more than there is.
PERCENT = st.sampled_from([1, 5, 10, 10, 20, 20, 30, 40, 50, 60, 80, 99, 100, 0, 101])


class LifeOfPlans(MovingDates, RuleBasedStateMachine):
    """Two customers, up to three shops, and whatever may happen to their plans, in any order."""

    def __init__(self, engine: Engine) -> None:
        super().__init__()
        self.session = Session(engine, expire_on_commit=False)
        self.portals = BothPortals(self.session)
        self.never = Never(self.session)
        self.previews: list[tuple[Plan, int, Any]] = []
        self.sent: list[Callable[[], None]] = []

    def teardown(self) -> None:
        self.session.close()

    def send(self, request: Callable[[], None]) -> None:
        self.sent.append(request)
        request()

    def plan(self, which: tuple[int, bool], fits: Callable[[Plan], Any] = bool) -> Plan:
        place, fitting = which
        plans = self.portals.model.plans
        chosen = [plan for plan in plans if fits(plan)] * fitting or plans
        return chosen[place % len(chosen)]

    @initialize(total=st.integers(100, 10**6), parts=st.integers(2, 4), days=st.tuples(DAYS, DAYS, DAYS))
    def begin(self, total: int, parts: int, days: tuple[int, ...]) -> None:
        """A plan paid in part, one that runs, an offer, a loss and moved dates: every rule has something to do."""
        self.portals.open_shop("UTC", "USD")
        self.portals.sign_up("Ada")
        for each, accepted in zip(days, (True, True, False), strict=True):
            self.offer(0, ADA, total, parts, each, "monthly", accepted)
        for _ in range(2):
            self.pay_well((0, True), "installment", 0)
        self.lose_a_plan(10_000)
        self.offer(0, ADA, 10_000, 3, 5, "weekly", accepted=True)
        self.move_a_plan(self.portals.model.plans[-1])

    def lose_a_plan(self, total: int) -> None:
        """A part recorded, the rest written off and recovered in parts, and one of these did not come in after all."""
        portals = self.portals
        self.offer(0, ADA, total, 2, 5, "monthly", accepted=True)
        plan = portals.model.plans[-1]
        portals.record(plan, plan.part_of_owed(20), 0, plan.owed, again=False, key=None)
        portals.write_off(plan, plan.owed, None)
        lost = sum(line.lost for line in plan.lines)
        for percent in (60, 60, 40):
            portals.recover(plan, max(lost * percent // 100, 1), None, None)
        portals.reverse(plan.payments[1], None)

    @precondition(lambda self: len(self.portals.shops) < 3 or BEN not in self.portals.people)
    @rule(
        zone=st.sampled_from(["Pacific/Kiritimati", "America/Los_Angeles"]),
        currency=st.sampled_from(["JPY", "KWD"]),
    )
    def somebody_signs_up(self, zone: str, currency: str) -> None:
        if len(self.portals.shops) < 3:
            self.portals.open_shop(zone, currency)
        else:
            self.portals.sign_up("Ben")

    @rule(
        shop=st.integers(0, 2),
        email=st.sampled_from([ADA, ADA, BEN]),
        total=TOTALS,
        parts=PARTS,
        days=DAYS,
        frequency=FREQUENCIES,
        accepted=st.booleans(),
    )
    def offer(
        self, shop: int, email: str, total: int, parts: int, days: int, frequency: str, accepted: bool
    ) -> None:
        sender = self.portals.shops[shop % len(self.portals.shops)]
        first = sender.today(self.portals.now) + timedelta(days=days)
        plan = self.portals.offer(sender, email, total, parts, first, frequency)
        if plan and accepted and email in self.portals.people:
            self.portals.accept(plan)

    @rule(which=WHICH, how=st.sampled_from(["accept", "accept", "accept other terms", "decline", "revoke"]))
    def answer(self, which: tuple[int, bool], how: str) -> None:
        plan = self.plan(which, lambda plan: plan.state == "offered")
        if how == "revoke":
            self.portals.revoke(plan)
        elif plan.email not in self.portals.people:
            self.portals.strangers_meddle(plan)
        elif how == "decline":
            self.portals.decline(plan)
        else:
            self.portals.accept(plan, the_terms_shown=how == "accept")

    @rule(which=WHICH, scope=SCOPES, place=st.integers(0, 3))
    def pay_well(self, which: tuple[int, bool], scope: str, place: int) -> None:
        self.pay(which, scope, place, 0, "succeeds", None, Provider())

    @rule(
        which=WHICH, scope=SCOPES, place=st.integers(0, 3), off=OFF, card=CARDS, key=KEYS, provider=PROVIDERS
    )
    def pay(
        self,
        which: tuple[int, bool],
        scope: str,
        place: int,
        off: int | None,
        card: str,
        key: str | None,
        provider: Provider,
    ) -> None:
        states = ("active", "offered") if off is None else ("active",)
        plan = self.plan(which, lambda plan: plan.state in states and not plan.processing)
        if plan.email not in self.portals.people:
            return
        self.portals.choose_card(plan.email, card)
        owed = [line for line in plan.lines if line.owed]
        late = [line for line in owed if line.late(plan.shop.today(self.portals.now))]
        lines = owed * which[1] or plan.lines
        line = lines[place % len(lines)] if scope == "installment" else None
        covered = {"installment": [line], "overdue": late, "all": owed}[scope]
        shown = None if off is None else sum(each.owed for each in covered) + off
        self.send(lambda: self.portals.pay(plan, scope, line, shown, key, provider))

    @rule(which=WHICH, percent=PERCENT, off=OFF, card=CARDS, key=KEYS, provider=PROVIDERS)
    def pay_a_part(
        self,
        which: tuple[int, bool],
        percent: int,
        off: int | None,
        card: str,
        key: str | None,
        provider: Provider,
    ) -> None:
        plan = self.plan(which, lambda plan: plan.state == "active" and not plan.processing)
        if plan.email not in self.portals.people:
            return
        self.portals.choose_card(plan.email, card)
        part, shown = plan.part_of_owed(percent), None if off is None else plan.owed + off
        self.send(lambda: self.portals.pay(plan, "amount", None, shown, key, provider, part))

    @rule(
        which=WHICH,
        percent=PERCENT,
        days_ago=st.sampled_from([0, 0, 0, 0, 1, 3]),
        off=OFF,
        again=st.booleans(),
        key=KEYS,
    )
    def record(
        self,
        which: tuple[int, bool],
        percent: int,
        days_ago: int,
        off: int | None,
        again: bool,
        key: str | None,
    ) -> None:
        """The shop was paid in cash."""
        plan = self.plan(which, lambda plan: plan.state == "active" and not plan.processing)
        amount, shown = plan.part_of_owed(percent), None if off is None else plan.owed + off
        self.send(lambda: self.portals.record(plan, amount, days_ago, shown, again, key))

    @rule(place=st.integers(0, 7), recorded=st.sampled_from([True, True, True, False]), key=KEYS)
    def reverse(self, place: int, recorded: bool, key: str | None) -> None:
        """Mostly of what was recorded; once in a while of a card payment, which is refused."""
        paid = [p for plan in self.portals.model.plans for p in plan.payments if p.id and p.number]
        chosen = [p for p in paid if not p.card] * recorded or paid
        if chosen:
            payment = chosen[place % len(chosen)]
            self.send(lambda: self.portals.reverse(payment, key))

    @rule(which=WHICH, percent=PERCENT)
    def preview(self, which: tuple[int, bool], percent: int) -> None:
        plan = self.refundable(which)
        amount = plan.part_of_refundable(percent)
        if shown := self.portals.preview(plan, amount):
            self.previews.append((plan, amount, shown))

    @precondition(lambda self: self.previews)
    @rule(back=st.integers(1, 4), key=KEYS, provider=PROVIDERS)
    def refund_as_previewed(self, back: int, key: str | None, provider: Provider) -> None:
        """By the latest preview or by an older one, which may hold no more."""
        plan, amount, shown = self.previews[-min(back, len(self.previews))]
        self.send(lambda: self.portals.refund(plan, amount, shown, key, provider))

    @rule(which=WHICH, percent=PERCENT, key=KEYS, provider=PROVIDERS, handed_back=st.booleans())
    def refund_by_amount(
        self, which: tuple[int, bool], percent: int, key: str | None, provider: Provider, handed_back: bool
    ) -> None:
        plan = self.refundable(which)
        amount = plan.part_of_refundable(percent)
        self.send(lambda: self.portals.refund(plan, amount, None, key, provider, handed_back))

    def refundable(self, which: tuple[int, bool]) -> Plan:
        def fits(plan: Plan) -> bool:
            paid = any(line.settled > line.returned for line in plan.lines)
            return not plan.processing and (plan.state == "active" or paid)

        return self.plan(which, fits)

    @rule(which=WHICH, off=st.sampled_from([0, None, 1, 1, -1]), key=KEYS)
    def cancel(self, which: tuple[int, bool], off: int | None, key: str | None) -> None:
        plan = self.plan(which, lambda plan: plan.state == "active")
        shown = None if off is None else plan.owed + off
        self.send(lambda: self.portals.cancel(plan, shown, key))

    @rule(which=WHICH, off=st.sampled_from([0, 0, None, 1, -1]), key=KEYS)
    def write_off(self, which: tuple[int, bool], off: int | None, key: str | None) -> None:
        plan = self.plan(which, lambda plan: plan.state == "active" and not plan.processing)
        shown = None if off is None else plan.owed + off
        self.send(lambda: self.portals.write_off(plan, shown, key))

    @rule(which=WHICH, percent=PERCENT, off=OFF, key=KEYS)
    def recover(self, which: tuple[int, bool], percent: int, off: int | None, key: str | None) -> None:
        """Money for what was written off, and at times for what was not or is owed again."""
        plan = self.plan(which, lambda plan: any(line.lost for line in plan.lines))
        lost = sum(line.lost for line in plan.lines)
        amount, shown = -(-lost * percent // 100), None if off is None else lost + off
        self.send(lambda: self.portals.recover(plan, amount, shown, key))

    @precondition(lambda self: self.sent)
    @rule(back=st.integers(1, 6))
    def send_the_same_again(self, back: int) -> None:
        """A double click, a page that was left open, a program that tries again."""
        self.sent[-min(back, len(self.sent))]()

    @rule(which=WHICH)
    def strangers_meddle(self, which: tuple[int, bool]) -> None:
        self.portals.strangers_meddle(self.plan(which))

    @rule(minutes=st.integers(0, 3), provider=SETTLING)
    def settle_pending(self, minutes: int, provider: Provider) -> None:
        self.portals.now += timedelta(minutes=minutes)
        self.portals.settle_pending(provider)

    @rule(place=st.integers(0, 3), outcome=st.sampled_from(Outcome))
    def an_answer_comes_again(self, place: int, outcome: Outcome) -> None:
        self.portals.replay_provider_response(place, outcome)

    @rule(hours=st.integers(1, 24) | st.integers(24, 24 * 40), jobs=st.lists(JOBS, max_size=3))
    def time_passes(self, hours: int, jobs: list[str]) -> None:
        """And jobs run, or are missed."""
        self.portals.now += timedelta(hours=hours)
        for job in jobs:
            getattr(self.portals, job)()

    @invariant()
    def the_portal_is_as_the_model_predicts(self) -> None:
        self.portals.check()

    @invariant()
    def what_must_never_happen_has_not_happened(self) -> None:
        self.never.check()
