"""The card for automatic payments, given on Stripe's page: saved, left, closed, stopped; real HTTP to a stand-in."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from portal.core.errors import Conflict
from portal.core.terms import hash_text
from portal.extensions import now
from portal.models import Event, Message, ProviderEvent
from portal.services import autopay, mandates, saved_cards
from tests import factories
from tests.browserlike import form_at, text

from .saving_cards import ask, kinds, mandates_of, settle, states

DAY = timedelta(days=1)


def test_the_box_leads_to_the_page_and_a_signed_event_saves_the_card(
    session, doors, client, standin, provider, card_page, plan_page
):
    page = card_page()
    assert states(session) == [(False, False)]
    assert "They are not on yet" in text(client.get(plan_page))
    provider.pay(page)
    standin.send_webhooks()
    assert standin.answers == [200]
    assert settle(session, doors) == {"events_handled": 1, "events_waiting": 0}
    (mandate,) = mandates_of(session)
    (card,) = provider.all("payment_method")
    assert (mandate.provider, mandate.page, mandate.last_four) == ("stripe_test", page, "4242")
    assert (mandate.provider_reference, mandate.provider_customer) == (card["id"], card["customer"])
    assert "Visa ending 4242" in text(client.get(plan_page))
    assert kinds(session, Message).count("autopay_on") == kinds(session, Event).count("autopay_on") == 1


def test_coming_back_proves_nothing_but_the_job_asks(session, doors, client, provider, card_page, plan_page):
    page = card_page()
    client.get(plan_page)
    assert ask(session, doors) == {"cards_settled": 0, "cards_waiting": 1}
    assert states(session) == [(False, False)]
    provider.pay(page)
    assert ask(session, doors) == {"cards_settled": 1, "cards_waiting": 0}
    assert states(session) == [(True, False)]


def test_continue_leads_to_the_same_page_and_asks_what_became_of_it(
    session, client, provider, card_page, plan_page
):
    page = card_page()
    for _ in range(2):
        answer = client.submit(f"{plan_page}/autopay/continue", {}, plan_page)
        assert answer.headers["Location"].endswith(page)
    provider.pay(page)
    assert (
        client.submit(f"{plan_page}/autopay/continue", {}, plan_page).headers["Location"].endswith(plan_page)
    )
    assert states(session) == [(True, False)] and "Automatic payments are on." in text(client.get(plan_page))


def test_agreeing_twice_is_one_consent_and_one_page(session, provider, client, card_page, plan_page):
    form = form_at(client, plan_page, f"{plan_page}/autopay") | {"agree": "y"}
    answers = [client.post(f"{plan_page}/autopay", data=form) for _ in range(2)]
    assert len({answer.headers["Location"] for answer in answers}) == 1
    assert len(provider.all("checkout.session")) == len(mandates_of(session)) == 1


def test_a_page_that_expired_without_a_card_ends_the_consent(
    session, doors, client, provider, card_page, plan_page
):
    provider.expire(card_page())
    answer = client.submit(f"{plan_page}/autopay/continue", {}, plan_page)
    assert answer.status_code == 409 and "The page for your card has closed" in text(answer)
    assert states(session) == [(False, True)]
    provider.pay(card_page())
    ask(session, doors)
    assert states(session) == [(False, True), (True, False)]
    assert "autopay_off" not in kinds(session, Event)


def test_agreeing_again_after_the_page_closed_is_a_new_consent_with_a_page_of_its_own(
    session, client, provider, card_page, plan_page
):
    form = form_at(client, plan_page, f"{plan_page}/autopay") | {"agree": "y"}
    first = card_page()
    provider.expire(first)
    answer = client.post(f"{plan_page}/autopay", data=form)
    second = answer.headers["Location"].rpartition("/")[2]
    assert provider.things[second]["status"] == "open" and second != first
    assert states(session) == [(False, True), (False, False)]


@pytest.mark.parametrize("given", [False, True])
def test_who_stopped_meanwhile_is_not_sent_to_the_page_and_it_closes(
    session, doors, standin, provider, connected, ada, plan, given
):
    class StopsMeanwhile:
        """Before the answer arrives, the customer stops in another window, perhaps after a card was given."""

        def __getattr__(self, name):
            return getattr(doors.gateway, name)

        def save_card(self, request):
            there = doors.gateway.save_card(request)
            if given:
                provider.pay(there.page)
                there = doors.gateway.get_card(replace(request, page=there.page))
            mandates.stop(session, doors.gateway, ada, plan.id, now())
            return there

    text = "Take what is due."
    with pytest.raises(Conflict) as refused:
        mandates.give(session, StopsMeanwhile(), ada, plan.id, text, hash_text(text), factories.ORIGIN, now())
    assert "turned off meanwhile" in str(refused.value)
    (page,) = provider.all("checkout.session")
    assert page["status"] == ("complete" if given else "expired")
    assert states(session) == [(False, True)]


def test_the_event_of_an_expired_page_ends_it_too(session, doors, standin, provider, card_page):
    provider.expire(card_page())
    standin.send_webhooks()
    settle(session, doors)
    assert states(session) == [(False, True)]


def test_stop_closes_the_page_and_a_card_given_meanwhile_is_never_charged(
    session, doors, client, standin, provider, card_page, plan_page
):
    page = card_page()
    form = form_at(client, plan_page, f"{plan_page}/autopay/stop")
    assert client.post(f"{plan_page}/autopay/stop", data=form).status_code == 303
    assert provider.things[page]["status"] == "expired"
    provider.things[page] |= {"status": "open"}
    provider.pay(page)
    standin.send_webhooks()
    settle(session, doors)
    ask(session, doors)
    assert states(session) == [(False, True)]
    assert autopay.take_due(session, doors.gateway, now() + 2 * DAY) == {"attempted": 0, "failed": 0}


def test_doubled_late_and_forged_events_change_nothing(session, doors, standin, provider, card_page):
    page = card_page()
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
    session, doors, client, standin, provider, connected, plan_page
):
    standin.faults.cut = 1
    answer = client.submit(f"{plan_page}/autopay", {"agree": "y"}, plan_page)
    assert answer.status_code == 409 and "does not answer" in text(answer)
    standin.faults.cut = 0
    (page,) = provider.all("checkout.session")
    provider.pay(page["id"])
    ask(session, doors)
    assert states(session) == [(True, False)] and len(provider.all("checkout.session")) == 1


@pytest.mark.parametrize("minutes", [9, 11, 29])
def test_a_page_for_a_card_that_was_never_opened_is_opened_soon_or_for_a_new_consent(
    session, doors, standin, provider, connected, ada, plan, minutes
):
    words = "Take what is due."
    agreed = (words, hash_text(words), factories.ORIGIN)
    standin.faults.unheard = 1
    with pytest.raises(Conflict, match="does not answer"):
        mandates.give(session, doors.gateway, ada, plan.id, *agreed, now() - timedelta(minutes=minutes))
    standin.faults.unheard = 0
    url = mandates.give(session, doors.gateway, ada, plan.id, *agreed, now())
    assert [page["url"] for page in provider.all("checkout.session")] == [url]
    assert states(session) == [(False, False)] if minutes < 10 else [(False, True), (False, False)]


def test_a_card_that_was_saved_is_kept_though_nobody_asked_for_a_day(session, doors, provider, card_page):
    provider.pay(card_page())
    assert ask(session, doors, 2 * DAY) == {"cards_settled": 1, "cards_waiting": 0}
    assert states(session) == [(True, False)] and kinds(session, Message).count("autopay_on") == 1


def test_a_consent_whose_card_nobody_can_ask_about_ends_after_a_day(session, doors, standin, card_page):
    card_page()
    standin.closed = True
    assert ask(session, doors)["cards_waiting"] == 1
    ask(session, doors, DAY)
    assert states(session) == [(False, True)]


def test_after_a_lost_answer_agreeing_again_leads_to_the_page_that_was_opened(
    session, client, standin, provider, connected, plan_page
):
    form = form_at(client, plan_page, f"{plan_page}/autopay") | {"agree": "y"}
    standin.faults.cut = 1
    assert client.post(f"{plan_page}/autopay", data=form).status_code == 409
    standin.faults.cut = 0
    answer = client.post(f"{plan_page}/autopay", data=form)
    (page,) = provider.all("checkout.session")
    assert answer.headers["Location"].endswith(page["id"]) and len(mandates_of(session)) == 1


def test_a_stop_between_asking_about_the_card_and_noting_it_wins(
    session, doors, ada, plan, provider, card_page
):
    page = card_page()
    waiting = session.execute(saved_cards.MANDATES).one()
    session.rollback()
    provider.pay(page)
    card = doors.gateway.get_card(saved_cards.request_of(waiting))
    mandates.stop(session, doors.gateway, ada, plan.id, now())
    assert saved_cards.note_card(session, waiting, card, now()) is False
    assert states(session) == [(False, True)] and "autopay_on" not in kinds(session, Message)
