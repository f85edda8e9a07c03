"""Migrations of payment providers with rows in them, up and down on both engines: payments, keys, events, consents."""

from datetime import timedelta

import flask_migrate
import pytest
from sqlalchemy import inspect, select, text, update
from sqlalchemy.exc import DBAPIError

from portal.adapters.payments import Charge, Outcome, Settled
from portal.adapters.payments.simulator import Simulator
from portal.core.terms import hash_text
from portal.extensions import db
from portal.models import Attempt, Mandate, Member, Merchant, Payment, ProviderEvent, ProviderKey, Reversal
from portal.models.ledger import Allocation, Posting
from portal.services import autopay, mandates
from portal.services.transaction import unit_of_work
from tests import factories
from tests.databases import MIGRATIONS
from tests.factories import NOW
from tests.integration.test_migrations import described, every_row, migrated, rows_of

__all__ = ["migrated"]

TEXT = "Take what is due."
MONTH = timedelta(days=32)


class Refusing(Simulator):
    """A provider that takes no orders of a shop."""

    def begin(self, charge: Charge) -> Settled:
        return Settled(Outcome.REFUSED)


@pytest.fixture
def plan(migrated):
    """A shop, its customer, and a plan of theirs."""
    shop, ada = factories.make_merchant(db.session), factories.make_customer(db.session)
    plan_id = factories.accepted_plan(db.session, shop, ada)
    return shop, ada, plan_id


def connect(shop):
    about = {"provider": "stripe_test", "sealed_key": "sealed", "hint": "0001", "added_by": shop.id}
    with unit_of_work(db.session):
        db.session.add(ProviderKey(merchant_id=shop.id, **about, added_at=NOW))


def pay_by_key(shop, ada, plan_id):
    connect(shop)
    with unit_of_work(db.session):
        db.session.execute(update(Merchant).where(Merchant.id == shop.id).values(provider="stripe_test"))
    factories.pay(db.session, ada, plan_id, 1, gateway=Refusing())


def agree(shop, ada, plan_id):
    mandates.give(db.session, Simulator(), ada, plan_id, TEXT, hash_text(TEXT), factories.ORIGIN, NOW)


def go_to(revision):
    db.session.remove()
    flask_migrate.downgrade(directory=MIGRATIONS, revision=revision)


def changes(statement):
    with db.engine.begin() as connection:
        connection.execute(text(statement))


def test_payments_and_reversals_keep_all_they_say_when_providers_are_taken_back_and_made_again(plan):
    shop, ada, plan_id = plan
    for number, card in ((1, "succeeds"), (2, "declined"), (3, "times_out")):
        factories.choose_card(db.session, ada, card)
        factories.pay(db.session, ada, plan_id, number)
    other = factories.accepted_plan(db.session, shop, ada)
    factories.reverse(db.session, shop, other, factories.record(db.session, shop, other, 500))
    tables = Payment, Reversal, Allocation, Posting
    before, rows = described(), rows_of(*tables)
    assert {row.state for row in rows[0]} == {"succeeded", "declined", "processing"} and rows[1]
    go_to("0042_dates_from_acceptance")
    assert "provider" not in {column["name"] for column in inspect(db.engine).get_columns("payments")}
    with pytest.raises(DBAPIError, match="append-only"):
        changes("UPDATE payments SET amount = 1")
    flask_migrate.upgrade(directory=MIGRATIONS)
    assert (described(), rows_of(*tables)) == (before, rows)
    with pytest.raises(DBAPIError, match="append-only"):
        changes("UPDATE payments SET amount = 1")
    factories.choose_card(db.session, ada, "succeeds")
    assert factories.pay(db.session, ada, plan_id, 2).status == "paid"
    assert factories.broken_invariants(db.session) == []


def test_triggers_refuse_alike_before_and_after_they_are_given_the_names_that_they_say(plan):
    _, ada, plan_id = plan
    factories.pay(db.session, ada, plan_id, 1)
    before, rows = described(), rows_of(Payment, Posting, Member)

    def refuses():
        for statement, said in (
            ("DELETE FROM postings", "postings are append-only"),
            ("UPDATE plans SET terms = terms", "plans_keep_terms"),
            ("DELETE FROM members", "members_stay_owned"),
        ):
            with pytest.raises(DBAPIError, match=said):
                changes(statement)

    refuses()
    go_to("0047_plan_templates")
    refuses()
    flask_migrate.upgrade(directory=MIGRATIONS)
    refuses()
    assert (described(), rows_of(Payment, Posting, Member)) == (before, rows)


def test_reports_of_other_amounts_stay_while_their_index_goes_and_comes(plan):
    shop, *_ = plan
    about = {"provider": "stripe_test", "event_id": "evt_1", "kind": "checkout.session.completed"}
    with unit_of_work(db.session):
        event = {"reference": "cs_1", "amount": 1, "currency": "USD", "received_at": NOW, "handled_at": NOW}
        db.session.add(ProviderEvent(merchant_id=shop.id, **about, **event, result="mismatch"))
    before, rows = described(), rows_of(ProviderEvent)
    go_to("0043_providers")
    indexes = {index["name"] for index in inspect(db.engine).get_indexes("provider_events")}
    assert indexes == {"ix_provider_events_unhandled"}
    assert rows_of(ProviderEvent) == rows
    flask_migrate.upgrade(directory=MIGRATIONS)
    assert (described(), rows_of(ProviderEvent)) == (before, rows)


def test_consents_can_be_given_once_their_tables_are_there_and_are_kept_as_they_were(plan):
    _, ada, plan_id = plan
    before, rows = described(), every_row()
    go_to("0045_moves_alone")
    assert not {"mandates", "attempts"} & set(inspect(db.engine).get_table_names())
    flask_migrate.upgrade(directory=MIGRATIONS)
    assert (described(), every_row()) == (before, rows)
    agree(*plan)
    assert autopay.take_due(db.session, Simulator(), NOW + MONTH)["attempted"] == 1
    mandates.stop(db.session, Simulator(), ada, plan_id, NOW + MONTH)
    for statement in (
        "UPDATE mandates SET text = 'Another text.'",
        "UPDATE mandates SET revoked_at = NULL",
        "DELETE FROM attempts",
    ):
        with pytest.raises(DBAPIError):
            changes(statement)
    assert len(db.session.scalars(select(Attempt.number)).all()) == 1
    assert db.session.scalars(select(Mandate.text)).all() == [TEXT]


@pytest.mark.parametrize(
    ("does", "stays_at", "says"),
    [
        (agree, "0046_mandates", "There are consents"),
        (lambda shop, ada, plan_id: connect(shop), "0043_providers", "A shop has a provider's key"),
        (pay_by_key, "0043_providers", "There are payments of a real provider"),
    ],
    ids=["consent", "key", "payment"],
)
def test_a_step_back_that_would_lose_what_providers_did_refuses_and_changes_nothing(
    plan, caplog, does, stays_at, says
):
    does(*plan)
    go_to(stays_at)
    before = described(), every_row()
    with pytest.raises(SystemExit):
        flask_migrate.downgrade(directory=MIGRATIONS, revision="-1")
    assert says in caplog.text
    assert (described(), every_row()) == before
    flask_migrate.upgrade(directory=MIGRATIONS)
    assert factories.broken_invariants(db.session) == []
