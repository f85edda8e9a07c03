"""Automatic payments by Stripe: the card is given on its page, and taken from while the customer is away; real HTTP."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from portal.adapters.payments import stripe_cards
from portal.core.errors import InvalidInput
from portal.extensions import now
from portal.models import Attempt, Event, Mandate, Message, Payment, ProviderEvent
from portal.services import autopay, mandates, payment_settlement, provider_keys, saved_cards
from portal.services.charges import CHARGES, charge_of
from portal.services.payments import begin
from portal.services.provider_events import settle_events
from portal.services.transaction import unit_of_work
from tests import factories
from tests.browserlike import form_at, sign_in, text

DAY = timedelta(days=1)


@pytest.fixture
def address(client, connected, ada, plan):
    sign_in(client, ada)
    return f"/customer/plans/{plan.id}"


@pytest.fixture
def page_of(client, address):
    """Agree to automatic payments, and give the name of the provider's page for the card."""

    def agree():
        answer = client.submit(f"{address}/autopay", {"agree": "y"}, address)
        assert answer.status_code == 303, text(answer)
        return answer.headers["Location"].rpartition("/")[2]

    return agree


@pytest.fixture
def saved(session, doors, standin, provider, page_of):
    """The customer has given a card, which later payments decline with a code."""

    def give(decline=None):
        provider.pay(page_of(), decline)
        standin.send_webhooks()
        settle(session, doors)
        (mandate,) = mandates_of(session)
        return mandate

    return give


def settle(session, doors, at=None):
    return settle_events(session, doors.gateway, at or now())


def ask(session, doors, after=timedelta(minutes=1)):
    return saved_cards.settle_waiting(session, doors.gateway, now() + after)


def mandates_of(session):
    session.rollback()
    found = session.execute(select(*Mandate.__table__.c).order_by(Mandate.id)).all()
    session.rollback()
    return found


def states(session):
    """Whether the card of each consent is saved, and whether the consent has ended."""
    return [(row.saved_at is not None, row.revoked_at is not None) for row in mandates_of(session)]


def outcomes(session):
    session.rollback()
    query = select(Attempt.number, Payment.state, Payment.outcome)
    found = session.execute(query.join(Payment, Payment.id == Attempt.payment_id).order_by(Attempt.number))
    rows = [tuple(row) for row in found]
    session.rollback()
    return rows


def kinds(session, table):
    found = list(session.scalars(select(table.kind).order_by(table.id)))
    session.rollback()
    return found


def nine(days):
    """Nine in the morning, so many days after the consent; the first line of the plan is due by then."""
    return datetime.combine(now().date() + days * DAY, datetime.min.time(), UTC) + timedelta(hours=9)


def take(session, doors, days=1):
    return autopay.take_due(session, doors.gateway, nine(days))


def test_the_box_leads_to_the_page_and_a_signed_event_saves_the_card(
    session, doors, client, standin, provider, page_of, address
):
    page = page_of()
    assert states(session) == [(False, False)]
    assert "They are not on yet" in text(client.get(address))
    provider.pay(page)
    standin.send_webhooks()
    assert standin.answers == [200]
    assert settle(session, doors) == {"events_handled": 1, "events_waiting": 0}
    (mandate,) = mandates_of(session)
    (card,) = provider.all("payment_method")
    assert (mandate.provider, mandate.page, mandate.last_four) == ("stripe_test", page, "4242")
    assert (mandate.provider_reference, mandate.provider_customer) == (card["id"], card["customer"])
    assert "Visa ending 4242" in text(client.get(address))
    assert kinds(session, Message).count("autopay_on") == kinds(session, Event).count("autopay_on") == 1


def test_coming_back_proves_nothing_but_the_job_asks(session, doors, client, provider, page_of, address):
    page = page_of()
    client.get(address)
    assert ask(session, doors) == {"cards_settled": 0, "cards_waiting": 1}
    assert states(session) == [(False, False)]
    provider.pay(page)
    assert ask(session, doors) == {"cards_settled": 1, "cards_waiting": 0}
    assert states(session) == [(True, False)]


def test_continue_leads_to_the_same_page_and_asks_what_became_of_it(
    session, client, provider, page_of, address
):
    page = page_of()
    for _ in range(2):
        answer = client.submit(f"{address}/autopay/continue", {}, address)
        assert answer.headers["Location"].endswith(page)
    provider.pay(page)
    assert client.submit(f"{address}/autopay/continue", {}, address).headers["Location"].endswith(address)
    assert states(session) == [(True, False)] and "Automatic payments are on." in text(client.get(address))


