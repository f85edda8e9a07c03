"""People, shops and plans for tests, made by the real services under names at example.com; nothing is faked."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any
from uuid import UUID, uuid4

import pyotp
from flask import Flask
from sqlalchemy import func, select, text, update
from sqlalchemy.orm import Session

from portal.adapters.passwords import Passwords
from portal.adapters.payments import Gateway
from portal.adapters.payments.simulator import Simulator
from portal.core.payments import Method
from portal.core.plan_templates import Template
from portal.core.roles import Actor, Origin, Role
from portal.core.schedule import FirstDue, Frequency
from portal.core.sessions import PAGES_LAST
from portal.models import Base, Merchant, Passkey, Plan, User
from portal.models.ledger import Posting
from portal.queries import listing, read_models, self_check
from portal.queries.accounts import find_actor, session_version
from portal.queries.read_models import PlanView
from portal.services import (
    accounts,
    amendments,
    offers,
    payments,
    plan_templates,
    recording,
    refunds,
    reversals,
    second_factor,
    sessions,
    write_offs,
)
from portal.services.payment_settlement import Answer
from portal.services.payments import PaymentRequest, Scope
from portal.services.recording import Recording
from portal.services.refund_settlement import Answer as RefundAnswer
from portal.services.reversals import ReversalRequest
from portal.services.transaction import unit_of_work
from portal.services.write_offs import WriteOff

# A Monday, noon in UTC; whoever tests pages against the real clock passes ``now``.
NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
TODAY = NOW.date()
PASSWORD = "correct-horse-battery"
ORIGIN = Origin("192.0.2.7", "Test Browser 1.0")


def replace_adapters(app: Flask, **adapters: Any) -> None:
    """Give this portal other adapters than its settings chose, such as another gateway."""
    app.extensions["adapters"] = replace(app.extensions["adapters"], **adapters)


@cache
def passwords() -> Passwords:
    return Passwords(cheap=True)


@cache
def password_hash() -> str:
    return passwords().hash(PASSWORD)


def email_of(name: str) -> str:
    return f"{name.lower().replace(' ', '.')}@example.com"


def amend(
    session: Session,
    actor: Actor,
    plan_id: UUID,
    days: dict[int, date],
    *,
    now: datetime = NOW,
    reason: str = "",
) -> int:
    """Propose other dates by the numbers of the installments; returns the amendment's number."""
    lines = {line.number: line.id for line in plan_of(session, actor, plan_id, now).installments}
    dates = tuple((lines[number], day) for number, day in days.items())
    with unit_of_work(session):
        proposal = amendments.Proposal(plan_id, dates, reason)
        return amendments.propose(session, actor, proposal, ORIGIN, now)


def spread(
    session: Session, actor: Actor, plan_id: UUID, *lines: tuple[int, date], now: datetime = NOW
) -> int:
    """Propose to spread all that is owed over these amounts and days; returns the amendment's number."""
    with unit_of_work(session):
        proposal = amendments.Proposal(plan_id, (), "", lines)
        return amendments.propose(session, actor, proposal, ORIGIN, now)


def save_template(session: Session, merchant: Actor, name: str = "A fifth down", **more: Any) -> UUID:
    """Three installments every month after a deposit of 20%, unless fields of a template say otherwise; its id."""
    given: dict[str, Any] = {
        "num_installments": 3,
        "frequency": Frequency.MONTHLY,
        "first_due": FirstDue.DATE,
        "day_of_month": None,
        "deposit": 2000,
        "valid_days": 30,
    }
    with unit_of_work(session):
        return plan_templates.save(session, merchant, Template(name, **(given | more)), NOW)


def account(role: Role, name: str, **more: str) -> accounts.NewAccount:
    """What ``name`` signs up with: its address at example.com is the user name too."""
    email = more.get("email", email_of(name))
    answers = {
        "email": email,
        "username": email,
        "password": PASSWORD,
        "password2": PASSWORD,
        "currency": "USD",
        "timezone": "UTC",
    }
    return accounts.NewAccount(role, name, **(answers | more))


def second_factor_of(
    session: Session, person: Actor, secret_key: str, now: datetime = NOW
) -> tuple[str, list[str]]:
    """Sets up two-factor sign-in; returns the app's secret and the recovery codes. The code of ``now`` is used up."""
    with unit_of_work(session):
        second_factor.begin(session, secret_key, person, now)
    secret = second_factor.find_secret(session, secret_key, person)
    assert secret
    with unit_of_work(session):
        code = pyotp.TOTP(secret).at(now)
        codes = second_factor.activate(session, secret_key, person, code, Origin("127.0.0.1", ""), now)
    return secret, codes


