"""The self-check sees what somebody changed who took the database's own rules away first: each change by its name."""

from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import delete, func, select, text, update
from sqlalchemy.orm import Session

from portal.adapters.payments.simulator import Simulator
from portal.core.terms import hash_text
from portal.models import (
    Acceptance,
    Amendment,
    Attempt,
    Event,
    Installment,
    Mandate,
    Member,
    Merchant,
    Message,
    Payment,
    Plan,
    PlanWords,
    Refund,
    Reversal,
)
from portal.models.ledger import Allocation, Posting, RefundAllocation
from portal.models.rollups import ROLLUP_TABLES
from portal.queries import self_check
from portal.services import autopay, mandates, refunds
from tests import factories
from tests.factories import NOW, TODAY, accepted_plan, choose_card, offered_plan, pay


@pytest.fixture
def database_role():
    """The owner of the tables can break what the portal's own role cannot."""
    return "owner"


@pytest.fixture
def books(session, shop, ada):
    """An offer, a plan that was paid in part and refunded in part, another shop's, and a payment without an answer."""
    offered_plan(session, shop, ada.email)
    plan_id = accepted_plan(session, shop, ada)
    for number in (1, 2):
        pay(session, ada, plan_id, number)
    for amount in (5000, 100):
        refunds.refund(session, Simulator(), shop, refunds.Request(plan_id, amount), None, NOW)
    accepted_plan(session, factories.make_merchant(session, "Other Shop"), ada)
    bounced = accepted_plan(session, shop, ada)
    factories.reverse(session, shop, bounced, factories.record(session, shop, bounced, 500))
    factories.amend(session, shop, bounced, {3: TODAY + timedelta(days=90)})
    factories.spread(session, shop, accepted_plan(session, shop, ada), (10000, TODAY + timedelta(days=99)))
    accepted_plan(session, shop, ada, deposit=1000, first=TODAY + timedelta(days=9))
    charged = accepted_plan(session, shop, ada)
    mandates.give(
        session, Simulator(), ada, charged, "Take it.", hash_text("Take it."), factories.ORIGIN, NOW
    )
    for day in (1, 2):
        autopay.take_due(session, Simulator(), NOW + timedelta(days=day + 31))
    mandates.stop(session, Simulator(), ada, charged, NOW + timedelta(days=40))
    waiting = accepted_plan(session, shop, ada)
    choose_card(session, ada, "times_out")
    pay(session, ada, waiting, 1)
    session.rollback()
    without_rules(session)
    yield session
    session.rollback()


def without_rules(session: Session) -> None:
    """As only the owner of the tables can: no trigger, no check, no foreign key, until the transaction is undone."""
    session.connection(execution_options={"write": True})
    if session.get_bind().dialect.name == "sqlite":
        names = text("SELECT 'DROP TRIGGER ' || name FROM sqlite_master WHERE type = 'trigger'")
        rest = ["PRAGMA ignore_check_constraints = ON", "PRAGMA defer_foreign_keys = ON"]
    else:
        names = text(
            "SELECT 'DROP TRIGGER ' || tgname || ' ON ' || tgrelid::regclass FROM pg_trigger WHERE NOT tgisinternal "
            "UNION ALL SELECT 'ALTER TABLE ' || conrelid::regclass || ' DROP CONSTRAINT ' || conname "
            "FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND contype IN ('c', 'f')"
        )
        rest = []
    for statement in [*session.scalars(names), *rest]:
        session.execute(text(statement))


FIRST = (Installment.number == 1) & (Installment.paid > 0)
UNPAID = {"paid": 0, "returned": 0, "paid_on": None, "paid_at": None}
ONE_EVENT = (
    select(Event.id).where(Event.kind == "payment_succeeded").order_by(Event.id).limit(1).scalar_subquery()
)
SETTLED = Payment.state == "succeeded"