def test_agreeing_twice_is_one_consent_and_one_page(session, provider, client, page_of, address):
    form = form_at(client, address, f"{address}/autopay") | {"agree": "y"}
    answers = [client.post(f"{address}/autopay", data=form) for _ in range(2)]
    assert len({answer.headers["Location"] for answer in answers}) == 1
    assert len(provider.all("checkout.session")) == len(mandates_of(session)) == 1


def test_a_page_that_expired_without_a_card_ends_the_consent(
    session, doors, client, provider, page_of, address
):
    provider.expire(page_of())
    answer = client.submit(f"{address}/autopay/continue", {}, address)
    assert answer.status_code == 409 and "The page for your card has closed" in text(answer)
    assert states(session) == [(False, True)]
    provider.pay(page_of())
    ask(session, doors)
    assert states(session) == [(False, True), (True, False)]
    assert "autopay_off" not in kinds(session, Event)


def test_the_event_of_an_expired_page_ends_it_too(session, doors, standin, provider, page_of):
    provider.expire(page_of())
    standin.send_webhooks()
    settle(session, doors)
    assert states(session) == [(False, True)]


def test_stop_closes_the_page_and_a_card_given_meanwhile_is_never_charged(
    session, doors, client, standin, provider, page_of, address
):
    page = page_of()
    form = form_at(client, address, f"{address}/autopay/stop")
    assert client.post(f"{address}/autopay/stop", data=form).status_code == 303
    assert provider.things[page]["status"] == "expired"
    provider.things[page] |= {"status": "open"}
    provider.pay(page)
    standin.send_webhooks()
    settle(session, doors)
    ask(session, doors)
    assert states(session) == [(False, True)]
    assert take(session, doors) == {"attempted": 0, "failed": 0}


def test_doubled_late_and_forged_events_change_nothing(session, doors, standin, provider, page_of):
    page = page_of()
    provider.tell("checkout.session.expired", provider.things[page])
    provider.tell("checkout.session.completed", provider.things[page] | {"status": "complete"})
    standin.send_webhooks()
    settle(session, doors)
    assert states(session) == [(False, False)]
    standin.faults.doubled = 1
    provider.pay(page)
    provider.tell("checkout.session.completed", provider.things[page])
    standin.send_webhooks()
    settle(session, doors)
    assert states(session) == [(True, False)]
    assert kinds(session, Message).count("autopay_on") == 1
    session.rollback()
    assert set(session.scalars(select(ProviderEvent.result))) == {"done", "ignored"}


def test_a_page_whose_answer_was_lost_is_found_by_its_consent(
    session, doors, client, standin, provider, connected, address
):
    standin.faults.cut = 1
    answer = client.submit(f"{address}/autopay", {"agree": "y"}, address)
    assert answer.status_code == 409 and "does not answer" in text(answer)
    standin.faults.cut = 0
    (page,) = provider.all("checkout.session")
    provider.pay(page["id"])
    ask(session, doors)
    assert states(session) == [(True, False)] and len(provider.all("checkout.session")) == 1


def test_a_card_that_was_saved_is_kept_though_nobody_asked_for_a_day(session, doors, provider, page_of):
    provider.pay(page_of())
    assert ask(session, doors, 2 * DAY) == {"cards_settled": 1, "cards_waiting": 0}
    assert states(session) == [(True, False)] and kinds(session, Message).count("autopay_on") == 1


def test_a_consent_whose_card_nobody_can_ask_about_ends_after_a_day(session, doors, standin, page_of):
    page_of()
    standin.closed = True
    assert ask(session, doors)["cards_waiting"] == 1
    ask(session, doors, DAY)
    assert states(session) == [(False, True)]


def test_the_due_line_is_taken_once_and_refunded_as_any_payment(session, doors, shop, plan, provider, saved):
    saved()
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
    session, doors, provider, saved, code, outcome, attempts
):
    saved(code)
    for days in range(1, 12):
        take(session, doors, days)
    assert outcomes(session) == [(n, "declined", outcome) for n in range(1, attempts + 1)]
    assert kinds(session, Message).count("autopay_notice") == attempts
    assert states(session) == [(True, code == "lost_card")]
    assert len(provider.all("payment_intent")) == attempts


