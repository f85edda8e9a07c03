"""Two-factor sign-in on pages and over the API, and asking again who somebody is."""

from __future__ import annotations

import re
from datetime import timedelta

import pyotp
import pytest
from sqlalchemy import update

from config import load_settings
from portal import create_app
from portal.core.roles import Origin
from portal.core.sessions import PAGES_LAST
from portal.extensions import now
from portal.models import Member, UserSession
from portal.services import accounts, second_factor, sessions
from portal.services.transaction import unit_of_work
from tests import browserlike, factories
from tests.browserlike import form_at, sign_in, text
from tests.factories import PASSWORD
from tests.hostile_input import TOO_LONG

ON_SQLITE = pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
SECURITY = "/account/security"
BEGIN, SETUP, OFF = "/account/two-factor/begin", "/account/two-factor", "/account/two-factor/off"


@pytest.fixture
def ada(session):
    return factories.make_customer(session)


@pytest.fixture
def codes_of(app, session):
    """Sets up two-factor sign-in a while ago: the app's current code, and the recovery codes."""

    def make(person):
        secret, codes = factories.second_factor_of(
            session, person, app.config["SECRET_KEY"], now() - timedelta(hours=1)
        )
        return lambda: pyotp.TOTP(secret).at(now()), codes

    return make


def grow_old(session):
    """Ten minutes pass since everybody proved who they are."""
    with unit_of_work(session):
        session.execute(update(UserSession).values(confirmed_at=now() - timedelta(minutes=10, seconds=1)))


def test_a_person_sets_it_up_and_signs_in_with_it(app, session, client, ada):
    sign_in(client, ada)
    assert client.submit(BEGIN, {}, page=SECURITY).location == SETUP
    page = text(client.get(SETUP))
    assert "<svg" in page and "viewBox=" in page, "or a small screen would cut it"
    assert "style=" not in page.partition("<svg")[2].partition("</svg>")[0]
    secret = re.search(r"<code[^>]*>([A-Z2-7]{32})</code>", page)[1]
    wrong = client.submit(SETUP, {"otp": "000000"})
    assert wrong.status_code == 422 and "not the current code" in text(wrong) and secret in text(wrong)
    for endless in TOO_LONG.values():
        assert client.submit(SETUP, {"otp": endless}).status_code in (413, 422)
    done = client.submit(SETUP, {"otp": pyotp.TOTP(secret).at(now())})
    codes = re.findall(r"<code>([a-z2-7]{4}(?:-[a-z2-7]{4}){3})</code>", text(done))
    assert len(codes) == 10
    assert "10 recovery codes are left" in text(client.get(SECURITY))
    assert client.get(SETUP).location == SECURITY, "the secret is not shown again"
    other = app.test_client()
    first = other.submit("/login?next=/account", {"email": ada.email, "password": PASSWORD})
    assert first.location == "/login/code?next=/account"
    assert other.get("/account").status_code == 303, "the password alone opens nothing"
    assert other.submit("/login/code?next=/account", {"otp": "no code"}).status_code == 422
    assert other.submit("/login/code?next=/account", {"otp": codes[0]}).location == "/account"
    assert other.get("/account").status_code == 200


def test_a_copied_cookie_of_the_first_step_opens_nothing_after_a_new_password(
    app, session, client, ada, codes_of
):
    code, _ = codes_of(ada)
    client.submit("/login", {"email": ada.email, "password": PASSWORD})
    with unit_of_work(session):
        accounts.change_password(session, ada.id, factories.password_hash(), now())
    assert client.submit("/login/code", {"otp": code()}).location == "/login"
    assert client.get("/account").status_code == 303


def test_the_first_step_is_over_after_five_minutes(client, ada, codes_of, monkeypatch):
    codes_of(ada)
    client.submit("/login", {"email": ada.email, "password": PASSWORD})
    monkeypatch.setattr("portal.web.account.second_step.SECONDS", -1)
    assert client.get("/login/code").location == "/login"


def test_a_program_sends_the_code_beside_the_password(app, client, ada, codes_of):
    code, codes = codes_of(ada)
    body = {"username": ada.email, "password": PASSWORD}
    for otp, expected in (
        ({}, 422),
        ({"otp": "000000"}, 422),
        ({"otp": code()}, 200),
        ({"otp": codes[0]}, 200),
    ):
        answer = client.post("/api/token/", json=body | otp)
        assert answer.status_code == expected
        if expected == 422:
            assert set(answer.json["errors"]) == {"otp"} and answer.json["code"] == "invalid"
    wrong = client.post("/api/token/", json=body | {"password": "a wrong guess", "otp": codes[1]})
    assert wrong.status_code == 401, "nothing is said about a code without the password"


def test_what_is_guarded_asks_for_the_password_and_leads_back(session, client, ada, codes_of):
    code, _ = codes_of(ada)
    sign_in_with_both(client, ada, code)
    grow_old(session)
    asked = client.submit(OFF, {}, page=SECURITY, headers={"Referer": f"http://localhost{SECURITY}"})
    assert asked.location == "/account/confirm?next=/account/security"
    assert second_factor.is_active(session, ada.id)
    session.rollback()
    wrong = client.submit(asked.location, {"password": "a wrong guess"})
    assert wrong.status_code == 422 and "Wrong password" in text(wrong)
    again = client.submit(OFF, {}, page=SECURITY)
    assert again.location == "/account/confirm", "a wrong one confirms nothing"
    assert client.submit(asked.location, {"password": PASSWORD}).location == SECURITY
    assert client.submit(OFF, {}, page=SECURITY).location == SECURITY
    assert not second_factor.is_active(session, ada.id)


