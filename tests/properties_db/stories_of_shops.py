"""A shop's past made up from a seed: plans, payments, refunds, losses on random days, by the real services."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy.orm import Session

from portal.adapters.payments.simulator import Simulator
from portal.core.calendar import business_date
from portal.core.errors import PortalError
from portal.core.roles import Actor
from portal.core.schedule import PERIODS, Frequency
from portal.services import accounts, daily_run, plans, refunds, rollups
from portal.services.transaction import unit_of_work
from tests import factories

# Twenty-five hours apart: a shop that moves from one to the other always has an earlier date than before.
EAST, WEST = "Pacific/Kiritimati", "Pacific/Pago_Pago"


class Story:
    """Tells a shop's past up to ``until``; whatever the portal refuses on the way is left out."""

    def __init__(self, session: Session, seed: int, until: datetime) -> None:
        self.session, self.random, self.until = session, random.Random(seed), until
        begun = until - timedelta(days=500)
        self.shop = factories.make_merchant(session, "Corner Shop", now=begun, timezone=EAST)
        self.customer = factories.make_customer(session, "Ada Buyer", now=begun)
        self.plans: list = []

    def tell(self, plans_made: int = 14) -> Actor:
        """The shop as it is at the end, in the west, with something due on the day that it lived through before."""
        days = sorted(self.random.sample(range(1, 430), plans_made + 60), reverse=True)
        offered = set(self.random.sample(days, plans_made))
        for before in days:
            at = self.until - timedelta(days=before)
            try:
                if before in offered or not self.plans:
                    self.make_plan(at)
                else:
                    acts = [*[self.pay] * 4, self.record, self.refund, self.cancel, self.write_off]
                    self.random.choice(acts)(at)
            except PortalError:
                continue
            if self.random.random() < 0.1:
                rollups.roll_up(self.session, batch=self.random.choice([1, 3, 1000]))
        self.pay_one_of_many_on_time(self.until - timedelta(days=100))
        self.make_plan(self.until, first=-1)
        daily_run.run(self.session, self.until)
        with unit_of_work(self.session):
            accounts.change_shop(
                self.session, self.shop, self.shop.name, "help@example.com", WEST, self.until
            )
        return factories.actor(self.session, self.shop.id)

    def make_plan(self, at: datetime, first: int | None = None) -> None:
        """Accepted nearly always, and at times begun long before."""
        make = self.random.choice([factories.accepted_plan] * 6 + [self.offer])
        if first is not None:
            make = factories.accepted_plan
        first = self.random.choice([-40, -3, 0, 0, 5, 20]) if first is None else first
        self.plans.append(
            make(
                self.session,
                self.shop,
                self.customer,
                now=at,
                total=self.random.randint(60, 10**6),
                parts=self.random.randint(1, 12),
                first=business_date(at, EAST) + timedelta(days=first),
                frequency=self.random.choice(list(PERIODS)),
            )
        )

    def pay_one_of_many_on_time(self, at: datetime) -> None:
        """So that no number is zero, whatever the seed: some is late, some is still to come."""
        plan_id = factories.accepted_plan(
            self.session,
            self.shop,
            self.customer,
            now=at,
            parts=24,
            first=business_date(at, EAST),
            frequency=Frequency.BIWEEKLY,
        )
        factories.pay(self.session, self.customer, plan_id, 1, now=at)

    def offer(self, session: Session, shop: Actor, customer: Actor, **more: object) -> object:
        return factories.offered_plan(session, shop, customer.email, **more)

    def pay(self, at: datetime) -> None:
        plan_id = self.random.choice(self.plans)
        shown = factories.plan_of(self.session, self.customer, plan_id, at)
        owed = [line.number for line in shown.installments if line.owed]
        # Mostly in the order in which they are due, at times early, seldom all.
        number = owed and self.random.choice([owed[0], owed[0], owed[0], self.random.choice(owed), None])
        if owed:
            factories.pay(self.session, self.customer, plan_id, number, now=at)

    def refund(self, at: datetime) -> None:
        plan_id = self.random.choice(self.plans)
        most = factories.plan_of(self.session, self.customer, plan_id, at).refundable
        self.session.rollback()
        request = refunds.Request(plan_id, self.random.randint(0, most))
        refunds.refund(self.session, Simulator(), self.shop, request, None, at)

    def record(self, at: datetime) -> None:
        plan_id = self.random.choice(self.plans)
        owed = factories.plan_of(self.session, self.customer, plan_id, at).owed
        if owed:
            amount, day = self.random.randint(1, owed), business_date(at, EAST)
            factories.record(self.session, self.shop, plan_id, amount, now=at, received_on=day)

    def write_off(self, at: datetime) -> None:
        factories.write_off(self.session, self.shop, self.random.choice(self.plans), now=at)

    def cancel(self, at: datetime) -> None:
        act = partial(plans.cancel, self.session, self.shop, self.random.choice(self.plans), None, at)
        with unit_of_work(self.session):
            act()