TAMPERING = {
    "a payment forgotten": ({"paid_is_posted"}, update(Installment).where(FIRST).values(UNPAID)),
    "a payment invented": (
        {"paid_is_posted"},
        update(Installment)
        .where(Installment.number == 3)
        .values(cancelled=0, paid=1, paid_on=TODAY, paid_at=NOW),
    ),
    "a cancellation undone": ({"cancelled_is_posted"}, update(Installment).values(cancelled=0)),
    "a return undone": ({"returned_is_posted"}, update(Installment).values(returned=0)),
    "a reversal invented": (
        {"reversed_is_posted"},
        update(Installment).where(FIRST).values(reversed=1, paid_on=None, paid_at=None),
    ),
    "a write-off invented": (
        {"written_off_is_posted"},
        update(Installment).where(Installment.number == 3).values(written_off=1, cancelled=0),
    ),
    "a write-off of nothing": (
        {"written_off_is_a_loss"},
        update(Plan).values(state="written_off"),
    ),
    "a recovery invented": (
        {"recovered_is_posted"},
        update(Installment).where(Installment.number == 3).values(written_off=1, recovered=1, cancelled=0),
    ),
    "a debt moved away that nobody moved": (
        {"moved_is_posted", "amounts_sum"},
        update(Installment).where(Installment.number == 3).values(moved=1, cancelled=0),
    ),
    "a payment before there was a plan": (
        {"paid_before_is_posted"},
        update(Installment).where(Installment.number == 3).values(paid_before=1, cancelled=0),
    ),
    "a payment for another installment": (
        {"allocations_are_posted"},
        update(Allocation).values(amount=Allocation.amount + 1),
    ),
    "a return along a payment that never went back": (
        {"allocations_are_posted"},
        update(Allocation).values(returned=Allocation.returned + 1),
    ),
    "a refund that is to return more than it says": (
        {"refunds_are_allocated"},
        update(RefundAllocation).values(amount=RefundAllocation.amount + 1),
    ),
    "a debt raised": (
        {"amounts_sum", "debt_is_accepted"},
        update(Installment).values(amount=Installment.amount + 1),
    ),
    "a total raised": ({"amounts_sum"}, update(Plan).values(total=Plan.total + 1)),
    "other terms than were agreed to": (
        {"acceptance_is_the_customers"},
        update(Plan).values(terms=Plan.terms + " "),
    ),
    "a debt that moved to nowhere": (
        {"rescheduled_is_cleared"},
        update(Posting).where(Posting.debit == "rescheduled").values(amount=Posting.amount + 1),
    ),
    "a date that follows an acceptance that was": (
        {"dates_are_fixed"},
        update(Installment).values(due_fixed=False),
    ),
    "an acceptance on another day": (
        {"accepted_dates"},
        update(Plan).where(Plan.deposit.is_not(None)).values(accepted_on=TODAY + timedelta(days=3)),
    ),
    "other terms in the evidence as well": ({"terms_hash"}, update(Acceptance).values(terms="{}")),
    "evidence of somebody else": (
        {"acceptance_is_the_customers"},
        update(Acceptance).values(customer_id=uuid4()),
    ),
    "an acceptance lost": ({"acceptance_is_the_customers", "one_merchant"}, delete(Acceptance)),
    "a finished plan reopened": (
        {"active_while_owed"},
        update(Plan).where(Plan.state != "offered").values(state="active"),
    ),
    "a shop's plan in another currency": (
        {"postings_balance", "currency_is_kept"},
        update(Plan).values(currency="EUR"),
    ),
    "a shop with offers whose currency can change": (
        {"currency_is_kept"},
        update(Merchant).values(currency_fixed_at=None),
    ),
    "a customer who joins the shop": (
        {"members_are_no_customers", "an_owner"},
        update(Member).values(
            user_id=select(Plan.customer_id)
            .where(Plan.merchant_id == Member.merchant_id)
            .limit(1)
            .scalar_subquery(),
            role="seller",
        ),
    ),
    "a shop whose owner is gone": ({"an_owner"}, delete(Member)),
    "a date that nobody agreed to": (
        {"amended_dates"},
        update(Installment)
        .where(Installment.amendment_id.is_not(None))
        .values(due_on=TODAY + timedelta(days=300)),
    ),
    "other terms of an amendment": ({"terms_hash"}, update(Amendment).values(terms_hash="0" * 64)),
    "a posting against itself": ({"postings_balance"}, update(Posting).values(credit=Posting.debit)),
    "a posting of less than nothing": ({"postings_balance"}, update(Posting).values(amount=-Posting.amount)),
    "more paid than there was to pay": (
        {"not_overpaid"},
        update(Installment).where(FIRST).values(paid=Installment.paid + 1),
    ),
    "less than nothing cancelled": ({"not_overpaid"}, update(Installment).where(FIRST).values(cancelled=-1)),
    "more returned than was paid": (
        {"not_overpaid"},
        update(Installment).where(FIRST).values(returned=Installment.paid + 1),
    ),
    "a payment of more than was booked": (
        {"payments_are_booked"},
        update(Payment).where(SETTLED).values(amount=Payment.amount + 1),
    ),
    "a payment booked that was declined": (
        {"payments_are_booked"},
        update(Payment).where(SETTLED).values(state="declined"),
    ),
    "a payment nobody was told of": (
        {"payments_are_told"},
        delete(Message).where(Message.kind == "payment_received"),
    ),
    "a payment that never happened": ({"payments_are_told"}, delete(Event).where(Event.id == ONE_EVENT)),
    "a reversal that nobody wrote down": ({"reversals_are_booked"}, delete(Reversal)),
    "a reversal nobody was told of": (
        {"reversals_are_booked"},
        delete(Message).where(Message.kind == "payment_reversed"),
    ),
    "a recorded payment nobody was told of": (
        {"payments_are_told"},
        delete(Message).where(Message.kind == "payment_recorded"),
    ),
    "a payment received on another day": (
        {"paid_on_is_received"},
        update(Installment).where(Installment.paid_on.is_not(None)).values(paid_on=TODAY - timedelta(days=1)),
    ),
    "a payment by somebody else": ({"one_plan_one_customer"}, update(Payment).values(customer_id=uuid4())),
    "more returned than a payment brought": (
        {"returned_within_received", "returned_is_posted"},
        update(Posting).where(Posting.credit == "cash").values(amount=Posting.amount * 10),
    ),
    "a refund of more than was booked": (
        {"refunds_are_booked"},
        update(Refund).values(cancelled=Refund.cancelled + 1),
    ),
    "a payment for no installment": ({"payments_are_allocated"}, delete(Allocation)),
    "a payment of less than its installments": (
        {"payments_are_allocated"},
        update(Payment).where(~SETTLED).values(amount=Payment.amount - 1),
    ),
    "a payment of what is not owed": (
        {"processing_is_owed"},
        update(Allocation)
        .where(Allocation.payment_id.in_(select(Payment.id).where(~SETTLED)))
        .values(amount=Allocation.amount + 1),
    ),
    "a payment at another shop": (
        {"one_merchant"},
        update(Payment)
        .where(SETTLED)
        .values(
            merchant_id=select(Plan.merchant_id)
            .where(Plan.merchant_id != Payment.merchant_id)
            .limit(1)
            .correlate(Payment)
            .scalar_subquery()
        ),
    ),
    "an automatic payment after the end of its consent": (
        {"charged_by_consent"},
        update(Mandate).values(revoked_at=NOW),
    ),
    "an automatic payment from no card": (
        {"charged_by_consent"},
        update(Mandate).values(saved_at=None, brand=None, last_four=None),
    ),
    "an automatic payment of another plan": (
        {"charged_by_consent"},
        update(Attempt)
        .values(
            payment_id=select(Payment.id)
            .where(Payment.plan_id != Attempt.plan_id, Payment.merchant_id == Attempt.merchant_id)
            .order_by(Payment.id)
            .limit(1)
            .scalar_subquery()
        )
        .where(Attempt.number == 1, Attempt.made_on == select(func.min(Attempt.made_on)).scalar_subquery()),
    ),
    "a plan found by other words": ({"words_of_plans"}, update(PlanWords).values(words="  other")),
    "a plan found by no words": ({"words_of_plans"}, delete(PlanWords)),
}


