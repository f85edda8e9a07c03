"""What the code promises never to do the database refuses, each by the name of its rule, on both engines."""

import re
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from portal.models import Acceptance, Installment, Merchant, Message, Payment, Plan, Posting, User
from portal.services import offers
from portal.services.transaction import unit_of_work
from tests import factories
from tests.factories import NOW, TODAY, accepted_plan, choose_card, offered_plan, pay


class Rows:
    """An offer, a revoked one, a completed plan, one with a line paid and one processing, and another shop's plan."""

    def __init__(self, session, shop, ada):
        self.ada, self.shop = ada, shop
        self.other_shop = factories.make_merchant(session, "Other Shop")
        self.offer = offered_plan(session, shop, ada.email)
        self.plan = accepted_plan(session, shop, ada)
        self.elsewhere = accepted_plan(session, self.other_shop, ada)
        self.completed, self.revoked = (
            accepted_plan(session, shop, ada),
            offered_plan(session, shop, ada.email),
        )
        pay(session, ada, self.completed)
        with unit_of_work(session):
            offers.revoke(session, shop, self.revoked, NOW)
        self.paid_by = pay(session, ada, self.plan, 1).payment_id
        choose_card(session, ada, "times_out")
        self.processing = pay(session, ada, self.plan, 2).payment_id
        lines = select(Installment.id).order_by(Installment.number)
        self.paid, self.held, self.owed = session.scalars(lines.where(Installment.plan_id == self.plan))
        self.other_line = session.scalars(lines.where(Installment.plan_id == self.elsewhere)).first()

    def posting(self, **values):
        row = {
            "merchant_id": self.shop.id,
            "id": uuid4(),
            "installment_id": self.owed,
            "debit": "refunds",
            "credit": "receivable",
            "amount": 1,
            "currency": "USD",
            "posted_at": NOW,
            "posted_on": TODAY,
        }
        return insert(Posting).values(row | values)

    def line(self, line_id, **values):
        return update(Installment).where(Installment.id == line_id).values(**values)

    def another_line(self, **values):
        row = {
            "merchant_id": self.shop.id,
            "id": uuid4(),
            "plan_id": self.plan,
            "number": 4,
            "amount": 1,
            "due_on": TODAY,
            "paid": 0,
            "cancelled": 0,
            "returned": 0,
        }
        return insert(Installment).values(row | values)

    def its_plan(self, plan_id, **values):
        return update(Plan).where(Plan.id == plan_id).values(**values)

    def acceptance(self, **values):
        row = {
            "merchant_id": self.shop.id,
            "plan_id": self.offer,
            "customer_id": self.ada.id,
            "terms": "{}",
            "terms_hash": "0" * 64,
            "accepted_at": NOW,
            "address": "",
            "user_agent": "",
            "how": "accepted",
        }
        return insert(Acceptance).values(row | values)

    def settling(self, **values):
        return update(Payment).where(Payment.id == self.processing).values(**values)