def make_passkey(session: Session, person: Actor, *, now: datetime = NOW) -> UUID:
    """A passkey of this person's, with which nothing can be signed."""
    about = {"credential_id": uuid4().bytes, "public_key": b"none", "sign_count": 0, "name": "Phone"}
    row = about | {"id": uuid4(), "user_id": person.id, "created_at": now}
    with unit_of_work(session):
        session.add(Passkey(**row))
    return row["id"]


def sign_up(session: Session, new: accounts.NewAccount, now: datetime = NOW) -> Actor:
    checked = accounts.check_account(new)
    with unit_of_work(session):
        user_id = accounts.sign_up(session, checked, password_hash(), now)
    return actor(session, user_id)


def make_merchant(session: Session, name: str = "Corner Shop", *, now: datetime = NOW, **more: str) -> Actor:
    """A shop; ``currency`` and ``timezone`` are USD and UTC unless given."""
    return sign_up(session, account(Role.MERCHANT, name, **more), now)


def make_customer(session: Session, name: str = "Ada Buyer", *, now: datetime = NOW) -> Actor:
    return sign_up(session, account(Role.CUSTOMER, name), now)


def make_admin(session: Session, name: str = "Portal Admin", *, now: datetime = NOW) -> Actor:
    with unit_of_work(session):
        user_id = accounts.create_admin(session, email_of(name), password_hash(), now)
    return actor(session, user_id)


def actor(session: Session, user_id: UUID) -> Actor:
    """The user as a new session of theirs would be."""
    found = find_actor(session, user_id, session_version(session, user_id))
    session.rollback()
    if found is None:
        raise LookupError(f"{user_id} cannot sign in")
    return found


def open_session(
    session: Session, person: Actor, *, now: datetime = NOW, lasts: timedelta = PAGES_LAST
) -> UUID:
    """A session of this person's, as signing in opens it."""
    with unit_of_work(session):
        opened = sessions.open_session(session, person.id, person.session_version, ORIGIN, now, lasts)
    assert opened
    return opened


def proposal(
    customer_email: str,
    *,
    total: int = 10000,
    parts: int = 3,
    first: date = TODAY,
    frequency: Frequency = Frequency.MONTHLY,
    description: str = "Oak table",
    **more: Any,
) -> offers.Proposal:
    return offers.Proposal(customer_email, description, total, parts, first, frequency, **more)


def offered_plan(
    session: Session, merchant: Actor, customer_email: str, *, now: datetime = NOW, **more: object
) -> UUID:
    """An offer of 100.00 in 3 from today on, unless ``total``, ``parts``, ``first``, ``frequency``, ``description`` or
    other fields of a proposal say otherwise."""
    with unit_of_work(session):
        return offers.offer(session, merchant, proposal(customer_email, **more), now)


def own_offer(
    session: Session, merchant: Actor, customer: Actor, *lines: tuple[int, date], now: datetime = NOW
) -> UUID:
    """An offer whose amounts and due dates were chosen one by one."""
    total, first = sum(amount for amount, _ in lines), lines[0][1]
    asked = offers.Proposal(customer.email, "Oak table", total, len(lines), first, Frequency.OWN, lines=lines)
    with unit_of_work(session):
        return offers.offer(session, merchant, asked, now)


def accept(session: Session, customer: Actor, plan_id: UUID, *, now: datetime = NOW) -> None:
    """The customer reads the offer and agrees to the terms it shows."""
    terms_hash = plan_of(session, customer, plan_id, now).terms_hash
    with unit_of_work(session):
        offers.accept(session, customer, plan_id, terms_hash, ORIGIN, now)


def accepted_plan(
    session: Session, merchant: Actor, customer: Actor, *, now: datetime = NOW, **more: object
) -> UUID:
    plan_id = offered_plan(session, merchant, customer.email, now=now, **more)
    accept(session, customer, plan_id, now=now)
    return plan_id


def plan_of(session: Session, customer: Actor, plan_id: UUID, now: datetime = NOW) -> PlanView:
    """The plan as its customer sees it now, whoever changed it last."""
    session.rollback()
    view = listing.get_plan(session, customer, plan_id, now)
    session.rollback()
    return view


def plans_of(session: Session, customer: Actor, now: datetime = NOW) -> list[PlanView]:
    """All plans and offers of a customer, newest first."""
    session.rollback()
    query = select(Plan).where(listing.owned_by(customer)).order_by(Plan.id.desc())
    views = read_models.load_plans(session, query, now)
    session.rollback()
    return views