def named_by_the_check(session: Session) -> set[str]:
    return {finding.name for finding in self_check.run(session) if finding.broken}


def test_whatever_is_changed_is_named(books):
    unseen = {}
    for tampering, (names, statement) in TAMPERING.items():
        with books.begin_nested() as change:
            assert books.execute(statement).rowcount, tampering
            unseen[tampering] = names - named_by_the_check(books)
            change.rollback()
    assert {tampering: names for tampering, names in unseen.items() if names} == {}
    assert named_by_the_check(books) == set()


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
def test_every_invariant_was_seen_red(session, engine_name):
    """The sums behind the numbers have tests of their own."""
    sums = {table.__tablename__ for table in ROLLUP_TABLES}
    seen = set().union(*(names for names, _ in TAMPERING.values()))
    assert {finding.name for finding in self_check.run(session)} - sums == seen


@pytest.mark.parametrize("database_role", ["portal"])
@pytest.mark.parametrize("engine_name", ["postgres"], indirect=True)
def test_it_takes_its_time_and_leaves_the_limit_as_it_was(session, shop, count_statements):
    with count_statements() as statements:
        self_check.run(session)
    assert statements[0].startswith("SET LOCAL statement_timeout = 0")
    assert not session.in_transaction()
    assert session.scalar(text("SHOW statement_timeout")) == "5s"
