"""Sessions are rows: signing out ends one wherever its cookie or tokens were copied, and a person ends their own."""

from __future__ import annotations

import time
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from itsdangerous import URLSafeSerializer
from sqlalchemy import select, update

from portal.adapters import calendar_tokens, reset_tokens, unsubscribe_tokens
from portal.adapters.signing import derived_key
from portal.core.roles import Origin
from portal.extensions import now
from portal.models import EventOrigin, UserSession
from portal.queries import admin
from portal.services import accounts, daily_run, events
from portal.services.transaction import unit_of_work
from tests import factories
from tests.browserlike import Forms, sign_in, text
from tests.factories import NOW, PASSWORD
from tests.integration.test_web_calendars import make as make_calendar

HERE = Origin("127.0.0.1", "")
ON_SQLITE = pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
FIREFOX = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0"}


@pytest.fixture
def ada(session):
    return factories.make_customer(session)


@pytest.fixture
def signed_in(app, ada):
    """Makes browsers in which Ada is signed in."""

    def make(**headers):
        client = app.test_client()
        fields = {"email": ada.email, "password": PASSWORD}
        assert client.submit("/login", fields, headers=headers).status_code == 303
        return client

    return make


def rows(session):
    session.rollback()
    return session.scalars(select(UserSession).order_by(UserSession.created_at)).all()


def is_signed_in(client):
    return client.get("/account").status_code == 200


def copy_of(app, client):
    """Another client with a copy of the cookie."""
    thief = app.test_client()
    thief.set_cookie("session", client.get_cookie("session").value)
    return thief


def end_buttons(client):
    return [
        form.action
        for form in Forms(text(client.get("/account/security"))).all
        if "/end" in (form.action or "")
    ]


def test_a_copied_cookie_opens_nothing_after_signing_out(app, session, signed_in):
    client = signed_in()
    thief = copy_of(app, client)
    assert is_signed_in(thief)
    client.submit("/logout", {}, page="/account")
    assert rows(session) == []
    assert not is_signed_in(thief)
    assert not is_signed_in(client)


def test_the_row_says_who_signed_in_when_and_from_where(session, signed_in, ada):
    signed_in(**FIREFOX)
    (row,) = rows(session)
    assert (row.user_id, row.browser, row.network) == (ada.id, "Firefox, Linux", "127.0.0.0/24")
    assert row.created_at == row.last_seen_at
    assert row.ends_at - row.created_at == timedelta(hours=12)
    assert UUID(str(row.id)).version == 4


def test_a_person_ends_one_of_several_sessions(session, signed_in):
    here, phone, laptop = signed_in(), signed_in(), signed_in(**FIREFOX)
    page = text(here.get("/account/security"))
    assert page.count("This session") == 1 and page.count("Firefox, Linux") == 2, "a session and a sign-in"
    phone_id = rows(session)[1].id
    answer = here.submit(f"/account/sessions/{phone_id}/end", {}, page="/account/security")
    assert (answer.status_code, answer.location) == (303, "/account/security")
    assert "The session has ended." in text(here.get("/account/security"))
    assert [is_signed_in(client) for client in (here, phone, laptop)] == [True, False, True]
    session.rollback()
    kinds = [row.event.kind for row in admin.list_events(session)]
    assert kinds[0] == "session_ended" and kinds.count("signed_in") == 3


def test_a_person_ends_all_others(session, signed_in):
    here, phone, laptop = signed_in(), signed_in(), signed_in()
    here.submit("/account/sessions/end-others", {}, page="/account/security")
    assert "2 other sessions have ended." in text(here.get("/account/security"))
    assert [is_signed_in(client) for client in (here, phone, laptop)] == [True, False, False]
    assert end_buttons(here) == []


def test_nobody_ends_anothers_session(session, app, signed_in):
    client = signed_in()
    eve = factories.make_customer(session, "Eve Other")
    stranger = app.test_client()
    sign_in(stranger, eve)
    token = Forms(text(stranger.get("/account"))).all[0].fields["csrf_token"]
    for session_id in (rows(session)[0].id, uuid4()):
        answer = stranger.post(f"/account/sessions/{session_id}/end", data={"csrf_token": token})
        assert answer.status_code == 404
    stranger.post("/account/sessions/end-others", data={"csrf_token": token})
    assert is_signed_in(client) and is_signed_in(stranger)


