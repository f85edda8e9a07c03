"""Passkeys: added, used to sign in, as second factor and to confirm, and everything that is not quite one."""

from __future__ import annotations

import json
import re
from datetime import timedelta

import pyotp
import pytest
from sqlalchemy import select, update

from config import load_settings
from portal import create_app
from portal.core.passkeys import ANSWER_LONGEST
from portal.extensions import now
from portal.models import Event, Message, Passkey, RecoveryCode, UsedChallenge, UserSession
from portal.services import accounts, daily_run, second_factor
from portal.services.transaction import unit_of_work
from tests import browserlike, factories
from tests.authenticators import PRESENT, Authenticator, decoded, encoded
from tests.browserlike import form_at, sign_in, text
from tests.factories import PASSWORD

ON_SQLITE = pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
ORIGIN = "http://localhost"
SECURITY, NEW = "/account/security", "/account/passkeys/new"
WAYS = {"sign in": "/login/passkey", "second": "/login/code/passkey", "confirm": "/account/confirm/passkey"}


@pytest.fixture
def environ(environ):
    """A portal whose browsers may use passkeys."""
    return environ | {"PORTAL_URL": ORIGIN}


@pytest.fixture
def ada(session):
    return factories.make_customer(session)


def options(client, path, page):
    """What the page's script is given for the browser."""
    fields = next(iter(browserlike.Forms(text(client.get(page))).all)).fields
    answer = client.post(path, headers={"X-CSRFToken": fields["csrf_token"]})
    assert answer.status_code == 200, text(answer)
    return answer.json


def add(client, authenticator=None, name=""):
    authenticator = authenticator or Authenticator(ORIGIN)
    made = authenticator.make(options(client, "/account/passkeys/options", NEW))
    return authenticator, client.submit(NEW, {"credential": made, "name": name})


def use(client, authenticator, way="sign in", page="/login", **how):
    path = WAYS[way]
    signed = authenticator.sign(options(client, f"{path}/options", page), **how)
    return send(client, way, page, signed)


def send(client, way, page, signed):
    """Sends an answer as the page's script would."""
    target = next(action for action in forms(client, page) if action.startswith(WAYS[way]))
    return client.submit(target, {"credential": signed}, page=page)


def count_from(session, count):
    with unit_of_work(session):
        session.execute(update(Passkey).values(sign_count=count))


def challenge_of(client):
    with client.session_transaction() as cookie:
        return dict(cookie["challenge"])


def give_again(client, session, challenge):
    """So that nothing but the answer itself is at fault."""
    with client.session_transaction() as cookie:
        cookie["challenge"] = challenge
    with unit_of_work(session):
        session.query(UsedChallenge).delete()


def forms(client, page):
    return [form.action for form in browserlike.Forms(text(client.get(page))).all if form.action]


@pytest.fixture
def passkey(app, session, ada):
    """Ada's passkey, and her recovery codes."""
    client = app.test_client()
    sign_in(client, ada)
    authenticator, answer = add(client)
    codes = re.findall(r"<code>([a-z2-7]{4}(?:-[a-z2-7]{4}){3})</code>", text(answer))
    session.rollback()
    return authenticator, codes


def test_a_person_adds_a_passkey_and_signs_in_without_a_password(app, session, client, ada):
    sign_in(client, ada)
    assert 'href="/account/passkeys/new"' in text(client.get(SECURITY))
    authenticator, answer = add(client, name="My phone")
    assert answer.status_code == 200 and "Your recovery codes" in text(answer)
    page = text(client.get(SECURITY))
    assert "My phone" in page and "10 recovery codes are left" in page and "Never" in page
    kept = session.execute(select(Event.facts).where(Event.kind == "second_factor_changed")).scalars().all()
    assert kept == [{"change": "passkey_added"}]
    mail = (
        session.execute(select(Message.facts).where(Message.kind == "second_factor_changed")).scalars().one()
    )
    assert mail["change"] == "passkey_added"
    session.rollback()
    other = app.test_client()
    page = "/login?next=/account/security"
    assert use(other, authenticator, page=page).location == SECURITY
    assert "Never" not in text(other.get(SECURITY)), "its last use is shown"


def test_the_password_alone_opens_nothing_any_more_and_the_passkey_is_the_second_factor(
    app, client, ada, passkey
):
    authenticator, codes = passkey
    first = client.submit("/login", {"email": ada.email, "password": PASSWORD})
    assert first.location == "/login/code" and client.get("/account").status_code == 303
    page = text(client.get("/login/code"))
    assert "Use your passkey" in page and "authenticator app" not in page
    assert use(client, authenticator, "second", "/login/code").status_code == 303
    assert client.get("/account").status_code == 200
    other = app.test_client()
    other.submit("/login", {"email": ada.email, "password": PASSWORD})
    assert other.submit("/login/code", {"otp": codes[0]}).status_code == 303, (
        "a recovery code stands in for it"
    )


