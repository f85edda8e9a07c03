"""A customer reads an offer and answers it; nobody else can, no GET does, and only the terms that were shown bind."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from sqlalchemy import select

from portal.extensions import now
from portal.models import Acceptance
from portal.services import accounts, offers, plans
from portal.services.transaction import unit_of_work
from tests import factories
from tests.browserlike import Forms, sign_in, text


def state(session, ada, plan_id):
    return factories.plan_of(session, ada, plan_id, now()).state


@pytest.fixture
def offer(session, shop, ada):
    return factories.offered_plan(session, shop, ada.email, now=now(), first=now().date())


@pytest.fixture
def reader(client, ada):
    sign_in(client, ada)
    return client


def test_the_first_line_says_that_an_offer_waits(reader, offer):
    home = text(reader.get("/customer/"))
    assert "You have an offer to answer." in home
    assert "Review offer" in home
    assert f"/customer/plans/{offer}" in home
    assert "Pay $" not in home, "an offer owes nothing"


def test_without_plans_the_page_says_what_will_appear(reader, ada):
    home = text(reader.get("/customer/"))
    assert "No plans yet" in home
    assert ada.email in home


def test_the_terms_stand_in_their_order(reader, offer):
    page = text(reader.get(f"/customer/plans/{offer}"))
    headings = [
        "Who sells",
        "What is bought",
        "The total",
        "Every amount and date",
        "When a payment is late",
        "Paying early",
        "How a refund is worked out",
        "Whom to ask",
    ]
    places = [page.index(heading) for heading in headings]
    assert places == sorted(places)
    for words in (
        "$33.34",
        "$33.33",
        'The difference is <bdi class="amount">$0.00</bdi>',
        "corner.shop@example.com",
    ):
        assert words in page
    assert "checked" not in page, "nobody has ticked the box"
    assert "Pay $" not in page


def test_what_is_agreed_is_shown_from_the_offered_text_alone(session, reader, shop, offer):
    with unit_of_work(session):
        accounts.change_shop(session, shop, "Renamed", "new@example.com", "Asia/Kuwait", now())
    page = text(reader.get(f"/customer/plans/{offer}"))
    terms = page[page.index('id="terms"') : page.index('id="answer"')]
    assert "Corner Shop" in terms
    assert "corner.shop@example.com" in terms
    assert "Renamed" not in terms
    assert "Asia/Kuwait" not in terms


def test_accepting_binds_to_the_terms_shown(session, reader, ada, offer):
    page = f"/customer/plans/{offer}"
    accepted = reader.submit(
        f"{page}/accept", {"agree": "y"}, page=page, headers={"User-Agent": "Test Browser"}
    )
    assert (accepted.status_code, accepted.location) == (303, page)
    session.rollback()
    kept = session.scalars(select(Acceptance)).one()
    assert (kept.customer_id, kept.user_agent, kept.how) == (ada.id, "Test Browser", "accepted")
    after = text(reader.get(page))
    assert "The terms as you accepted them" in after
    assert "Pay $33.34" in after
    assert "Accept plan" not in after
    assert "Terms accepted" in after


def test_without_the_box_nothing_is_accepted(session, reader, ada, offer):
    page = f"/customer/plans/{offer}"
    refused = reader.submit(f"{page}/accept", {}, page=page)
    assert refused.status_code == 422
    assert "Tick the box to say that you have read and agree" in text(refused)
    assert 'aria-invalid="true"' in text(refused)
    assert state(session, ada, offer) == "offered"


@pytest.mark.parametrize("stale", ["0" * 64, "", "\0", "x" * 255])
def test_other_terms_than_those_offered_are_refused(session, reader, ada, offer, stale):
    page = f"/customer/plans/{offer}"
    refused = reader.submit(f"{page}/accept", {"agree": "y", "terms_hash": stale}, page=page)
    assert refused.status_code == 409
    assert "The terms of this offer have changed" in text(refused)
    assert "Accept plan" in text(refused), "the offer can be read again and answered"
    assert state(session, ada, offer) == "offered"


def test_opening_an_address_answers_nothing(session, reader, ada, offer):
    page = f"/customer/plans/{offer}"
    fields = {"agree": "y", "terms_hash": factories.plan_of(session, ada, offer, now()).terms_hash}
    assert reader.get(page, query_string=fields).status_code == 200
    for answer in ("accept", "decline"):
        assert reader.get(f"{page}/{answer}", query_string=fields).status_code == 405
    assert state(session, ada, offer) == "offered"


def test_a_shop_cannot_answer_its_own_offer(session, client, shop, ada, offer):
    sign_in(client, shop)
    token = Forms(text(client.get("/merchant/"))).all[0].fields["csrf_token"]
    fields = {
        "csrf_token": token,
        "agree": "y",
        "terms_hash": factories.plan_of(session, ada, offer, now()).terms_hash,
    }
    for path in ("accept", "decline"):
        assert client.post(f"/customer/plans/{offer}/{path}", data=fields).status_code == 403
    assert client.get(f"/customer/plans/{offer}").status_code == 404
    assert state(session, ada, offer) == "offered"


def test_another_customer_finds_no_offer(session, client, ada, offer):
    sign_in(client, factories.make_customer(session, "Eve Other"))
    token = Forms(text(client.get("/customer/"))).all[0].fields["csrf_token"]
    fields = {
        "csrf_token": token,
        "agree": "y",
        "terms_hash": factories.plan_of(session, ada, offer, now()).terms_hash,
    }
    assert client.get(f"/customer/plans/{offer}").status_code == 404
    for path in ("accept", "decline"):
        assert client.post(f"/customer/plans/{offer}/{path}", data=fields).status_code == 404
    assert state(session, ada, offer) == "offered"


def test_declining_leads_back_and_says_what_it_means(session, reader, ada, offer):
    page = f"/customer/plans/{offer}"
    declined = reader.submit(f"{page}/decline", {}, page=page)
    assert (declined.status_code, declined.location) == (303, page)
    after = text(reader.get(page))
    assert "You declined this offer and owe nothing." in after
    assert "Accept plan" not in after
    assert state(session, ada, offer) == "declined"


def late_answer(reader, session, ada, plan_id, answer):
    """The answer of somebody whose page was opened while the offer still stood."""
    token = Forms(text(reader.get("/customer/"))).all[0].fields["csrf_token"]
    fields = {
        "csrf_token": token,
        "agree": "y",
        "terms_hash": factories.plan_of(session, ada, plan_id, now()).terms_hash,
    }
    return reader.post(f"/customer/plans/{plan_id}/{answer}", data=fields)


@pytest.mark.parametrize("answer", ["accept", "decline"])
def test_a_revoked_offer_cannot_be_answered(session, reader, shop, ada, offer, answer):
    with unit_of_work(session):
        offers.revoke(session, shop, offer, now())
    refused = late_answer(reader, session, ada, offer, answer)
    assert refused.status_code == 409
    assert "Corner Shop revoked this offer. You owe nothing." in text(refused)
    assert state(session, ada, offer) == "revoked"


@pytest.mark.parametrize("answer", ["accept", "decline"])
def test_an_offer_past_its_last_day_cannot_be_answered(session, reader, shop, ada, answer):
    """Whether or not the job that expires offers has run."""
    plan_id = factories.offered_plan(session, shop, ada.email, now=now() - timedelta(days=31))
    refused = late_answer(reader, session, ada, plan_id, answer)
    assert refused.status_code == 409
    assert "This offer ended on" in text(refused)
    assert "Review offer" not in text(reader.get("/customer/"))
    assert state(session, ada, plan_id) == "expired"


def test_a_cancelled_plan_says_that_nothing_is_owed(session, reader, shop, ada):
    plan_id = factories.accepted_plan(session, shop, ada, now=now(), first=now().date())
    with unit_of_work(session):
        plans.cancel(session, shop, plan_id, 10000, now())
    page = text(reader.get(f"/customer/plans/{plan_id}"))
    assert "Corner Shop cancelled the rest of this plan. You owe nothing more." in page
    assert "Pay $" not in page
    assert "Plan cancelled: $100.00 is no longer owed" in page


def test_what_is_due_next_is_said_first(session, reader, shop, ada):
    today = now().date()
    factories.accepted_plan(
        session, shop, ada, now=now(), first=today + timedelta(days=40), description="Sofa"
    )
    factories.accepted_plan(
        session, shop, ada, now=now(), first=today + timedelta(days=12), description="Lamp"
    )
    home = text(reader.get("/customer/"))
    totals = home[home.index('id="totals"') : home.index("</section>")]
    assert "in 12 days" in totals
    assert "$200.00" in totals
    assert home.index("Lamp") < home.index("Sofa")


def test_the_home_page_takes_the_same_statements_however_many_plans(
    session, reader, shop, ada, count_statements
):
    for more in (1, 6):
        for _ in range(more):
            factories.accepted_plan(session, shop, ada, now=now(), first=now().date())
        with count_statements() as statements:
            assert reader.get("/customer/").status_code == 200
        assert len(statements) <= 4, "\n".join(statements)


def test_the_plan_page_takes_few_statements(session, reader, shop, ada, offer, count_statements):
    accepted = factories.accepted_plan(session, shop, ada, now=now(), first=now().date())
    factories.pay(session, ada, accepted, 1, now=now())
    for plan_id in (offer, accepted):
        with count_statements() as statements:
            assert reader.get(f"/customer/plans/{plan_id}").status_code == 200
        assert len(statements) <= 8, "\n".join(statements)


def test_what_is_due_already_stands_beside_the_answer(reader, session, shop, ada, offer):
    first = now().date() - timedelta(days=40)
    late = factories.offered_plan(session, shop, ada.email, now=now(), first=first, parts=4)
    page = text(reader.get(f"/customer/plans/{late}"))
    answer = page[page.index("Your answer") :]
    assert "2 due dates have passed: those installments are due as soon as you accept." in answer
    assert re.sub(r"<[^>]+>", "", answer).count("$25.00, due ") == 2
    assert page.count("Already due") == 2
    # What is due today is not late.
    assert "have passed" not in text(reader.get(f"/customer/plans/{offer}"))