def test_a_programs_session_is_listed_and_ends_with_its_tokens(app, signed_in):
    program, client = app.test_client(use_cookies=False), signed_in()
    body = {"username": "ada.buyer@example.com", "password": PASSWORD}
    tokens = program.post("/api/token/", json=body, headers={"User-Agent": "till/1.0"}).json
    bearer = {"Authorization": f"Bearer {tokens['access']}"}
    assert program.get("/api/auth/me/", headers=bearer).status_code == 200
    assert "till/1.0" in text(client.get("/account/security"))
    client.submit("/account/sessions/end-others", {}, page="/account/security")
    assert program.get("/api/auth/me/", headers=bearer).status_code == 401
    assert program.post("/api/token/refresh/", json={"refresh": tokens["refresh"]}).status_code == 401


def test_signing_in_or_out_elsewhere_leaves_a_session(signed_in):
    here, elsewhere = signed_in(), signed_in()
    elsewhere.submit("/logout", {}, page="/account")
    assert is_signed_in(here)


@pytest.mark.parametrize("how", ["password", "reset", "deactivation"])
def test_what_ends_everything_ends_it_at_once(app, session, signed_in, ada, how):
    here, elsewhere = signed_in(), signed_in()
    address = make_calendar(here)
    assert app.test_client().get(address).status_code == 200
    if how == "password":
        new = "another-horse-battery"
        fields = {"current_password": PASSWORD, "password": new, "password2": new}
        assert here.submit("/account/password", fields, page="/account").status_code == 303
    else:
        boss = factories.make_admin(session)
        with unit_of_work(session):
            if how == "reset":
                hashed = factories.password_hash()
                accounts.reset_password(session, ada.id, ada.session_version, hashed, HERE, NOW)
            else:
                accounts.deactivate(session, boss, ada.id, NOW)
                accounts.reactivate(session, boss, ada.id, NOW)
    assert [is_signed_in(here), is_signed_in(elsewhere)] == [how == "password", False]
    assert app.test_client().get(address).status_code == 404


def test_that_a_session_is_in_use_is_written_every_five_minutes(app, session, signed_in, count_statements):
    client = signed_in()
    with count_statements() as statements:
        assert is_signed_in(client)
    assert not [s for s in statements if s.startswith("UPDATE")]
    five = now() - timedelta(minutes=5, seconds=1)
    with unit_of_work(session):
        session.execute(update(UserSession).values(last_seen_at=five))
    with count_statements() as statements:
        assert is_signed_in(client)
        assert is_signed_in(client)
    assert len([s for s in statements if s.startswith("UPDATE sessions")]) == 1
    assert rows(session)[0].last_seen_at > five


@ON_SQLITE
def test_a_busy_database_keeps_nobody_from_reading(app, session, signed_in):
    client = signed_in()
    with unit_of_work(session):
        session.execute(update(UserSession).values(last_seen_at=now() - timedelta(minutes=6)))
    with unit_of_work(session):
        session.execute(update(UserSession).values(browser="held"))
        began = time.monotonic()
        assert is_signed_in(client)
    assert time.monotonic() - began < 5, "it waited for the writer"


def test_sessions_that_are_over_and_old_origins_are_removed(session, ada):
    later = NOW + timedelta(days=91)
    factories.open_session(session, ada)
    kept = factories.open_session(session, ada, now=later)
    with unit_of_work(session):
        events.record(session, "signed_in", merchant_id=UUID(int=0), actor_id=ada.id, at=NOW)
    daily_run.run(session, later + timedelta(hours=1))
    assert [row.id for row in rows(session)] == [kept]
    assert session.scalars(select(EventOrigin.created_at)).all() == [later]


