"""Forgotten passwords over HTTP: one answer for all, one email a minute, a link that works once and for an hour."""

from __future__ import annotations

import re
from datetime import timedelta
from urllib.parse import urlsplit

import pytest

from portal.adapters import reset_tokens
from portal.core.errors import Conflict
from portal.extensions import now
from portal.queries import admin
from portal.services import accounts
from portal.services.transaction import unit_of_work
from portal.web.account import auth
from tests import factories
from tests.factories import NOW, PASSWORD

NEW = "another-horse-battery"


@pytest.fixture
def ada(session):
    return factories.make_customer(session)


@pytest.fixture(autouse=True)
def one_moment(monkeypatch):
    """The clock of these pages stands still, so that no minute begins in the middle of a test."""
    moment = now()
    monkeypatch.setattr(auth, "now", lambda: moment)
    return moment


def emails(session):
    session.rollback()
    return [row for row in admin.list_messages(session) if row.kind == "password_reset"]


def link(app, session):
    """The path of the link in the newest email."""
    message = admin.get_message(session, emails(session)[0].id)
    found = re.search(r"https?://\S+/reset/\S+", app.extensions["adapters"].emails.write(message).text)
    assert found
    return urlsplit(found[0]).path


def set_password(client, path, password=NEW, again=NEW):
    return client.submit(path, {"password": password, "password2": again})


def sign_in(client, password):
    return client.submit("/login", {"email": "ada.buyer@example.com", "password": password})


def test_every_address_gets_the_same_answer_and_only_who_can_sign_in_a_letter(client, session, ada):
    shop = factories.make_merchant(session)
    factories.offered_plan(session, shop, "invited@example.com")
    gone = factories.make_customer(session, "Gone Buyer")
    boss = factories.make_admin(session)
    with unit_of_work(session):
        accounts.deactivate(session, boss, gone.id, NOW)
    pages = []
    for email in ("Ada.Buyer@example.com", "nobody@example.com", "invited@example.com", gone.email):
        answer = client.submit("/forgot", {"email": email})
        assert (answer.status_code, answer.location) == (303, "/forgot")
        page = client.get("/forgot").get_data(as_text=True)
        assert email not in page
        pages.append(re.sub(r'(content|value)="[\w.-]{60,}"', "", page))
    assert len(set(pages)) == 1
    (email,) = emails(session)
    assert (email.to, email.state) == (ada.email, "queued")


def test_a_minute_has_one_email_for_each(client, session, ada, one_moment, monkeypatch):
    factories.make_merchant(session)
    for email in (ada.email, "corner.shop@example.com") * 3:
        client.submit("/forgot", {"email": email})
    assert len(emails(session)) == 2
    monkeypatch.setattr(auth, "now", lambda: one_moment + timedelta(minutes=1))
    client.submit("/forgot", {"email": ada.email})
    assert len(emails(session)) == 3


@pytest.mark.parametrize("typed", ["", "ada", "\0", "x" * 5000, "a@b@c", "4111111111111111@example.com"])
def test_what_is_no_address_is_said_at_the_field(client, typed):
    answer = client.submit("/forgot", {"email": typed})
    assert answer.status_code == 422
    assert 'href="#email"' in answer.get_data(as_text=True)


def test_the_link_sets_a_password_once_and_ends_every_session(app, client, session, ada):
    elsewhere = app.test_client()
    sign_in(elsewhere, PASSWORD)
    client.submit("/forgot", {"email": ada.email})
    path = link(app, session)
    answer = set_password(client, path)
    assert (answer.status_code, answer.location) == (303, "/login")
    assert elsewhere.get("/account").status_code == 303
    assert sign_in(client, PASSWORD).status_code == 422
    assert sign_in(client, NEW).location == "/customer/"
    assert elsewhere.get(path).status_code == 410


def test_a_weak_or_mistyped_password_is_named_and_the_link_still_works(app, client, session, ada):
    client.submit("/forgot", {"email": ada.email})
    path = link(app, session)
    for password, again, field in (
        ("short", "short", "password"),
        ("x" * 200, "x" * 200, "password"),
        ("password123", "password123", "password"),
        (ada.email, ada.email, "password"),
        ("", "", "password"),
        ("a\0bcdefgh", "a\0bcdefgh", "password"),
        (NEW, f"{NEW}r", "password2"),
    ):
        answer = set_password(client, path, password, again)
        assert answer.status_code == 422
        assert f'href="#{field}"' in answer.get_data(as_text=True)
        assert f'value="{NEW}' not in answer.get_data(as_text=True)
    assert set_password(client, path).status_code == 303


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
def test_a_link_dies_after_an_hour(app, client, session, ada, monkeypatch):
    client.submit("/forgot", {"email": ada.email})
    path = link(app, session)
    assert reset_tokens.RESET_SECONDS == 3600
    monkeypatch.setattr(reset_tokens, "RESET_SECONDS", -1)
    assert client.get(path).status_code == 410


def test_a_link_dies_with_the_account(app, client, session, ada):
    client.submit("/forgot", {"email": ada.email})
    path = link(app, session)
    boss = factories.make_admin(session)
    with unit_of_work(session):
        accounts.deactivate(session, boss, ada.id, NOW)
    assert client.get(path).status_code == 410


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
def test_altered_links_do_nothing(app, client, ada):
    token = reset_tokens.make(app.config["SECRET_KEY"], ada.id, ada.session_version)
    forged = reset_tokens.make("another secret", ada.id, ada.session_version)
    for wrong in (f"{token}x", token[1:], forged, "x", "a.b.c", "é", "%00", "%ED%A0%80", "x" * 5000):
        assert client.get(f"/reset/{wrong}").status_code == 410, wrong


def test_of_two_that_race_with_one_link_one_wins(session, ada):
    for attempt in (1, 2):
        try:
            with unit_of_work(session):
                accounts.reset_password(
                    session, ada.id, ada.session_version, factories.password_hash(), factories.ORIGIN, NOW
                )
        except Conflict as conflict:
            assert (attempt, conflict.code) == (2, "link_spent")
        else:
            assert attempt == 1