def test_a_payment_whose_answer_was_lost_is_found_and_never_made_again(
    session, doors, standin, provider, saved
):
    saved()
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


def test_a_card_that_is_gone_at_the_provider_ends_the_consent(session, doors, provider, saved):
    del provider.things[saved().provider_reference]
    take(session, doors)
    assert outcomes(session) == [(1, "declined", "card_unusable")] and states(session) == [(True, True)]


def test_a_key_that_may_not_take_money_is_tried_again_and_ends_nothing(session, doors, standin, saved):
    saved()
    standin.closed = True
    take(session, doors)
    standin.closed = False
    assert outcomes(session) == [(1, "declined", "refused")]
    take(session, doors, 3)
    assert outcomes(session)[-1] == (2, "succeeded", "succeeded") and states(session) == [(True, False)]


def test_a_key_of_another_account_is_refused_once_a_card_was_saved_or_money_taken(
    session, doors, shop, standin, saved
):
    saved()
    for _ in range(2):
        with pytest.raises(InvalidInput):
            provider_keys.connect(session, doors.stripe(), shop, "rk_test_elsewhere_1", now())
        provider_keys.connect(session, doors.stripe(), shop, "rk_test_harbor_2", now())
        take(session, doors)


def test_after_a_lost_answer_agreeing_again_leads_to_the_page_that_was_opened(
    session, client, standin, provider, connected, address
):
    form = form_at(client, address, f"{address}/autopay") | {"agree": "y"}
    standin.faults.cut = 1
    assert client.post(f"{address}/autopay", data=form).status_code == 409
    standin.faults.cut = 0
    answer = client.post(f"{address}/autopay", data=form)
    (page,) = provider.all("checkout.session")
    assert answer.headers["Location"].endswith(page["id"]) and len(mandates_of(session)) == 1


def test_the_same_payment_asked_for_twice_is_taken_once(session, doors, provider, saved):
    saved()
    take(session, doors)
    charge = charge_of(session.execute(CHARGES).one())
    session.rollback()
    assert doors.gateway.begin(charge).page == provider.all("payment_intent")[0]["id"]
    assert len(provider.all("payment_intent")) == 1


def test_a_stop_between_asking_about_the_card_and_noting_it_wins(
    session, doors, ada, plan, provider, page_of
):
    page = page_of()
    waiting = session.execute(saved_cards.MANDATES).one()
    session.rollback()
    provider.pay(page)
    card = doors.gateway.get_card(saved_cards.request_of(waiting))
    mandates.stop(session, doors.gateway, ada, plan.id, now())
    assert saved_cards.note_card(session, waiting, card, now()) is False
    assert states(session) == [(False, True)] and "autopay_on" not in kinds(session, Message)


def test_a_signed_event_settles_a_payment_whose_answer_was_lost(session, doors, standin, provider, saved):
    saved()
    standin.faults.cut = 1
    take(session, doors)
    standin.faults.cut = 0
    (paid,) = provider.all("payment_intent")
    paid["created"] = int(nine(1).timestamp())  # The stand-in's clock is not the test's.
    standin.send_webhooks()
    settle(session, doors)
    assert outcomes(session) == [(1, "succeeded", "succeeded")]


def test_money_that_a_stalled_worker_takes_after_its_payment_was_given_up_goes_back(
    session, doors, standin, provider, plan, saved, monkeypatch
):
    saved()
    session.rollback()
    with unit_of_work(session):
        charge = autopay._intend(session, plan.merchant_id, plan.id, nine(1))
    monkeypatch.setattr(stripe_cards, "LOST_AFTER", -9 * DAY)  # The payment begins in the future.
    payment_settlement.settle_pending(session, doors.gateway, nine(2))
    assert outcomes(session) == [(1, "abandoned", "abandoned")]
    begin(session, doors.gateway, plan.merchant_id, plan.id, charge, nine(2))
    provider.all("payment_intent")[0]["created"] = int(nine(1).timestamp())
    standin.send_webhooks()
    settle(session, doors, nine(2))
    assert [refund["amount"] for refund in provider.all("refund")] == [plan.installments[0].amount]
    assert outcomes(session) == [(1, "returned", "abandoned")]
    assert {"payment_returned", "payment_returned_shop"} <= set(kinds(session, Message))
