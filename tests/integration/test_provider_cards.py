"""Automatic payments by Stripe: taken from a saved card while the customer is away; real HTTP to a stand-in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from portal.adapters.payments import stripe_pages
from portal.core.errors import InvalidInput
from portal.extensions import now
from portal.models import Attempt, Message, Payment
from portal.services import autopay, payment_settlement, provider_keys
from portal.services.charges import CHARGES, charge_of
from portal.services.payments import begin
from portal.services.transaction import unit_of_work
from tests import factories

from .saving_cards import kinds, settle, states

DAY = timedelta(days=1)


def outcomes(session):
    session.rollback()
    query = select(Attempt.number, Payment.state, Payment.outcome)
    found = session.execute(query.join(Payment, Payment.id == Attempt.payment_id).order_by(Attempt.number))
    rows = [tuple(row) for row in found]
    session.rollback()
    return rows


def nine(days):
    """Nine in the morning, so many days after the consent; the first line of the plan is due by then."""
    return datetime.combine(now().date() + days * DAY, datetime.min.time(), UTC) + timedelta(hours=9)


def take(session, doors, days=1):
    return autopay.take_due(session, doors.gateway, nine(days))


def test_the_due_line_is_taken_once_and_refunded_as_any_payment(
    session, doors, shop, plan, provider, saved_card
):
    saved_card()
    assert take(session, doors) == {"attempted": 1, "failed": 0}
    assert take(session, doors) == {"attempted": 0, "failed": 0}
    assert outcomes(session) == [(1, "succeeded", "succeeded")]
    (paid,) = provider.all("payment_intent")
    assert (paid["amount"], paid["currency"]) == (plan.installments[0].amount, "usd")
    reference = session.scalars(select(Payment.provider_reference)).one()
    session.rollback()
    assert reference == paid["id"] and paid["metadata"]["payment"]
    assert factories.broken_invariants(session) == []
    factories.refund(session, shop, plan.id, plan.total, gateway=doors.gateway, now=nine(1))
    assert [refund["payment_intent"] for refund in provider.all("refund")] == [paid["id"]]


@pytest.mark.parametrize(
    ("code", "outcome", "attempts"),
    [
        ("insufficient_funds", "insufficient_funds", 4),
        ("generic_decline", "declined", 4),
        ("lost_card", "card_unusable", 1),
        ("authentication_required", "needs_customer", 1),
    ],
)
def test_declines_soft_and_hard_go_as_with_the_simulator(
    session, doors, provider, saved_card, code, outcome, attempts
):
    saved_card(code)
    for days in range(1, 12):
        take(session, doors, days)
    assert outcomes(session) == [(n, "declined", outcome) for n in range(1, attempts + 1)]
    assert kinds(session, Message).count("autopay_notice") == attempts
    assert states(session) == [(True, code == "lost_card")]
    assert len(provider.all("payment_intent")) == attempts


def test_a_payment_whose_answer_was_lost_is_found_and_never_made_again(
    session, doors, standin, provider, saved_card
):
    saved_card()
    standin.faults.cut = 1
    take(session, doors)
    standin.faults.cut = 0
    assert outcomes(session) == [(1, "processing", None)]
    (paid,) = provider.all("payment_intent")
    for one in (paid, *(provider.take(1, "usd", {}) for _ in range(250))):
        one["created"] = int(nine(1).timestamp())  # The stand-in's clock is not the test's.
    assert take(session, doors, 2) == {"attempted": 0, "failed": 0}
    assert payment_settlement.settle_pending(session, doors.gateway, nine(2))["settled"] == 1
    assert outcomes(session) == [(1, "succeeded", "succeeded")]
    mine = [one for one in provider.all("payment_intent") if one["metadata"]]
    assert mine == [paid], "found on the third page of the list"


def test_a_card_that_is_gone_at_the_provider_ends_the_consent(session, doors, provider, saved_card):
    del provider.things[saved_card().provider_reference]
    take(session, doors)
    assert outcomes(session) == [(1, "declined", "card_unusable")] and states(session) == [(True, True)]


def test_a_key_that_may_not_take_money_is_tried_again_and_ends_nothing(session, doors, standin, saved_card):
    saved_card()
    standin.closed = True
    take(session, doors)
    standin.closed = False
    assert outcomes(session) == [(1, "declined", "refused")]
    take(session, doors, 3)
    assert outcomes(session)[-1] == (2, "succeeded", "succeeded") and states(session) == [(True, False)]


def test_a_key_of_another_account_is_refused_once_a_card_was_saved_or_money_taken(
    session, doors, shop, standin, saved_card
):
    saved_card()
    for _ in range(2):
        with pytest.raises(InvalidInput):
            provider_keys.connect(session, doors.stripe(), shop, "rk_test_elsewhere_1", now())
        provider_keys.connect(session, doors.stripe(), shop, "rk_test_harbor_2", now())
        take(session, doors)


def test_the_same_payment_asked_for_twice_is_taken_once(session, doors, provider, saved_card):
    saved_card()
    take(session, doors)
    charge = charge_of(session.execute(CHARGES).one())
    session.rollback()
    assert doors.gateway.begin(charge).page == provider.all("payment_intent")[0]["id"]
    assert len(provider.all("payment_intent")) == 1


def test_a_signed_event_settles_a_payment_whose_answer_was_lost(
    session, doors, standin, provider, saved_card
):
    saved_card()
    standin.faults.cut = 1
    take(session, doors)
    standin.faults.cut = 0
    (paid,) = provider.all("payment_intent")
    paid["created"] = int(nine(1).timestamp())  # The stand-in's clock is not the test's.
    standin.send_webhooks()
    settle(session, doors)
    assert outcomes(session) == [(1, "succeeded", "succeeded")]


@pytest.mark.parametrize("answered", [True, False])
def test_money_that_a_stalled_worker_takes_after_its_payment_was_given_up_goes_back(
    session, doors, standin, provider, plan, saved_card, monkeypatch, answered
):
    """By the worker itself, or by the provider's report if the answer was lost."""
    saved_card()
    session.rollback()
    with unit_of_work(session):
        charge = autopay._intend(session, plan.merchant_id, plan.id, nine(1))
    monkeypatch.setattr(stripe_pages, "LOST_AFTER", -9 * DAY)  # The payment begins in the future.
    payment_settlement.settle_pending(session, doors.gateway, nine(2))
    assert outcomes(session) == [(1, "abandoned", "abandoned")]
    standin.faults.cut = not answered
    begin(session, doors.gateway, plan.merchant_id, plan.id, charge, nine(2))
    standin.faults.cut = 0
    assert outcomes(session) == [(1, "returned" if answered else "abandoned", "abandoned")]
    standin.send_webhooks()
    settle(session, doors, nine(2))
    assert [refund["amount"] for refund in provider.all("refund")] == [plan.installments[0].amount]
    assert outcomes(session) == [(1, "returned", "abandoned")]
    assert kinds(session, Message).count("payment_returned") == 1