def sign_in_with_both(client, person, code):
    client.submit("/login", {"email": person.email, "password": PASSWORD})
    assert client.submit("/login/code", {"otp": code()}).status_code == 303


def test_a_recovery_code_confirms_too_and_a_wrong_one_does_not(session, client, ada, codes_of):
    code, codes = codes_of(ada)
    sign_in_with_both(client, ada, code)
    grow_old(session)
    page = "/account/confirm?next=/account/security"
    wrong = client.submit(page, {"otp": "000000"})
    assert wrong.status_code == 422 and "This code is wrong" in text(wrong)
    assert client.submit(page, {"otp": codes[0]}).location == SECURITY
    assert client.submit("/account/two-factor/codes", {}, page=SECURITY).status_code == 200


@ON_SQLITE
def test_asking_again_leads_to_no_other_site(session, client, ada):
    sign_in(client, ada)
    page = "/account/confirm?next=//evil.example.com/"
    assert client.submit("/account/confirm", {"password": PASSWORD}, page=page).location == SECURITY


@ON_SQLITE
def test_under_https_an_admin_opens_nothing_before_setting_it_up(environ, session):
    settings = environ | {"PORTAL_URL": "https://pay.example.com", "PORTAL_PASSWORDS": ""}
    app = create_app(load_settings(settings) | {"TESTING": True})
    app.test_client_class = browserlike.Client
    boss, ada = factories.make_admin(session), factories.make_customer(session)
    https = {"base_url": "https://pay.example.com", "headers": {"Referer": "https://pay.example.com/"}}
    for person, opens in ((boss, False), (ada, True)):
        client = app.test_client()
        token = re.search(r'name="csrf_token" value="([^"]+)"', text(client.get("/login", **https)))[1]
        fields = {"email": person.email, "password": PASSWORD, "csrf_token": token}
        client.post("/login", data=fields, **https)
        answer = client.get("/account", **https)
        assert answer.status_code == (200 if opens else 303)
        if not opens:
            assert answer.location == SECURITY
            assert client.get("/admin/", **https).location == SECURITY
            assert "Set up" in text(client.get(SECURITY, **https))
            factories.second_factor_of(session, boss, app.config["SECRET_KEY"])
            assert client.get("/admin/", **https).status_code == 200


@ON_SQLITE
def test_the_operator_turns_it_off_for_a_person_who_lost_everything(app, session, ada, codes_of):
    codes_of(ada)
    run = app.test_cli_runner().invoke
    assert run(args=["remove-second-factor", ada.email]).exit_code == 0
    assert not second_factor.is_active(session, ada.id)
    session.rollback()
    assert run(args=["remove-second-factor", ada.email]).exit_code == 1
    assert run(args=["remove-second-factor", "no address"]).exit_code == 1


def test_no_other_way_opens_a_session_without_the_code(app, session, ada, codes_of):
    codes_of(ada)
    here = Origin("127.0.0.1", "")
    about = session, ada.id, ada.session_version, here, now(), PAGES_LAST
    with unit_of_work(session):
        assert sessions.open_session(*about) is None
        assert sessions.open_session(*about, with_code=True)


def test_a_shop_requires_it_of_its_team_on_pages_and_over_the_api(app, session, client):
    shop = factories.make_merchant(session)
    sign_in(client, shop)
    token = client.post("/api/token/", json={"username": shop.email, "password": PASSWORD}).json["access"]
    bearer = {"Authorization": f"Bearer {token}"}
    settings, path = "/merchant/settings", "/merchant/settings/second-factor"
    assert client.submit(path, {}, page=settings).location == settings
    assert client.get(settings).location == SECURITY
    assert "Your shop requires two-factor sign-in" in text(client.get(SECURITY))
    refused = client.get("/api/plans/", headers=bearer)
    assert (refused.status_code, refused.json["code"]) == (403, "second_factor_required")
    factories.second_factor_of(session, shop, app.config["SECRET_KEY"])
    assert "Required: members" in text(client.get(settings))
    assert client.get("/api/plans/", headers=bearer).status_code == 200
    client.submit(path, {}, page=settings)
    with unit_of_work(session):
        second_factor.remove(session, shop.id)
    assert client.get(settings).status_code == 200, "it is optional again"


def test_only_an_owner_requires_it(app, session, client):
    shop, pat = factories.make_merchant(session), factories.make_customer(session, "Pat Partner")
    with unit_of_work(session):
        session.add(Member(merchant_id=shop.id, user_id=pat.id, role="manager", created_at=now()))
    sign_in(client, pat)
    page = client.get("/merchant/settings")
    assert page.status_code == 200 and "Require it" not in text(page)
    fields = form_at(client, "/merchant/settings", "/merchant/settings")
    answer = client.post("/merchant/settings/second-factor", data=fields | {"required": "1"})
    assert answer.status_code == 403
