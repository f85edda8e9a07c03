"""The portal's rules once more, in plain Python and in memory: what a correct portal would answer and hold.

It shares no code with the portal, so that a mistake in the one is not repeated in the other.
"""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime, timedelta
from typing import Any

from tests.properties_db.model_of_dates import Dates
from tests.properties_db.model_of_dates import Refused as Refused
from tests.properties_db.model_of_losses import Losses
from tests.properties_db.model_rows import Line, Payment, Plan, Provider, Refund


class Died(Exception):
    """The process was killed while it spoke to the provider."""


class Portal(Losses):
    """All shops and plans; every method does one thing at ``now`` or raises ``Refused``."""

    def __init__(self) -> None:
        self.plans: list[Plan] = []
        self.keys: dict[tuple, tuple[Any, Any, datetime]] = {}
        self.emails: Counter[str] = Counter()
        self.events: Counter[str] = Counter()
        self.dates = Dates(self.tell, self.post)

    def offer(self, plan: Plan) -> None:
        self.plans.append(plan)
        self.tell("plan_offered", "offer_sent")

    def end_offer(self, plan: Plan, to: str, now: datetime) -> None:
        state = plan.shown_state(plan.shop.today(now))
        if state != "offered":
            raise Refused(f"plan_{state}")
        plan.state = to
        self.tell(f"plan_{to}", f"offer_{to}")

    def accept(self, plan: Plan, the_terms_shown: bool, now: datetime) -> None:
        state = plan.shown_state(plan.shop.today(now))
        reasons = [f"plan_{state}"] * (state != "offered") + ["other_terms"] * (not the_terms_shown)
        if reasons:
            raise Refused(*reasons)
        plan.state, plan.accepted_on = "active", plan.shop.today(now)
        for line in plan.lines:
            self.post(plan, "receivable", "sales", line.amount)
        self.tell("plan_accepted", "plan_accepted", "plan_accepted_shop")

    def claim(self, key: tuple | None, request: Any) -> Any:
        """What this key was used for before, if it was."""
        if key not in self.keys:
            return None
        asked, thing, _ = self.keys[key]
        if asked != request:
            raise Refused("key_reused")
        return thing

    def keep(self, key: tuple | None, request: Any, thing: Any, now: datetime) -> None:
        if key:
            self.keys[key] = request, thing, now

    def forget_keys(self, now: datetime) -> int:
        old = [key for key, (_, _, at) in self.keys.items() if at < now - timedelta(days=30)]
        for key in old:
            del self.keys[key]
        return len(old)

    def covered(self, plan: Plan, scope: str, line: Line | None, today: date) -> list[Line]:
        lines = {
            "installment": [line],
            "overdue": [each for each in plan.lines if each.late(today)],
            "all": [each for each in plan.lines if each.owed],
        }[scope]
        if any(each.held for each in lines):
            raise Refused("processing")
        if not all(each.owed for each in lines) or not lines:
            raise Refused("already_paid" if not lines or lines[0].settled else "cancelled")
        return lines

    def parts(
        self, plan: Plan, scope: str, line: Line | None, shown: int | None, part: int | None, today: date
    ) -> dict[Line, int]:
        """What is paid of which lines: the whole of those covered, or an amount of the customer's own."""
        if part is None:
            lines = self.covered(plan, scope, line, today)
            if shown not in (None, sum(each.owed for each in lines)):
                raise Refused("other_amount")
            return {each: each.owed for each in lines}
        if shown not in (None, plan.owed):
            raise Refused("other_amount")
        self.check_part(plan, part)
        parts = plan.spread(part)
        if any(each.held for each in parts):
            raise Refused("processing")
        return parts

    def check_part(self, plan: Plan, part: int) -> None:
        if not min(plan.owed, plan.shop.unit) <= part <= plan.owed:
            raise Refused("invalid")

    def pay(
        self,
        plan: Plan,
        scope: str,
        line: Line | None,
        shown: int | None,
        key: tuple | None,
        provider: Provider,
        card: str,
        now: datetime,
        part: int | None = None,
    ) -> Payment:
        """``shown`` is None over the API, where whatever is owed is paid, and paying an open offer accepts it.

        A ``part`` is an amount of the customer's own, which never accepts anything.
        """
        request, today = ("pay", plan, scope, line, shown, part), plan.shop.today(now)
        if seen := self.claim(key, request):
            return seen
        accepts = shown is None and part is None
        state = plan.shown_state(today) if accepts else plan.state
        if state != "active" and not (state == "offered" and accepts):
            raise Refused(f"plan_{state}")
        payment = Payment(plan, self.parts(plan, scope, line, shown, part, today), card, now)
        if state == "offered":
            self.accept(plan, True, now)
        self.keep(key, request, payment, now)
        plan.payments.append(payment)
        self.charge(payment, provider, now)
        return payment

    def charge(self, payment: Payment, provider: Provider, now: datetime, later: bool = False) -> None:
        """One conversation with the provider, which charges a reference once and may not be heard."""
        if provider.unreachable:
            return
        if provider.process_dies == "before":
            raise Died
        known, payment.heard = payment.heard, True
        if provider.process_dies == "after":
            raise Died
        if known or not (provider.slow or payment.card == "times_out"):
            self.settle(payment, now, later)

    def settle(self, payment: Payment, now: datetime, later: bool) -> None:
        plan = payment.plan
        if payment.card in ("declined", "insufficient_funds"):
            payment.state = "declined"
            self.tell("payment_declined", *["payment_declined"] * later)
            return
        self.receive(payment, plan.shop.today(now))
        self.tell("payment_succeeded", "payment_received")

    def receive(self, payment: Payment, on: date) -> None:
        """The money is there; the last of it completes the plan."""
        plan = payment.plan
        payment.number = 1 + max((each.number for each in plan.payments), default=0)
        payment.state, payment.on = "succeeded", on
        for line, amount in payment.parts.items():
            self.post(plan, "cash", "receivable", amount)
            line.paid += amount
            line.stamped = line.stamped and line.owed > 0
        if not plan.owed:
            self.dates.withdraw_open(plan)
            plan.state = "completed"
            self.tell("plan_completed")

    def record(
        self,
        plan: Plan,
        amount: int,
        days_ago: int,
        shown: int | None,
        again: bool,
        key: tuple | None,
        now: datetime,
    ) -> Payment:
        """The shop received cash; ``shown`` is what its page showed as owed."""
        on = plan.shop.today(now) - timedelta(days=days_ago)
        request = "record", plan, amount, on, shown, again
        if seen := self.claim(key, request):
            return seen
        if plan.state != "active":
            raise Refused(f"plan_{plan.state}")
        if plan.processing:
            raise Refused("processing")
        self.check_part(plan, amount)
        if plan.accepted_on and on < plan.accepted_on:
            raise Refused("invalid")
        if shown not in (None, plan.owed):
            raise Refused("other_amount")
        lately = [p for p in plan.payments if not p.card and p.made_at > now - timedelta(minutes=10)]
        if not again and any((p.amount, p.on) == (amount, on) and not p.reversed for p in lately):
            raise Refused("looks_recorded")
        payment = Payment(plan, plan.spread(amount), "", now)
        self.keep(key, request, payment, now)
        self.receive(payment, on)
        plan.payments.append(payment)
        self.tell("payment_recorded", "payment_recorded")
        return payment

    def reverse(self, payment: Payment, key: tuple | None, now: datetime) -> None:
        """All that is left of what was recorded did not come in: it is owed again."""
        plan, request = payment.plan, ("reverse", payment)
        if self.claim(key, request):
            return
        if payment.card:
            raise Refused("not_recorded")
        if plan.processing:
            raise Refused("processing")
        left = {line: payment.left(line) for line in payment.parts}
        if not any(left.values()):
            raise Refused("nothing_left")
        self.keep(key, request, "reversed", now)
        for line, amount in left.items():
            payment.reversed[line] += amount
            if payment.recovery:
                line.recovered -= amount
                self.post(plan, "write_offs", "cash", amount)
            elif amount:
                line.reversed += amount
                self.post(plan, "receivable", "cash", amount)
        self.tell("payment_reversed", "payment_reversed")
        if plan.state != "active" and not payment.recovery:
            plan.state = "active"
            self.tell("plan_reopened")

    def split(self, plan: Plan, amount: int) -> tuple:
        """(what is shown beside it, cancelled, returned): what is owed from the end, then what was paid last."""
        if plan.state not in ("active", "completed", "cancelled", "written_off"):
            raise Refused(f"plan_{plan.state}")
        if plan.processing:
            raise Refused("processing")
        kept_ones = [p for p in plan.payments if p.state == "succeeded" and not p.recovery]
        paid = [(p, line) for p in kept_ones for line in p.parts]
        paid.sort(key=lambda pair: (-pair[0].number, -pair[1].number))
        slots: list[tuple[Payment | None, Line, int]] = [(None, line, line.owed) for line in plan.lines[::-1]]
        slots += [(payment, line, payment.left(line)) for payment, line in paid]
        rest, taken = amount, []
        for payment, line, room in slots:
            taken.append((payment, line, min(room, max(rest, 0)), room))
            rest -= room
        if amount <= 0 or rest > 0:
            raise Refused("invalid")
        cancelled = [(line, take) for payment, line, take, _ in taken if take and not payment]
        returned = [(payment, line, take) for payment, line, take, _ in taken if take and payment]
        parts = [cancelled, returned]
        stood = [room for _, _, take, room in taken if take]
        left = plan.owed - sum(take for _, take in cancelled)
        kept = sum(payment.left(line) for payment, line in paid) - sum(take for _, _, take in returned)
        ended = "completed" if kept else "cancelled"
        after = ended if plan.state == "active" and not left else plan.state
        return (plan.state, after, stood), *map(tuple, parts)

    def refund(
        self,
        plan: Plan,
        amount: int,
        shown: Any,
        key: tuple | None,
        provider: Provider,
        now: datetime,
        handed_back: bool = True,
    ) -> Refund:
        """``shown`` is (the preview's fingerprint, what the model previewed), or None."""
        request = "refund", plan, amount, shown and shown[0], handed_back
        if seen := self.claim(key, request):
            return seen
        split = self.split(plan, amount)
        if shown and shown[1] != split:
            raise Refused("other_preview")
        (_, after, _), cancelled, returned = split
        by_hand = [part for part in returned if not part[0].card]
        if by_hand and not handed_back:
            raise Refused("invalid")
        back: dict[Payment, list[tuple[Line, int]]] = {}
        for payment, line, take in returned:
            if payment.card:
                back.setdefault(payment, []).append((line, take))
        refund = Refund(plan, amount, sum(take for _, take in cancelled), back, now)
        self.keep(key, request, refund, now)
        plan.refunds.append(refund)
        self.give_up(plan, cancelled)
        self.tell("refund_made", "refund_made")
        for payment, line, take in by_hand:
            self.give_back(refund, payment, line, take)
        if after != plan.state:
            self.dates.withdraw_open(plan)
            plan.state = after
            self.tell(f"plan_{after}")
        if back:
            self.return_cash(refund, provider)
        else:
            refund.state = "succeeded"
            self.tell(*["refund_returned"] * bool(by_hand))
        return refund

    def give_back(self, refund: Refund, payment: Payment, line: Line, take: int) -> None:
        line.returned += take
        payment.returned[line] += take
        refund.returned += take
        self.post(refund.plan, "refunds", "cash", take)

    def give_up(self, plan: Plan, cancelled: Any) -> None:
        for line, take in cancelled:
            line.cancelled += take
            line.stamped = line.stamped and line.owed > 0
            self.post(plan, "refunds", "receivable", take)

    def return_cash(self, refund: Refund, provider: Provider) -> None:
        """Ask for one payment after the other until one is not answered; book all of them or none."""
        declines = provider.declines_a_return
        for payment in refund.back:
            if provider.unreachable:
                return
            if payment in refund.heard:
                continue
            if provider.process_dies == "before":
                raise Died
            refund.heard[payment], declines = "declined" if declines else "succeeded", False
            if provider.process_dies == "after":
                raise Died
            if provider.slow or payment.card == "times_out":
                return
        for payment, parts in refund.back.items():
            if refund.heard[payment] == "succeeded":
                for line, take in parts:
                    self.give_back(refund, payment, line, take)
        whole = refund.returned == refund.amount - refund.cancelled
        refund.state = "succeeded" if whole else "declined"
        self.tell("refund_returned" if whole else "refund_declined", *["refund_declined"] * (not whole))

    def cancel(self, plan: Plan, shown: int | None, key: tuple | None, now: datetime) -> None:
        request = "cancel", plan, shown
        if self.claim(key, request):
            return
        if plan.state != "active":
            raise Refused(f"plan_{plan.state}")
        if plan.processing:
            raise Refused("processing")
        if shown not in (None, plan.owed):
            raise Refused("other_amount")
        self.keep(key, request, "cancelled", now)
        self.give_up(plan, [(line, line.owed) for line in plan.lines if line.owed])
        self.dates.withdraw_open(plan)
        plan.state = "cancelled"
        self.tell("plan_cancelled", "plan_cancelled")

    def settle_pending(self, provider: Provider, now: datetime) -> None:
        waited = now - timedelta(minutes=1)
        for plan in self.plans:
            for payment in plan.payments:
                if payment.state == "processing" and payment.made_at <= waited:
                    self.charge(payment, provider, now, later=True)
            for refund in plan.refunds:
                if refund.state == "processing" and refund.made_at <= waited:
                    self.return_cash(refund, provider)

    def run_day(self, now: datetime) -> dict[str, int]:
        done = {"overdue": 0, "expired": 0}
        for plan in self.plans:
            today = plan.shop.today(now)
            if plan.state == "offered" and today > plan.last_day:
                plan.state = "expired"
                done["expired"] += 1
                self.tell("plan_expired", "offer_expired")
            done["expired"] += self.dates.run_day(plan, today)
            for line in plan.lines:
                if plan.state == "active" and line.owed and not line.stamped and line.due_on < today:
                    line.stamped = True
                    done["overdue"] += 1
                    self.tell("installment_late")
        self.forget_keys(now)
        return done

    def post(self, plan: Plan, debit: str, credit: str, amount: int) -> None:
        plan.shop.books[debit, credit] += amount

    def tell(self, event: str = "", *emails: str) -> None:
        self.events[event] += bool(event)
        self.emails.update(emails)