DONE = {"settled_at": NOW, "settled_on": TODAY}
HOSTILE = {
    "pay more than the amount": (
        "not_paid_over",
        lambda r: r.line(r.owed, paid=3334, paid_on=TODAY, paid_at=NOW),
    ),
    "pay what was paid again": ("not_paid_over", lambda r: r.line(r.paid, paid=6668)),
    "cancel what was paid": ("not_paid_over", lambda r: r.line(r.paid, cancelled=1)),
    "pay less than nothing": ("not_negative", lambda r: r.another_line(paid=-1)),
    "cancel less than nothing": ("not_negative", lambda r: r.another_line(cancelled=-1)),
    "return more than was paid": ("not_returned_over", lambda r: r.line(r.paid, returned=3335)),
    "return what nobody paid": ("not_returned_over", lambda r: r.line(r.owed, returned=1)),
    "pay without a date": ("paid_on", lambda r: r.line(r.owed, paid=1)),
    "date what was not paid": ("paid_on", lambda r: r.line(r.owed, paid_on=TODAY, paid_at=NOW)),
    "an installment of nothing": ("keep_terms", lambda r: r.line(r.owed, amount=0)),
    "number an installment twice": ("keep_terms", lambda r: r.line(r.owed, number=1)),
    "move an installment to another shop": (
        "keep_terms",
        lambda r: r.line(r.owed, merchant_id=r.other_shop.id),
    ),
    "hold an installment for no payment": ("(?i)foreign key", lambda r: r.line(r.owed, payment_id=uuid4())),
    "activate without an acceptance": ("bound_only", lambda r: r.its_plan(r.offer, state="active")),
    "complete an offer": ("bound_only", lambda r: r.its_plan(r.offer, state="completed")),
    "unbind a plan": ("bound_only", lambda r: r.its_plan(r.plan, state="offered")),
    "unbind a plan and its acceptance": (
        "stay_accepted",
        lambda r: r.its_plan(r.plan, state="offered", acceptance_id=None, accepted_on=None),
    ),
    "accept on another day": (
        "stay_accepted",
        lambda r: r.its_plan(r.plan, accepted_on=TODAY - timedelta(days=1)),
    ),
    "open a revoked offer again": ("stay_ended", lambda r: r.its_plan(r.revoked, state="offered")),
    "activate a revoked offer": ("bound_only|stay_ended", lambda r: r.its_plan(r.revoked, state="active")),
    "open a completed plan again": ("stay_ended", lambda r: r.its_plan(r.completed, state="active")),
    "cancel a completed plan": ("stay_ended", lambda r: r.its_plan(r.completed, state="cancelled")),
    "forget a payment": ("only_grow", lambda r: r.line(r.paid, paid=0, paid_on=None, paid_at=None)),
    "pay less than was paid": ("only_grow", lambda r: r.line(r.paid, paid=1)),
    "bind without evidence": (
        "(?i)foreign key",
        lambda r: r.its_plan(r.offer, state="active", acceptance_id=r.offer, accepted_on=TODAY),
    ),
    "bind with another plan's evidence": (
        "acceptance",
        lambda r: r.its_plan(r.offer, state="active", acceptance_id=r.plan, accepted_on=TODAY),
    ),
    "bind without a date": (
        "accepted_on",
        lambda r: r.its_plan(r.offer, state="active", acceptance_id=r.offer),
    ),
    "sell to oneself": ("keep_terms", lambda r: r.its_plan(r.offer, customer_id=r.shop.id)),
    "a plan of nothing": ("keep_terms", lambda r: r.its_plan(r.offer, total=0)),
    "a plan of too much": ("keep_terms", lambda r: r.its_plan(r.offer, total=10**12 + 1)),
    "sixty-one installments": ("keep_terms", lambda r: r.its_plan(r.offer, num_installments=61)),
    "an unknown state": ("state", lambda r: r.its_plan(r.offer, state="paid")),
    "an unknown frequency": ("keep_terms", lambda r: r.its_plan(r.offer, frequency="daily")),
    "remove a plan": ("plans_stay", lambda r: delete(Plan).where(Plan.id == r.offer)),
    "remove a shop": ("(?i)foreign key", lambda r: delete(Merchant).where(Merchant.id == r.shop.id)),
    "remove a customer": ("(?i)foreign key", lambda r: delete(User).where(User.id == r.ada.id)),
    "a shop that accepts": ("by_the_merchant", lambda r: r.acceptance(customer_id=r.shop.id)),
    "an acceptance somehow": ("how", lambda r: r.acceptance(how="by phone")),
    "accept twice": ("acceptances", lambda r: r.acceptance(plan_id=r.plan)),
    "accept another shop's plan": ("(?i)foreign key", lambda r: r.acceptance(plan_id=r.elsewhere)),
    "a posting of nothing": ("amount", lambda r: r.posting(amount=0)),
    "a posting below nothing": ("amount", lambda r: r.posting(amount=-1)),
    "a posting against itself": ("accounts", lambda r: r.posting(debit="sales", credit="sales")),
    "a posting the wrong way": ("accounts", lambda r: r.posting(debit="sales", credit="receivable")),
    "cash out of nowhere": ("cash_names", lambda r: r.posting(debit="cash")),
    "cash to nowhere": ("cash_names", lambda r: r.posting(credit="cash")),
    "a posting to another shop's installment": (
        "(?i)foreign key",
        lambda r: r.posting(installment_id=r.other_line),
    ),
    "another shop's posting of a payment": (
        "(?i)foreign key",
        lambda r: r.posting(
            debit="cash", payment_id=r.paid_by, merchant_id=r.other_shop.id, installment_id=r.other_line
        ),
    ),
    "succeed without a receipt": ("number", lambda r: r.settling(state="succeeded", **DONE)),
    "give a receipt twice": ("number", lambda r: r.settling(state="succeeded", number=1, **DONE)),
    "settle without a time": ("settled_at", lambda r: r.settling(state="declined")),
    "a payment of nothing": ("amount", lambda r: r.settling(amount=0)),
    "a payment in an unknown state": ("state", lambda r: r.settling(state="maybe", **DONE)),
    "say it twice": (
        "cause",
        lambda r: insert(Message).from_select(
            [c.name for c in Message.__table__.columns],
            select(*(c if c.name != "id" else Message.plan_id for c in Message.__table__.columns)).where(
                Message.plan_id == r.offer
            ),
        ),
    ),
    "an address in capitals": (
        "email_lower",
        lambda r: update(User).where(User.id == r.ada.id).values(email="ADA.BUYER@example.com"),
    ),
    "an address twice": (
        "email",
        lambda r: update(User).where(User.id == r.ada.id).values(email=r.shop.email),
    ),
    "a user name twice": (
        "username",
        lambda r: update(User).where(User.id == r.ada.id).values(username=r.shop.username.upper()),
    ),
    "an unknown role": ("role", lambda r: update(User).where(User.id == r.ada.id).values(role="owner")),
}


def refusal(session, statement):
    """What the database said to the statement, or what it let happen."""
    try:
        with session.begin_nested():
            session.execute(statement)
            raise LookupError("it was done")
    except IntegrityError as error:
        return str(error.orig)
    except LookupError as done:
        return str(done)


def test_the_database_refuses_every_one_of_them_by_name(session, shop, ada):
    rows = Rows(session, shop, ada)
    before = factories.row_counts(session)
    with unit_of_work(session):
        said = {hostile: refusal(session, statement(rows)) for hostile, (_, statement) in HOSTILE.items()}
    wrong = {
        hostile: said[hostile] for hostile, (rule, _) in HOSTILE.items() if not re.search(rule, said[hostile])
    }
    assert wrong == {}
    assert len(said) >= 30
    assert factories.row_counts(session) == before


def test_an_instant_without_a_zone_is_refused(session, shop):
    with pytest.raises(Exception, match="an instant needs a time zone"), unit_of_work(session):
        session.execute(update(Merchant).values(created_at=NOW.replace(tzinfo=None) + timedelta(days=1)))