def test_a_passkey_confirms_who_one_is(session, client, ada, passkey):
    authenticator, _ = passkey
    use(client, authenticator)
    grow_old(session)
    assert client.get(NEW).location == f"/account/confirm?next={NEW}"
    page = f"/account/confirm?next={NEW}"
    assert use(client, authenticator, "confirm", page).location == NEW
    assert client.get(NEW).status_code == 200


def grow_old(session):
    """Ten minutes pass since everybody proved who they are."""
    with unit_of_work(session):
        session.execute(update(UserSession).values(confirmed_at=now() - timedelta(minutes=10, seconds=1)))


def test_adding_and_removing_ask_again_and_what_was_typed_comes_back(session, client, ada, passkey):
    authenticator, _ = passkey
    use(client, authenticator)
    fields = form_at(client, NEW, NEW)
    grow_old(session)
    asked = client.post(NEW, data=fields | {"name": "Work laptop"})
    assert asked.location == f"/account/confirm?next={NEW}"
    page = text(client.get(asked.location))
    assert "What you typed will be back" in page
    assert client.submit(asked.location, {"password": PASSWORD}).location == NEW
    back = text(client.get(NEW))
    assert 'value="Work laptop"' in back and "Thank you. What you typed is back" in back
    grow_old(session)
    passkey_id = session.scalars(select(Passkey.id)).one()
    session.rollback()
    remove = f"/account/passkeys/{passkey_id}/remove"
    assert client.submit(remove, {}, page=SECURITY).location.startswith("/account/confirm")
    assert session.scalars(select(Passkey.id)).all() == [passkey_id]
    session.rollback()
    assert client.submit("/account/confirm", {"password": PASSWORD}).status_code == 303
    assert client.submit(remove, {}, page=SECURITY).location == SECURITY
    assert session.scalars(select(Passkey.id)).all() == []
    assert session.scalars(select(RecoveryCode.code_hash)).all() == [], (
        "nothing is left that they stand in for"
    )


def test_removing_one_kind_leaves_the_other_with_its_recovery_codes(app, session, client, ada):
    sign_in(client, ada)
    secret, _ = factories.second_factor_of(session, ada, app.config["SECRET_KEY"], now() - timedelta(hours=1))
    _, answer = add(client)
    assert answer.location == SECURITY, "recovery codes cover both kinds"
    client.submit("/account/two-factor/off", {}, page=SECURITY)
    assert second_factor.ways(session, ada.id) == second_factor.Ways(app=False, passkeys=True)
    assert second_factor.codes_left(session, ada) == 10
    session.rollback()
    client.submit("/account/two-factor/begin", {}, page=SECURITY)
    shown = re.search(r"<code[^>]*>([A-Z2-7]{32})</code>", text(client.get("/account/two-factor")))[1]
    assert shown != secret
    done = client.submit("/account/two-factor", {"otp": pyotp.TOTP(shown).at(now())})
    assert done.location == SECURITY
    passkey_id = session.scalars(select(Passkey.id)).one()
    session.rollback()
    client.submit(f"/account/passkeys/{passkey_id}/remove", {}, page=SECURITY)
    assert second_factor.codes_left(session, ada) == 10


def test_a_passkey_is_renamed_by_its_owner_alone(app, session, client, ada, passkey):
    authenticator, _ = passkey
    use(client, authenticator)
    passkey_id = session.scalars(select(Passkey.id)).one()
    session.rollback()
    page = f"/account/passkeys/{passkey_id}"
    assert client.submit(page, {"name": ""}).status_code == 422
    assert client.submit(page, {"name": "x" * 61}).status_code == 422
    assert client.submit(page, {"name": "Blue key"}).location == SECURITY
    assert "Blue key" in text(client.get(SECURITY))
    stranger = app.test_client()
    sign_in(stranger, factories.make_customer(session, "Other Buyer"))
    assert stranger.get(page).status_code == 404
    token = form_at(stranger, "/account", "/account")
    for action in (page, f"{page}/remove"):
        assert stranger.post(action, data=token | {"name": "Mine"}).status_code == 404
    assert session.scalars(select(Passkey.name)).all() == ["Blue key"]


