"""The pages of automatic payments: the box, Stop in one click, what the shop sees; no script is needed."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from portal.models import Mandate
from tests import factories
from tests.browserlike import form_at, sign_in, text


@pytest.fixture
def page(client, ada, plan):
    sign_in(client, ada)
    return f"/customer/plans/{plan.id}"


def turn_on(client, page, **more):
    return client.submit(f"{page}/autopay", {"agree": "y"} | more, page)


def revoked(session):
    session.rollback()
    return [at is not None for at in session.scalars(select(Mandate.revoked_at)).all()]


def test_the_box_says_what_is_taken_and_turns_it_on_for_both_parties(app, client, shop, plan, page):
    shown = text(client.get(page))
    assert "at 09:00 on its due date" in shown
    assert "No fee is added" in shown
    assert turn_on(client, page).status_code == 303
    shown = text(client.get(page))
    assert "Automatic payments are on." in shown
    assert "what is due is taken from your test card ending 4242" in shown
    assert "Next: " in shown
    assert "Automatic payments on: test card ending 4242" in shown
    client = app.test_client()
    sign_in(client, shop)
    assert "Only the customer can turn them on or stop them" in text(client.get(f"/merchant/plans/{plan.id}"))


def test_without_the_box_nothing_is_agreed_and_the_error_stands_at_it(client, session, page):
    answer = client.submit(f"{page}/autopay", {}, page)
    assert answer.status_code == 422
    assert "Tick the box to say that you agree to automatic payments" in text(answer)
    assert revoked(session) == []


def test_another_text_than_the_one_shown_is_not_agreed_to(client, session, page):
    answer = turn_on(client, page, text_hash="0" * 64)
    assert answer.status_code == 409
    assert "What you agree to has changed" in text(answer)
    assert revoked(session) == []


def test_one_click_stops_it(client, session, page):
    turn_on(client, page)
    assert client.submit(f"{page}/autopay/stop", {}, page).status_code == 303
    shown = text(client.get(page))
    assert "Nothing more is taken from your card" in shown
    assert "Automatic payments stopped by the customer" in shown
    assert revoked(session) == [True]


def test_neither_the_shop_nor_a_stranger_turns_it_on_or_stops_it(app, client, session, shop, page):
    turn_on(client, page)
    for person in (shop, factories.make_customer(session, "A Stranger")):
        client = app.test_client()
        sign_in(client, person)
        token = form_at(client, "/account", "/account")["csrf_token"]
        for action in ("", "/stop"):
            form = {"csrf_token": token, "agree": "y", "text_hash": "0" * 64}
            assert client.post(f"{page}/autopay{action}", data=form).status_code in (403, 404)
    assert revoked(session) == [False]


def test_in_arabic_the_text_is_kept_as_it_was_shown(client, session, page):
    client.submit("/account", {"language": "ar", "test_card": "succeeds"})
    assert "الدفع التلقائي" in text(client.get(page))
    assert turn_on(client, page).status_code == 303
    session.rollback()
    assert "في الساعة التاسعة صباحًا" in session.scalars(select(Mandate.text)).one()
