"""Refunds to the card and disputes by the bank of payments that the provider took, over real HTTP to a stand-in."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from portal.core.errors import Conflict
from portal.extensions import now
from portal.models import Dispute, Message, Plan, ProviderEvent
from portal.services import refund_settlement
from portal.services.provider_events import settle_events
from tests import factories
from tests.browserlike import sign_in, text


@pytest.fixture
def paid(session, doors, standin, provider, connected, shop, ada, plan):
    """The first installment, paid on the provider's page; returns the payment there."""
    answer = factories.pay(session, ada, plan.id, 1, gateway=doors.gateway, now=now())
    page = provider.pay(answer.url.rpartition("/")[2])
    standin.send_webhooks()
    settle(session, doors)
    return page["payment_intent"]


def settle(session, doors):
    session.rollback()
    return settle_events(session, doors.gateway, now())


def owed(session, ada, plan):
    return factories.plan_of(session, ada, plan.id, now()).owed


def kinds(session):
    session.rollback()
    found = list(session.scalars(select(Message.kind).order_by(Message.id)))
    session.rollback()
    return found


def refund(session, doors, shop, plan, amount):
    return factories.refund(session, shop, plan.id, amount, gateway=doors.gateway, now=now())


def test_a_refund_goes_back_to_the_card(session, doors, provider, paid, shop, ada, plan):
    answer = refund(session, doors, shop, plan, plan.total)
    assert (answer.status, answer.returned) == ("succeeded", plan.installments[0].amount)
    assert [(r["amount"], r["payment_intent"]) for r in provider.all("refund")] == [(answer.returned, paid)]


def test_a_refund_that_comes_back_from_the_bank_is_told_to_both_once_and_stays_in_the_books(
    session, client, doors, standin, provider, paid, shop, ada, plan
):
    refund(session, doors, shop, plan, plan.total)
    before, cash = factories.plan_of(session, ada, plan.id, now()), factories.cash(session)
    (there,) = provider.all("refund")
    provider.tell("refund.failed", there)
    standin.send_webhooks()
    settle(session, doors)
    assert "refund_failed" not in kinds(session), "the provider says when asked that it did not fail"
    provider.fail_refund(there["id"])
    standin.faults.doubled = 1
    provider.tell("refund.failed", there)
    standin.send_webhooks()
    settle(session, doors)
    assert [kind for kind in kinds(session) if kind.startswith("refund_failed")] == [
        "refund_failed_shop",
        "refund_failed",
    ]
    after = factories.plan_of(session, ada, plan.id, now())
    assert (after.installments, factories.cash(session)) == (before.installments, cash)
    assert factories.broken_invariants(session) == []
    sign_in(client, ada)
    assert text(client.get(f"/customer/plans/{plan.id}")).count("did not reach the card") == 1


def test_a_refund_that_fails_before_it_is_booked_is_the_settling_jobs(
    session, doors, standin, provider, paid, shop, plan
):
    provider.refund_status = "pending"
    assert refund(session, doors, shop, plan, plan.total).status == "processing"
    provider.fail_refund(provider.all("refund")[0]["id"])
    standin.send_webhooks()
    settle(session, doors)
    later = now() + refund_settlement.SETTLE_AFTER
    assert refund_settlement.settle_pending(session, doors.gateway, later)["refunds_settled"] == 1
    assert "refund_failed" not in kinds(session) and "refund_declined" in kinds(session)


def test_a_refund_whose_answer_was_lost_is_not_made_again(
    session, doors, standin, provider, paid, shop, plan
):
    standin.faults.cut = 1
    assert refund(session, doors, shop, plan, plan.total).status == "processing"
    standin.faults.cut = 0
    later = now() + refund_settlement.SETTLE_AFTER
    assert refund_settlement.settle_pending(session, doors.gateway, later)["refunds_settled"] == 1
    assert len(provider.all("refund")) == 1


def test_a_refund_that_the_provider_refuses_is_declined(session, doors, provider, paid, shop, plan):
    provider.refund({"payment_intent": paid, "amount": plan.installments[0].amount})
    assert refund(session, doors, shop, plan, plan.total).status == "declined"


def test_while_a_dispute_is_open_nothing_of_it_is_refunded(
    session, doors, standin, provider, paid, shop, ada, plan
):
    before = owed(session, ada, plan)
    provider.dispute(paid)
    standin.send_webhooks()
    settle(session, doors)
    assert {"payment_disputed", "payment_disputed_shop"} <= set(kinds(session))
    with pytest.raises(Conflict) as refused:
        refund(session, doors, shop, plan, plan.total)
    assert refused.value.code == "disputed" and owed(session, ada, plan) == before


def test_a_dispute_that_is_won_changes_nothing(session, doors, standin, provider, paid, shop, ada, plan):
    before = owed(session, ada, plan)
    provider.close_dispute(provider.dispute(paid)["id"], "won")
    standin.send_webhooks()
    settle(session, doors)
    assert session.scalars(select(Dispute.state)).all() == ["won"]
    session.rollback()
    assert owed(session, ada, plan) == before
    assert refund(session, doors, shop, plan, plan.total).status == "succeeded"


def test_a_dispute_that_is_lost_is_owed_again_once(session, doors, standin, provider, paid, shop, ada, plan):
    before = owed(session, ada, plan)
    provider.close_dispute(provider.dispute(paid)["id"], "lost")
    standin.faults.doubled = 1
    standin.send_webhooks()
    settle(session, doors)
    assert owed(session, ada, plan) == before + plan.installments[0].amount
    assert kinds(session).count("payment_reversed") == 1
    assert kinds(session).count("payment_disputed_shop") == 2
    settle(session, doors)
    assert owed(session, ada, plan) == before + plan.installments[0].amount


def test_the_reason_of_a_lost_dispute_is_read_in_each_language(
    session, app, doors, standin, provider, paid, shop, ada, plan
):
    provider.close_dispute(provider.dispute(paid)["id"], "lost")
    standin.send_webhooks()
    settle(session, doors)
    for person, pages in ((ada, [f"/customer/plans/{plan.id}"]), (shop, [f"/merchant/plans/{plan.id}"])):
        for language, reason in (("en", "took it back after a dispute"), ("ar", "استرده المصرف بعد نزاع")):
            client = app.test_client()
            sign_in(client, person)
            client.submit("/account", {"language": language, "test_card": "succeeds"})
            for page in pages:
                # In the list of payments and in the activity.
                assert text(client.get(page)).count(reason) == 2


def test_a_lost_dispute_opens_a_completed_plan_again(
    session, doors, standin, provider, paid, shop, ada, plan
):
    rest = factories.plan_of(session, ada, plan.id, now()).owed
    factories.record(session, shop, plan.id, rest, now=now())
    provider.close_dispute(provider.dispute(paid)["id"], "lost")
    standin.send_webhooks()
    settle(session, doors)
    assert session.scalars(select(Plan.state)).all() == ["active"]


def test_what_was_refunded_before_is_not_lost_again(session, doors, standin, provider, paid, shop, ada, plan):
    refund(session, doors, shop, plan, plan.total - 1000)
    provider.close_dispute(provider.dispute(paid)["id"], "lost")
    standin.send_webhooks()
    settle(session, doors)
    assert owed(session, ada, plan) == 1000


def test_a_dispute_of_a_payment_that_is_not_of_the_portal_is_ignored(
    session, doors, standin, provider, connected, shop
):
    provider.dispute(provider.take(500, "usd", {})["id"])
    standin.send_webhooks()
    settle(session, doors)
    assert session.scalars(select(ProviderEvent.result)).all() == ["ignored"]