def test_nothing_that_is_not_quite_a_new_passkey_is_kept(app, session, client, ada):
    sign_in(client, ada)
    asked = options(client, "/account/passkeys/options", NEW)
    given, honest = challenge_of(client), Authenticator(ORIGIN).make(asked)
    for fault, made in {
        "another challenge": Authenticator(ORIGIN).make(asked | {"challenge": encoded(b"x" * 32)}),
        "a foreign origin": Authenticator("https://evil.example.com").make(asked),
        "the same name at another port": Authenticator(f"{ORIGIN}:8000").make(asked),
        "another domain": Authenticator(ORIGIN, "evil.example.com").make(asked),
        "nobody was verified": Authenticator(ORIGIN, flags=PRESENT).make(asked),
        "cut": honest[: len(honest) // 2],
        "no object": json.dumps([honest]),
        "deep": "[" * 5000,
        "empty": "",
        "endless": "x" * (ANSWER_LONGEST + 1),
        "numbers": json.dumps({"id": 1, "rawId": 2, "response": 3}),
    }.items():
        fields = form_at(client, NEW, NEW)
        give_again(client, session, given)
        answer = client.post(NEW, data=fields | {"credential": made, "name": "Kept name"})
        assert answer.status_code == 422, fault
        assert "There is a problem" in text(answer) and 'value="Kept name"' in text(answer), fault
    assert session.scalars(select(Passkey.id)).all() == []
    assert not second_factor.is_active(session, ada.id)


def test_an_answer_counts_once_in_its_session_and_for_its_purpose(app, session, client, ada, passkey):
    authenticator, _ = passkey
    asked = options(client, "/login/passkey/options", "/login")
    given = challenge_of(client)
    signed = authenticator.sign(asked)
    assert send(client, "sign in", "/login", signed).status_code == 303
    thief = app.test_client()
    thief.get("/login")
    count_from(session, 0)

    def replay(**changes):
        with thief.session_transaction() as cookie:
            cookie["challenge"] = given | changes
        return send(thief, "sign in", "/login", signed)

    again = replay()
    assert again.status_code == 422 and "was not accepted" in text(again), "used before"
    with unit_of_work(session):
        session.query(UsedChallenge).delete()
    assert replay(at=now().timestamp() - 301).status_code == 422, "too old"
    assert replay(purpose="confirm").status_code == 422
    assert replay(session=str(ada.id)).status_code == 422
    count_from(session, 1)
    assert replay().status_code == 422, "its count of signatures was seen before"
    assert thief.get("/account").status_code == 303
    assert send(thief, "sign in", "/login", signed).status_code == 422, "without a challenge"


def test_only_the_portals_own_passkeys_of_the_right_person_open_anything(app, session, client, ada, passkey):
    authenticator, _ = passkey
    eve = factories.make_customer(session, "Eve Else")
    hers = app.test_client()
    sign_in(hers, eve)
    eves, _ = add(hers)
    asked = options(client, "/login/passkey/options", "/login")
    given, unknown = challenge_of(client), Authenticator(ORIGIN)
    borrowed = Authenticator(ORIGIN)
    borrowed.credential_id = authenticator.credential_id
    for fault, signed in {
        "unknown": unknown.sign(asked),
        "signed with another key": borrowed.sign(asked),
        "another user's name on it": eves.sign(asked, user=ada.id),
        "cut": authenticator.sign(asked)[:-20],
        "without its id": "{}",
    }.items():
        give_again(client, session, given)
        assert send(client, "sign in", "/login", signed).status_code == 422, fault
    assert client.get("/account").status_code == 303
    client.submit("/login", {"email": ada.email, "password": PASSWORD})
    assert use(client, eves, "second", "/login/code").status_code == 422, "not hers"
    assert client.get("/account").status_code == 303
    assert use(client, authenticator, "second", "/login/code").status_code == 303
    grow_old(session)
    assert use(client, eves, "confirm", "/account/confirm").status_code == 422
    assert client.get(NEW).status_code == 303


def test_a_known_passkey_is_not_added_twice_nor_to_another_person(app, session, client, ada, passkey):
    authenticator, _ = passkey
    eve = app.test_client()
    sign_in(eve, factories.make_customer(session, "Eve Else"))
    _, answer = add(eve, authenticator)
    assert answer.status_code == 422 and "is known already" in text(answer)
    authenticator.user = ada.id.bytes
    use(client, authenticator)
    asked = options(client, "/account/passkeys/options", NEW)
    assert [decoded(each["id"]) for each in asked["excludeCredentials"]] == [authenticator.credential_id]


def test_a_program_of_a_person_with_passkeys_alone_sends_a_recovery_code(client, ada, passkey):
    _, codes = passkey
    body = {"username": ada.email, "password": PASSWORD}
    refused = client.post("/api/token/", json=body)
    assert refused.status_code == 422
    assert "passkey" in refused.json["errors"]["otp"][0], "it says what to do"
    assert client.post("/api/token/", json=body | {"otp": codes[0]}).status_code == 200


def test_a_deactivated_person_signs_in_with_no_passkey(session, client, ada, passkey):
    authenticator, _ = passkey
    boss = factories.make_admin(session)
    with unit_of_work(session):
        accounts.deactivate(session, boss, ada.id, now())
    assert use(client, authenticator).status_code == 422
    assert client.get("/account").status_code == 303


@ON_SQLITE
def test_where_browsers_allow_no_passkeys_none_is_offered(environ, session):
    settings = load_settings(environ | {"PORTAL_URL": "http://127.0.0.1:8000"})
    own = create_app(settings | {"TESTING": True})
    own.test_client_class = browserlike.Client
    client = own.test_client()
    assert "passkey" not in text(client.get("/login"))
    sign_in(client, factories.make_customer(session))
    assert "Browsers allow passkeys only" in text(client.get(SECURITY))
    assert client.get(NEW).status_code == 404


def test_answered_challenges_are_forgotten_when_they_have_expired(session, client, ada, passkey):
    assert session.scalars(select(UsedChallenge.used_at)).all()
    session.rollback()
    daily_run.run(session, now() + timedelta(minutes=11))
    assert session.scalars(select(UsedChallenge.used_at)).all() == []
