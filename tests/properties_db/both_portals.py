"""Does one thing in the model and in the portal, and refuses to go on where what they answer or hold differs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from portal.adapters.payments import Outcome
from portal.core.payments import Method
from portal.core.roles import Actor
from portal.queries.amendments import get_amendment
from portal.services import (
    amendments,
    daily_run,
    idempotency,
    offers,
    outbox,
    payment_settlement,
    payments,
    plans,
    recording,
    refunds,
    reversals,
    rollups,
    shops,
    write_offs,
)
from portal.services import refund_settlement as refund_settling
from portal.services.recording import Recording
from portal.services.reversals import ReversalRequest
from portal.services.transaction import unit_of_work
from portal.services.write_offs import WriteOff
from tests import factories
from tests.properties_db import comparison, model
from tests.properties_db.comparison import outcome, same_payment, same_refund
from tests.properties_db.model_rows import Line, Payment, Plan, Provider, Shop, schedule
from tests.properties_db.outside import FakeSmtp, Ledger, write


class BothPortals:
    """The model, the portal on its database, and the world around them; ``now`` is everybody's clock."""

    def __init__(self, session: Session) -> None:
        self.session, self.model, self.now = session, model.Portal(), factories.NOW
        self.ledger, self.fake_smtp = Ledger(), FakeSmtp()
        self.shops: list[Shop] = []
        self.people: dict[str, Actor] = {}
        self.cards: dict[str, str] = {}
        self.stranger = factories.make_customer(session, "Eve")
        self.other_shop = factories.make_merchant(session, "Eves Shop")

    def both(self, predict: Callable[[], Any], act: Callable[[], Any]) -> tuple[Any, Any]:
        """What the model predicts and what the portal does; (None, None) if both refuse for the same reason."""
        (reasons, expected), (refusal, actual) = outcome(predict), outcome(act)
        assert bool(refusal) == bool(reasons), (reasons, refusal)
        assert set(refusal) <= set(reasons)
        return expected, actual

    def unit(self, act: Callable[..., Any], *args: Any) -> Callable[[], Any]:
        def run() -> Any:
            with unit_of_work(self.session):
                return act(self.session, *args)

        return run

    def open_shop(self, zone: str, currency: str) -> None:
        name = f"Shop {len(self.shops)}"
        actor = factories.make_merchant(self.session, name, timezone=zone, currency=currency)
        self.shops.append(Shop(actor, zone, {"USD": 100, "JPY": 1, "KWD": 1000}[currency]))

    def sign_up(self, name: str) -> None:
        customer = factories.make_customer(self.session, name)
        self.people[customer.email] = customer

    def offer(
        self, shop: Shop, email: str, total: int, parts: int, first: date, frequency: str
    ) -> Plan | None:
        last_day = shop.today(self.now) + timedelta(days=30)
        plan = Plan(None, shop, email, schedule(total, parts, first, frequency), last_day)
        proposal = factories.proposal(
            email, total=total, parts=parts, first=first, frequency=offers.Frequency(frequency)
        )

        def predict() -> Plan:
            if total < parts:
                raise model.Refused("invalid")
            self.model.offer(plan)
            return plan

        made, plan.id = self.both(predict, self.unit(offers.offer, shop.actor, proposal, self.now))
        return made

    def accept(self, plan: Plan, *, the_terms_shown: bool = True) -> None:
        customer = self.people[plan.email]
        shown = factories.plan_of(self.session, customer, plan.id, self.now).terms_hash
        terms = shown if the_terms_shown else "0" * 64
        act = self.unit(offers.accept, customer, plan.id, terms, factories.ORIGIN, self.now)
        self.both(lambda: self.model.accept(plan, the_terms_shown, self.now), act)

    def decline(self, plan: Plan) -> None:
        act = self.unit(offers.decline, self.people[plan.email], plan.id, self.now)
        self.both(lambda: self.model.end_offer(plan, "declined", self.now), act)

    def revoke(self, plan: Plan) -> None:
        act = self.unit(offers.revoke, plan.shop.actor, plan.id, self.now)
        self.both(lambda: self.model.end_offer(plan, "revoked", self.now), act)

    def choose_card(self, email: str, card: str) -> None:
        if self.cards.get(email) != card:
            factories.choose_card(self.session, self.people[email], card)
            self.cards[email] = card

    def pay(
        self,
        plan: Plan,
        scope: str,
        line: Line | None,
        shown: int | None,
        key: str | None,
        provider: Provider,
        part: int | None = None,
    ) -> None:
        """Without an amount it is a program that pays, over the API, where paying an offer accepts it.

        A ``part`` is an amount of the customer's own.
        """
        customer, now = self.people[plan.email], self.now
        lines = factories.plan_of(self.session, customer, plan.id, now).installments
        order = payments.PaymentRequest(
            plan.id, payments.Scope(scope), shown, line and lines[line.number - 1].id, part
        )
        origin = factories.ORIGIN if shown is None and part is None else None
        card, known = self.cards[plan.email], key and (plan.shop, plan.email, key)
        gateway = self.ledger.as_gateway(provider)
        predicted, answer = self.both(
            lambda: self.model.pay(plan, scope, line, shown, known, provider, card, now, part),
            lambda: payments.pay(self.session, gateway, customer, order, key, now, origin),
        )
        if predicted:
            same_payment(predicted, answer)

    def party(self, plan: Plan, by_customer: bool) -> Actor:
        return self.people[plan.email] if by_customer else plan.shop.actor

    def allow_moves(self, shop: Shop, days: int) -> None:
        shop.move_days = days
        self.unit(shops.allow_moves, shop.actor, days)()

    def propose(self, plan: Plan, by_customer: bool, days: dict[Line, date]) -> None:
        actor, now = self.party(plan, by_customer), self.now
        ids = [line.id for line in factories.plan_of(self.session, actor, plan.id, now).installments]
        dates = tuple((ids[line.number - 1], day) for line, day in days.items())
        proposal = amendments.Proposal(plan.id, dates)
        self.both(
            lambda: self.model.dates.propose(plan, by_customer, days, now),
            self.unit(amendments.propose, actor, proposal, factories.ORIGIN, now),
        )

    def spread(self, plan: Plan, by_customer: bool, wanted: list[tuple[int, date]]) -> None:
        actor, now = self.party(plan, by_customer), self.now
        proposal = amendments.Proposal(plan.id, (), spread=tuple(wanted))
        self.both(
            lambda: self.model.dates.spread(plan, by_customer, wanted, now),
            self.unit(amendments.propose, actor, proposal, factories.ORIGIN, now),
        )

    def answer_dates(self, plan: Plan, how: str, by_customer: bool) -> None:
        actor, now, number = self.party(plan, by_customer), self.now, len(plan.amendments)
        what, _, other = how.partition(" ")
        args = [actor, plan.id, number]
        if what == "accept":
            view = factories.plan_of(self.session, actor, plan.id, now)
            shown = get_amendment(self.session, view, number, now).terms_hash
            args += ["0" * 64 if other else shown, factories.ORIGIN]
        self.both(
            lambda: self.model.dates.answer(plan, what, by_customer, not other, now),
            self.unit(getattr(amendments, what), *args, now),
        )

    def keep_old_dates(self, plan: Plan, by_customer: bool) -> None:
        actor, now, number = self.party(plan, by_customer), self.now, len(plan.amendments)
        self.both(
            lambda: self.model.dates.keep_old_dates(plan, by_customer, now),
            self.unit(amendments.keep_old_dates, actor, plan.id, number, factories.ORIGIN, now),
        )

    def record(
        self, plan: Plan, amount: int, days_ago: int, shown: int | None, again: bool, key: str | None
    ) -> None:
        now, known = self.now, key and (plan.shop, "the shop", key)
        on = plan.shop.today(now) - timedelta(days=days_ago)
        wanted = Recording(plan.id, amount, Method.CASH, on, shown=shown, again=again)
        act = self.unit(recording.record_once, plan.shop.actor, wanted, key, now, lambda id: {"id": str(id)})
        predicted, answer = self.both(
            lambda: self.model.record(plan, amount, days_ago, shown, again, known, now), act
        )
        if predicted:
            predicted.id = predicted.id or UUID(answer["id"])
            assert answer == {"id": str(predicted.id)}

    def write_off(self, plan: Plan, shown: int | None, key: str | None) -> None:
        known = key and (plan.shop, "the shop", key)
        act = self.unit(write_offs.write_off, plan.shop.actor, WriteOff(plan.id, "", shown), self.now, key)
        self.both(lambda: self.model.write_off(plan, shown, known, self.now), act)

    def recover(self, plan: Plan, amount: int, shown: int | None, key: str | None) -> None:
        now, known = self.now, key and (plan.shop, "the shop", key)
        on = plan.shop.today(now)
        wanted = Recording(plan.id, amount, Method.CASH, on, shown=shown, again=True, recovery=True)
        act = self.unit(recording.record_once, plan.shop.actor, wanted, key, now, lambda id: {"id": str(id)})
        predicted, answer = self.both(lambda: self.model.recover(plan, amount, shown, known, now), act)
        if predicted:
            predicted.id = predicted.id or UUID(answer["id"])
            assert answer == {"id": str(predicted.id)}

    def reverse(self, payment: Payment, key: str | None) -> None:
        shop = payment.plan.shop
        wanted = ReversalRequest(payment.plan.id, payment.id, "Bounced")
        act = self.unit(reversals.reverse_once, shop.actor, wanted, key, self.now, dict)
        self.both(lambda: self.model.reverse(payment, key and (shop, "the shop", key), self.now), act)

    def preview(self, plan: Plan, amount: int) -> Any:
        """(the preview's fingerprint, what the model previewed, the plan's state afterwards), None if refused."""
        expected, shown = self.both(
            lambda: self.model.split(plan, amount),
            lambda: refunds.preview(self.session, plan.shop.actor, plan.id, amount),
        )
        self.session.rollback()
        if shown is None:
            return None
        assert comparison.split_in_numbers(self.session, shown.split) == comparison.expected_split(expected)
        return shown.fingerprint, expected, shown.state

    def refund(
        self,
        plan: Plan,
        amount: int,
        shown: Any,
        key: str | None,
        provider: Provider,
        handed_back: bool = True,
    ) -> None:
        made, known = len(plan.refunds), key and (plan.shop, "the shop", key)
        request = refunds.Request(plan.id, amount, shown and shown[0], handed_back or None)
        gateway = self.ledger.as_gateway(provider)
        predicted, answer = self.both(
            lambda: self.model.refund(plan, amount, shown, known, provider, self.now, handed_back),
            lambda: refunds.refund(self.session, gateway, plan.shop.actor, request, key, self.now),
        )
        if predicted:
            same_refund(predicted, answer)
        if shown and len(plan.refunds) > made:
            assert plan.state == shown[2]

    def cancel(self, plan: Plan, shown: int | None, key: str | None) -> None:
        known = key and (plan.shop, "the shop", key)
        act = self.unit(plans.cancel, plan.shop.actor, plan.id, shown, self.now, key)
        self.both(lambda: self.model.cancel(plan, shown, known, self.now), act)

    def strangers_meddle(self, plan: Plan) -> None:
        """For another customer and another shop the plan does not exist, whatever they try."""
        order, request = (
            payments.PaymentRequest(plan.id, payments.Scope.ALL, plan.owed),
            refunds.Request(plan.id, 1),
        )
        session, ledger, now = self.session, self.ledger, self.now
        dates = amendments.Proposal(plan.id, (), spread=((plan.owed, now.date()),))
        acts = [
            self.unit(offers.accept, self.stranger, plan.id, "0" * 64, factories.ORIGIN, now),
            self.unit(offers.decline, self.stranger, plan.id, now),
            self.unit(offers.revoke, self.other_shop, plan.id, now),
            self.unit(plans.cancel, self.other_shop, plan.id, plan.owed, now),
            self.unit(write_offs.write_off, self.other_shop, WriteOff(plan.id), now),
            lambda: payments.pay(session, ledger, self.stranger, order, None, now),
            lambda: refunds.preview(session, self.other_shop, plan.id, 1),
            lambda: refunds.refund(session, ledger, self.other_shop, request, None, now),
            self.unit(recording.record, self.other_shop, Recording(plan.id, 1, Method.CASH), now),
            self.unit(amendments.propose, self.stranger, dates, factories.ORIGIN, now),
            self.unit(amendments.propose, self.other_shop, dates, factories.ORIGIN, now),
            self.unit(amendments.accept, self.stranger, plan.id, 1, None, factories.ORIGIN, now),
            self.unit(amendments.keep_old_dates, self.stranger, plan.id, 1, factories.ORIGIN, now),
            self.unit(reversals.reverse, self.other_shop, ReversalRequest(plan.id, plan.id, "No"), now),
        ]
        assert {outcome(act)[0] for act in acts} == {("not_found",)}

    def settle_pending(self, provider: Provider) -> None:
        self.model.settle_pending(provider, self.now)
        gateway = self.ledger.as_gateway(provider)
        payment_settlement.settle_pending(self.session, gateway, self.now)
        refund_settling.settle_pending(self.session, gateway, self.now)

    def replay_provider_response(self, place: int, outcome: Outcome) -> None:
        """The provider's answer comes once more, and even another one: what is settled stays as it is."""
        plans_paid = [p for plan in self.model.plans for p in plan.payments if p.id and p.card]
        paid = [p for p in plans_paid if p.state != "processing"]
        for payment in paid[place:][:1]:
            plan = payment.plan
            again = payment_settlement.settle(
                self.session, plan.shop.actor.id, plan.id, payment.id, outcome, self.now
            )
            same_payment(payment, again)
        given = [r for plan in self.model.plans for r in plan.refunds if r.id and r.state != "processing"]
        for refund in given[place:][:1]:
            plan, outcomes = refund.plan, {payment.id: outcome for payment in refund.back}
            again = refund_settling.settle(
                self.session, plan.shop.actor.id, plan.id, refund.id, outcomes, self.now
            )
            same_refund(refund, again)

    def do_the_days_work(self) -> None:
        """The second run of the same day finds nothing left to do."""
        expected = self.model.run_day(self.now)
        counts = daily_run.run(self.session, self.now)
        assert {name: counts[name] for name in expected} == expected
        assert set(daily_run.run(self.session, self.now).values()) == {0}

    def deliver(self) -> None:
        outbox.deliver(self.session, self.fake_smtp, write, lambda: self.now)

    def deliver_with_failing_server(self) -> None:
        self.fake_smtp.refusing = True
        self.deliver()
        self.fake_smtp.refusing = False

    def forget_old_keys(self) -> None:
        assert self.unit(idempotency.forget_old, self.now)() == self.model.forget_keys(self.now)

    def roll_up(self) -> None:
        """The sums behind the numbers; the second run finds nothing left to add."""
        rollups.roll_up(self.session)
        assert rollups.roll_up(self.session) == {"folded": 0}

    def check(self) -> None:
        """Everything that the database holds is as predicted, and the self-check finds nothing."""
        self.session.rollback()
        comparison.compare(self.session, self.model, self.shops, self.ledger, self.now)
        assert factories.broken_invariants(self.session) == []
