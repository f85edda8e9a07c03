"""The portal's rules once more, in plain Python and in memory: what a correct portal would answer and hold.

It shares no code with the portal, so that a mistake in the one is not repeated in the other.
"""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime, timedelta
from typing import Any

from tests.properties_db.model_rows import Line, Payment, Plan, Provider, Refund


class Refused(Exception):
    """What a correct portal refuses, and with which code; with either if it has several reasons."""

    def __init__(self, *codes: str) -> None:
        super().__init__(*codes)
        self.codes = codes


class Died(Exception):
    """The process was killed while it spoke to the provider."""


class Portal:
    """All shops and plans; every method does one thing at ``now`` or raises ``Refused``."""

    def __init__(self) -> None:
        self.plans: list[Plan] = []
        self.keys: dict[tuple, tuple[Any, Any, datetime]] = {}
        self.emails: Counter[str] = Counter()
        self.events: Counter[str] = Counter()

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
        plan.state = "active"
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
            raise Refused("already_paid" if not lines or lines[0].paid else "cancelled")
        return lines

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
    ) -> Payment:
        """``shown`` is None over the API, where whatever is owed is paid, and paying an open offer accepts it."""
        request, today = ("pay", plan, scope, line, shown), plan.shop.today(now)
        if seen := self.claim(key, request):
            return seen
        state = plan.shown_state(today) if shown is None else plan.state
        if state != "active" and not (state == "offered" and shown is None):
            raise Refused(f"plan_{state}")
        lines = self.covered(plan, scope, line, today)
        payment = Payment(plan, lines, card, now)
        if shown not in (None, payment.amount):
            raise Refused("other_amount")
        if state == "offered":
            self.accept(plan, True, now)
        self.keep(key, request, payment, now)
        plan.payments.append(payment)
        for each in lines:
            each.payment = payment
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
            for line in payment.lines:
                line.payment = None
            self.tell("payment_declined", *["payment_declined"] * later)
            return
        payment.number = 1 + max(each.number for each in plan.payments)
        payment.state = "succeeded"
        for line in payment.lines:
            self.post(plan, "cash", "receivable", line.owed)
            line.paid, line.paid_on, line.stamped = line.owed, plan.shop.today(now), False
        self.tell("payment_succeeded", "payment_received")
        if not plan.owed:
            plan.state = "completed"
            self.tell("plan_completed")

    def split(self, plan: Plan, amount: int) -> tuple:
        """(what is shown beside it, cancelled, returned): what is owed from the end, then what was paid last."""
        if plan.state not in ("active", "completed", "cancelled"):
            raise Refused(f"plan_{plan.state}")
        if plan.processing:
            raise Refused("processing")
        paid = [line for line in plan.lines if line.paid]
        paid.sort(key=lambda line: (-line.payment.number, -line.number))
        slots = [(False, line, line.owed) for line in plan.lines[::-1]]
        slots += [(True, line, line.paid - line.returned) for line in paid]
        rest, taken = amount, []
        for goes_back, line, room in slots:
            taken.append((goes_back, line, min(room, max(rest, 0))))
            rest -= room
        if amount <= 0 or rest > 0:
            raise Refused("invalid")
        parts = [
            [(line, take) for back, line, take in taken if take and back is way] for way in (False, True)
        ]
        stood = [(line.owed, line.paid - line.returned) for _, line, take in taken if take]
        left = plan.owed - sum(take for _, take in parts[0])
        kept = sum(line.paid - line.returned for line in paid) - sum(take for _, take in parts[1])
        ended = "completed" if kept else "cancelled"
        after = ended if plan.state == "active" and not left else plan.state
        return (plan.state, after, stood), *map(tuple, parts)

    def refund(
        self, plan: Plan, amount: int, shown: Any, key: tuple | None, provider: Provider, now: datetime
    ) -> Refund:
        """``shown`` is (the preview's fingerprint, what the model previewed), or None."""
        request = "refund", plan, amount, shown and shown[0]
        if seen := self.claim(key, request):
            return seen
        split = self.split(plan, amount)
        if shown and shown[1] != split:
            raise Refused("other_preview")
        (_, after, _), cancelled, returned = split
        back: dict[Payment, list[tuple[Line, int]]] = {}
        for line, take in returned:
            back.setdefault(line.payment, []).append((line, take))
        refund = Refund(plan, amount, sum(take for _, take in cancelled), back, now)
        self.keep(key, request, refund, now)
        plan.refunds.append(refund)
        self.give_up(plan, cancelled)
        self.tell("refund_made", "refund_made")
        if after != plan.state:
            plan.state = after
            self.tell(f"plan_{after}")
        if back:
            self.return_cash(refund, provider)
        else:
            refund.state = "succeeded"
        return refund

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
                    line.returned += take
                    refund.returned += take
                    self.post(refund.plan, "refunds", "cash", take)
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
            for line in plan.lines:
                if plan.state == "active" and line.owed and not line.stamped and line.due_on < today:
                    line.stamped = True
                    done["overdue"] += 1
                    self.tell("installment_late")
        self.forget_keys(now)
        return done

    def post(self, plan: Plan, debit: str, credit: str, amount: int) -> None:
        plan.shop.books[debit, credit] += amount

    def tell(self, event: str, *emails: str) -> None:
        self.events[event] += 1
        self.emails.update(emails)
