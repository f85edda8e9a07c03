"""A shop with everything to which a foreign key can lead, for ``sound_rows``."""

from __future__ import annotations

from datetime import timedelta
from itertools import cycle
from uuid import UUID, uuid4

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.adapters.payments.simulator import Simulator
from portal.core.roles import Actor
from portal.models import (
    Amendment,
    Event,
    Import,
    Installment,
    Mandate,
    Message,
    Payment,
    Plan,
    Refund,
    new_id,
)
from portal.services import open_amendments, refunds
from portal.services.transaction import unit_of_work
from tests import factories
from tests.factories import NOW

from .sound_rows import Shop, adding, consent, sound

# Tables to which foreign keys lead beside the plan's; each has a row of the plan, and names it.
PARENTS = (Installment, Payment, Refund, Message, Event, Amendment, Mandate)


def make_shop(session: Session, name: str) -> Shop:
    shop, customer = factories.make_merchant(session, name), factories.make_customer(session, f"{name} Buyer")
    offer = factories.offered_plan(session, shop, customer.email)
    plan = factories.accepted_plan(session, shop, customer)
    factories.pay(session, customer, plan, 1, key="once")
    factories.pay(session, customer, plan, 2)
    factories.pay(session, customer, factories.accepted_plan(session, shop, customer))
    bounced, withdrawn = _amended(session, shop, customer)
    factories.amend(session, shop, plan, {3: NOW.date() + timedelta(days=80)})
    refunds.refund(session, Simulator(), shop, refunds.Request(plan, 5000), None, NOW)
    session.rollback()
    with unit_of_work(session):
        given = consent(shop.id, customer.id, plan)
        session.add(Mandate(**given))
    rows = {
        t.__tablename__: session.scalars(select(t.id).where(t.plan_id == plan).order_by(t.id)).all()
        for t in PARENTS
    }
    session.rollback()
    strangers = [factories.make_customer(session, f"{name} Passer {number}").id for number in "12"]
    # The first payment paid the first installment.
    ids = {table: found[0] for table, found in rows.items()} | {"plans": plan}
    ids["allocations"] = ids["installments"]
    with unit_of_work(session):
        ids["imports"] = new_id()
        session.add(Import(merchant_id=shop.id, id=ids["imports"], created_by=shop.id, created_at=NOW))
    unpaid = rows["installments"][-1]
    attempted, others = cycle(rows["payments"]), Payment.plan_id != plan
    made = Shop(
        shop.id, customer.id, offer, ids, cycle(strangers), unpaid, bounced, withdrawn, uuid4(), attempted
    )
    noted = session.scalars(select(Payment.id).where(Payment.merchant_id == shop.id, others)).first()
    with unit_of_work(session):
        session.execute(adding("attempts", sound("attempts", made) | {"payment_id": noted, "number": 4}))
        session.execute(adding("plans", sound("plans", made) | {"id": made.unsearched}))
    return made


def _amended(session: Session, shop: Actor, customer: Actor) -> tuple[UUID, UUID]:
    """A plan with a reversed payment of which an amendment waits for an answer, and one of it that was withdrawn."""
    plan = factories.accepted_plan(session, shop, customer)
    factories.reverse(session, shop, plan, factories.record(session, shop, plan, 500))
    later = {3: NOW.date() + timedelta(days=40)}
    factories.amend(session, shop, plan, later)
    with unit_of_work(session):
        open_amendments.withdraw(session, session.get_one(Plan, (shop.merchant_id, plan)), NOW)
    factories.amend(session, shop, plan, later)
    withdrawn = session.scalars(
        select(Amendment.id).where(Amendment.plan_id == plan, Amendment.state == "withdrawn")
    ).one()
    session.rollback()
    return plan, withdrawn
