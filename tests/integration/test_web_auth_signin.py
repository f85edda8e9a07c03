"""Signing in and out over HTTP: one answer for unknown and wrong, a way back to this portal only, sessions that end."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from sqlalchemy import select

from portal.core.roles import Role
from portal.models import UserSession
from portal.queries import admin
from portal.services import accounts
from portal.services.transaction import unit_of_work
from tests import factories
from tests.factories import NOW, PASSWORD


def sign_in(client, email, password=PASSWORD, path="/login"):
    return client.submit(path, {"email": email, "password": password})


def age(session, by):
    """Every session is older by that much, and was used that much longer ago."""
    session.rollback()
    with unit_of_work(session):
        for opened in session.scalars(select(UserSession)).all():
            opened.created_at -= by
            opened.last_seen_at -= by
            opened.ends_at -= by


@pytest.fixture
def ada(session):
    return factories.make_customer(session)


@pytest.mark.parametrize("typed", ["ada.buyer@example.com", " ADA.BUYER@EXAMPLE.COM"])
def test_the_address_signs_in(client, session, ada, typed):
    answer = sign_in(client, typed)
    assert (answer.status_code, answer.location) == (303, "/customer/")
    assert client.get("/account").status_code == 200
    assert [row.event.kind for row in admin.list_events(session)] == ["signed_in", "account_opened"]


def test_a_user_name_of_ones_own_signs_in_too(client, session):
    factories.sign_up(session, factories.account(Role.MERCHANT, "Corner Shop", username="cornershop"))
    assert sign_in(client, "CornerShop").location == "/merchant/"


def test_unknown_and_wrong_are_answered_alike(client, ada):
    pages = []
    for email in ("ada.buyer@example.com", "nobody@example.com"):
        answer = sign_in(client, email, "a wrong guess")
        assert answer.status_code == 422
        page = answer.get_data(as_text=True)
        assert f'value="{email}"' in page and "a wrong guess" not in page
        token = re.compile(r'(content|value)="[\w.=-]{60,}"')
        pages.append(token.sub("", page.replace(email, "")))
    assert pages[0] == pages[1]


@pytest.mark.parametrize("typed", ["", "\0", "x" * 5000, "a\nb", "4111 1111 1111 1111"])
def test_what_can_be_no_name_is_said_at_its_field(client, typed):
    answer = sign_in(client, typed)
    assert answer.status_code == 422
    assert 'href="#email"' in answer.get_data(as_text=True)


def test_the_eleventh_guess_has_to_wait_even_with_the_right_password(client, ada):
    for _ in range(10):
        assert sign_in(client, ada.email, "a wrong guess").status_code == 422
    answer = sign_in(client, ada.email)
    assert answer.status_code == 429
    assert 0 < int(answer.headers["Retry-After"]) <= 301
    assert client.get("/customer/").status_code == 303


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
def test_signing_in_leads_to_the_page_that_was_asked_for(client, ada):
    answer = client.get("/account?x=1")
    assert (answer.status_code, answer.location) == (303, "/login?next=/account?x%3D1")
    assert sign_in(client, ada.email, path=answer.location).location == "/account?x=1"


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    "target",
    [
        "https://example.com/",
        "//example.com",
        "/%5Cexample.com",
        "/%09/example.com",
        "/a%0d%0aSet-Cookie:%20b=c",
        "javascript:alert(1)",
        "example.com",
        "%00",
        "/%00",
        "\\\\example.com",
        "",
    ],
)
def test_signing_in_never_leads_elsewhere(client, ada, target):
    path = f"/login?next={target}"
    token = re.search(r'name="csrf_token" value="([^"]+)"', client.get(path).get_data(as_text=True))
    answer = client.post(path, data={"email": ada.email, "password": PASSWORD, "csrf_token": token[1]})
    assert (answer.status_code, answer.location) == (303, "/customer/")


def test_signing_out_ends_the_session(client, ada):
    sign_in(client, ada.email)
    assert client.get("/logout").status_code == 405
    answer = client.submit("/logout", {}, page="/account")
    assert (answer.status_code, answer.location) == (303, "/login")
    assert client.get("/account").location == "/login?next=/account"


def test_a_session_ends_with_the_account(client, session, ada):
    sign_in(client, ada.email)
    boss = factories.make_admin(session)
    with unit_of_work(session):
        accounts.deactivate(session, boss, ada.id, NOW)
    assert client.get("/account").status_code == 303
    assert sign_in(client, ada.email).status_code == 422


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
def test_a_session_ends_after_twelve_hours(client, session, ada):
    sign_in(client, ada.email)
    age(session, timedelta(hours=12, minutes=-1))
    assert client.get("/account").status_code == 200
    age(session, timedelta(minutes=1))
    assert client.get("/account").status_code == 303


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
def test_an_admin_who_rests_for_half_an_hour_signs_in_again_and_others_do_not(app, session, ada):
    boss = factories.make_admin(session)
    for person, path, expected in ((boss, "/admin/jobs", 303), (ada, "/account", 200)):
        client = app.test_client()
        sign_in(client, person.email)
        for _ in range(2):
            age(session, timedelta(minutes=29))
            assert client.get(path).status_code == 200
        age(session, timedelta(minutes=30, seconds=1))
        assert client.get(path).status_code == expected


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
def test_an_expired_session_sends_a_fragment_to_sign_in(client):
    answer = client.get("/account", headers={"HX-Request": "true"})
    assert (answer.status_code, answer.headers["HX-Redirect"]) == (204, "/login?next=/account")