def allow_offers(session: Session, merchant: Actor, per_day: int | None = None) -> None:
    """How many offers a day the shop may send to new people; any number unless one is given."""
    with unit_of_work(session):
        session.execute(update(Merchant).where(Merchant.id == merchant.id).values(offers_per_day=per_day))


def choose_card(session: Session, customer: Actor, card: str) -> None:
    """``succeeds``, ``declined``, ``insufficient_funds`` or ``times_out``."""
    with unit_of_work(session):
        session.execute(update(User).where(User.id == customer.id).values(test_card=card))


def payment_for(plan: PlanView, number: int | None = None) -> PaymentRequest:
    """The request behind the button: one installment by its number, or everything that is owed."""
    if number is None:
        return PaymentRequest(plan.id, Scope.ALL, plan.owed)
    line = plan.installments[number - 1]
    return PaymentRequest(plan.id, Scope.INSTALLMENT, line.owed, line.id)


def pay(
    session: Session,
    customer: Actor,
    plan_id: UUID,
    number: int | None = None,
    *,
    key: str | None = None,
    gateway: Gateway | None = None,
    now: datetime = NOW,
    origin: Origin | None = None,
) -> Answer:
    """Pay what the customer is shown now: one installment by its number, or everything that is left.

    With an ``origin``, as over the API, it accepts an offer."""
    order = payment_for(plan_of(session, customer, plan_id, now), number)
    return payments.pay(session, gateway or Simulator(), customer, order, key, now, origin)


def record(
    session: Session,
    merchant: Actor,
    plan_id: UUID,
    amount: int,
    *,
    method: Method = Method.CASH,
    received_on: date | None = None,
    note: str = "",
    again: bool = True,
    recovery: bool = False,
    now: datetime = NOW,
) -> UUID:
    """The shop records ``amount`` minor units, in cash and received today unless something else is said."""
    day = received_on or now.date()
    wanted = Recording(plan_id, amount, method, day, note, again=again, recovery=recovery or None)
    with unit_of_work(session):
        return recording.record(session, merchant, wanted, now)


def reverse(
    session: Session,
    merchant: Actor,
    plan_id: UUID,
    payment_id: UUID,
    reason: str = "Bounced",
    *,
    shown: int | None = None,
    now: datetime = NOW,
) -> None:
    """The shop reverses what it recorded."""
    wanted = ReversalRequest(plan_id, payment_id, reason, shown)
    with unit_of_work(session):
        reversals.reverse(session, merchant, wanted, now)


def refund(
    session: Session,
    merchant: Actor,
    plan_id: UUID,
    amount: int,
    *,
    key: str | None = None,
    gateway: Gateway | None = None,
    shown: str | None = None,
    handed_back: bool | None = True,
    reason: str | None = None,
    now: datetime = NOW,
) -> RefundAnswer:
    """Refund ``amount`` minor units, as the preview ``shown`` says if there was one; what has to be is handed back."""
    request = refunds.Request(plan_id, amount, shown, handed_back, reason)
    return refunds.refund(session, gateway or Simulator(), merchant, request, key, now)


def write_off(
    session: Session, merchant: Actor, plan_id: UUID, *, reason: str = "", now: datetime = NOW
) -> None:
    """The shop stops collecting what is owed."""
    with unit_of_work(session):
        write_offs.write_off(session, merchant, WriteOff(plan_id, reason), now)


def returned(session: Session, customer: Actor, plan_id: UUID) -> list[int]:
    """What went back of each installment, in minor units."""
    return [i.returned for i in plan_of(session, customer, plan_id).installments]


def broken_invariants(session: Session) -> list[str]:
    """The names of what the self-check finds broken; an empty list is a sound portal."""
    session.rollback()
    findings = self_check.run(session)
    session.rollback()
    return [finding.name for finding in findings if finding.broken]


COUNTS = text(
    " UNION ALL ".join(f"SELECT '{name}', count(*) FROM {name}" for name in sorted(Base.metadata.tables))
)


def row_counts(session: Session) -> dict[str, int]:
    """How many rows each table holds, to see that a refusal left nothing behind."""
    session.rollback()
    counts = dict(session.execute(COUNTS).all())
    session.rollback()
    return counts


def cash(session: Session) -> int:
    """All cash that was ever posted as received, in minor units."""
    session.rollback()
    return session.scalars(
        select(func.coalesce(func.sum(Posting.amount), 0)).where(Posting.debit == "cash")
    ).one()