@ON_SQLITE
def test_a_stranger_is_refused_after_ten_guesses_and_ones_own_browser_is_not(app, session, signed_in, ada):
    own = signed_in()
    own.submit("/logout", {}, page="/account")
    stranger = app.test_client()
    wrong = {"email": ada.email, "password": "a wrong guess"}
    for _ in range(10):
        assert stranger.submit("/login", wrong).status_code == 422
    right = {"email": ada.email, "password": PASSWORD}
    refused = app.test_client().submit("/login", right)
    assert refused.status_code == 429 and 0 < int(refused.headers["Retry-After"]) <= 301
    over_the_api = app.test_client().post("/api/token/", json={"username": ada.email, "password": PASSWORD})
    assert over_the_api.status_code == 200, "programs sign in where their account did before"
    assert own.submit("/login", right).status_code == 303


@ON_SQLITE
def test_strangers_do_not_keep_anybody_from_changing_the_password(app, signed_in, ada):
    own, stranger = signed_in(), app.test_client()
    for _ in range(10):
        stranger.submit("/login", {"email": ada.email, "password": "a wrong guess"})
    own.delete_cookie("known")
    new = "another-horse-battery"
    fields = {"current_password": PASSWORD, "password": new, "password2": new}
    assert own.submit("/account/password", fields, page="/account").status_code == 303


@ON_SQLITE
def test_the_cookie_of_a_known_browser_cannot_be_made_up(app, signed_in, ada):
    cookie = signed_in().get_cookie("known")
    assert cookie.http_only and cookie.same_site == "Lax" and cookie.expires > now() + timedelta(days=300)
    stranger = app.test_client()
    for _ in range(10):
        stranger.submit("/login", {"email": ada.email, "password": "a wrong guess"})
    forged = URLSafeSerializer("another secret").dumps(["x", ada.id.hex])
    for value in ("x", cookie.value[:-2], f"x{cookie.value}", forged, "é", "." * 3000):
        stranger.set_cookie("known", value)
        assert stranger.submit("/login", {"email": ada.email, "password": PASSWORD}).status_code == 429, value


SENSELESS = [
    None,
    "",
    "x",
    "x.y",
    5,
    -1,
    10**30,
    1.5,
    [],
    ["x"],
    {},
    "\0",
    "1f0c0b3e-9a51-4c1e-8f5e-0d1a2b3c4d5e.2e1d0c4f-8b62-4d2f-9a6f-1e2b3c4d5e6f",
    "1f0c0b3e-9a51-4c1e-8f5e-0d1a2b3c4d5e.7",
]


@ON_SQLITE
@pytest.mark.parametrize("value", SENSELESS, ids=repr)
def test_what_is_signed_but_senseless_opens_nothing_and_breaks_nothing(app, signed_in, ada, value):
    secret = app.config["SECRET_KEY"]
    client = signed_in()
    with client.session_transaction() as held:
        held["_user_id"] = value
    assert client.get("/account").status_code == 303
    assert client.get("/login").status_code == 200
    anyone = app.test_client()
    for content in (value, [str(ada.id), value], [value, 1], [value], [str(ada.id), 1, value]):
        token = reset_tokens._serializer(secret).dumps(content)
        assert anyone.get(f"/reset/{token}").status_code == 410, content
        token = unsubscribe_tokens._serializer(secret).dumps(content)
        assert anyone.get(f"/unsubscribe/{token}").status_code == 404, content
    token = calendar_tokens._signer(secret).sign(str(value).encode()).decode()
    assert anyone.get(f"/calendar/{token}.ics").status_code == 404
    known = URLSafeSerializer(derived_key(secret, "known browsers"))
    for content in (value, [value], ["x", value]):
        anyone.set_cookie("known", known.dumps(content))
        assert anyone.submit("/login", {"email": ada.email, "password": "a wrong guess"}).status_code in (
            422,
            429,
        )


def test_no_link_that_was_made_since_a_backup_comes_to_hold_again(app, session, client):
    ada = factories.make_customer(session)
    since = reset_tokens.make(app.config["SECRET_KEY"], ada.id, ada.session_version + 1)
    assert app.test_cli_runner().invoke(args=["end-sessions"]).output.startswith("0 sessions ended")
    for _ in range(2):
        assert client.get(f"/reset/{since}").status_code != 200
        with unit_of_work(session):
            accounts.end_access(session, accounts.lock_user(session, ada.id))
