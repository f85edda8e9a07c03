"""Accounts and tokens: what is refused at which field, and when a token stops being one."""

from __future__ import annotations

import base64
import json
from uuid import UUID, uuid4

import jwt
import pytest

from portal.core.roles import Role
from portal.extensions import now
from portal.services import accounts
from portal.services.transaction import unit_of_work
from tests import factories
from tests.factories import PASSWORD

ON_SQLITE = pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)


def claims_of(token: str) -> dict:
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def shaped(claims: dict, key: bytes) -> str:
    """Signed as it stands: PyJWT's own encoder would refuse some of it."""
    return jwt.api_jws.encode(json.dumps(claims).encode(), key, "HS256", headers={"typ": "JWT"})


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@ON_SQLITE
def test_every_field_at_fault_is_named_at_once(program):
    sent = {
        "username": "a b",
        "email": "nobody",
        "password": "short",
        "role": "admin",
        "nickname": "x",
        "currency": 5,
    }
    answer = program.post("/auth/register/", json=sent)
    assert answer.status_code == 422
    assert answer.mimetype == "application/problem+json"
    assert set(answer.json["errors"]) == {
        "username",
        "email",
        "password",
        "password2",
        "role",
        "nickname",
        "currency",
    }


@ON_SQLITE
def test_no_body_names_the_fields_that_are_needed_and_no_other(program):
    answer = program.post("/auth/register/")
    assert set(answer.json["errors"]) == {"username", "email", "password", "password2", "role"}


@ON_SQLITE
@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"password2": "another-battery"}, "password2"),
        ({"password": "password1", "password2": "password1"}, "password"),
        ({"username": "x@example.com"}, "username"),
        ({"role": None}, "role"),
        ({"timezone": "Mars/Olympus"}, "timezone"),
        ({"currency": "XXX"}, "currency"),
        ({"name": ""}, "name"),
        ({"username": "a\0b"}, "username"),
        ({"password": "\ud800" * 9, "password2": "\ud800" * 9}, "password"),
    ],
)
def test_a_fault_is_named_at_its_field(program, more, field):
    account = {
        "username": "shop",
        "email": "shop@example.com",
        "password": PASSWORD,
        "password2": PASSWORD,
        "role": "merchant",
    }
    answer = program.post("/auth/register/", json=account | more)
    assert (answer.status_code, field in answer.json["errors"]) == (422, True)


def test_names_and_addresses_are_taken_once_whatever_their_case(program):
    assert program.register("shop", "merchant").status_code == 201
    assert set(program.register("SHOP", "customer", email="other@example.com").json["errors"]) == {"username"}
    assert set(program.register("other", "customer", email="Shop@Example.com").json["errors"]) == {"email"}


@ON_SQLITE
def test_a_merchant_is_named_after_the_user_and_takes_the_portals_defaults(program, session):
    program.register("shop", "merchant")
    own = {"name": "The Bakery", "currency": "KWD", "timezone": "Asia/Kuwait"}
    program.register("bakery", "merchant", **own)
    for name, expected in (
        ("shop", ("shop", "USD", "UTC")),
        ("bakery", ("The Bakery", "KWD", "Asia/Kuwait")),
    ):
        program.sign_in(name)
        person = factories.actor(session, UUID(program.get("/auth/me/").json["id"]))
        assert (person.name, person.currency, person.timezone) == expected


@ON_SQLITE
def test_the_address_signs_in_too_and_a_wrong_password_does_not(program):
    program.register("shop", "merchant")
    assert program.sign_in("Shop@example.com").status_code == 200
    for name, password in (("shop", "wrong-password"), ("nobody", PASSWORD)):
        answer = program.sign_in(name, password)
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert "username" in program.sign_in("a\0b").json["errors"]


@ON_SQLITE
def test_ten_wrong_passwords_are_enough(program):
    program.register("shop", "merchant")
    for _ in range(10):
        assert program.sign_in("shop", "wrong-password").status_code == 401
    answer = program.sign_in("shop")
    assert answer.status_code == 429
    assert 0 < int(answer.headers["Retry-After"]) <= 301


@ON_SQLITE
def test_a_token_holds_nothing_about_a_person(shop):
    for token, kind, seconds in (
        (shop.tokens["access"], "access", 900),
        (shop.tokens["refresh"], "refresh", 86400),
    ):
        claims = claims_of(token)
        assert claims["type"] == kind and claims["exp"] - claims["iat"] == seconds
        assert set(claims) <= {"sub", "sid", "type", "iat", "exp"}


@ON_SQLITE
def test_a_refresh_token_gets_access_and_is_no_access_token(shop):
    access, refresh = shop.tokens["access"], shop.tokens["refresh"]
    renewed = shop.post("/token/refresh/", json={"refresh": refresh})
    assert renewed.status_code == 200 and set(renewed.json) == {"access"}
    assert shop.get("/auth/me/", headers=bearer(renewed.json["access"])).status_code == 200
    assert shop.get("/auth/me/", headers=bearer(refresh)).status_code == 401
    assert shop.post("/token/refresh/", json={"refresh": access}).status_code == 401
    # Not rotated: it can be used again until its day is over.
    assert shop.post("/token/refresh/", json={"refresh": refresh}).status_code == 200


@ON_SQLITE
def test_what_is_no_token_of_ours_is_refused(app, shop):
    token = shop.tokens["access"]
    claims, key = claims_of(token), app.config["TOKEN_KEY"]
    assert len(key) >= 32 and key != app.config["SECRET_KEY"].encode()

    def signed(**changed) -> str:
        return jwt.encode(claims | changed, key, "HS256")

    with pytest.warns(jwt.warnings.InsecureKeyLengthWarning):
        another_algorithm = jwt.encode(claims, key, "HS512")
    forged = {
        "another key": jwt.encode(claims, "x" * 32, "HS256"),
        "the session's key": jwt.encode(claims, app.config["SECRET_KEY"], "HS256"),
        "another algorithm": another_algorithm,
        "no algorithm": jwt.encode(claims, None, "none"),
        "another session": signed(sid=str(uuid4())),
        "no session": jwt.encode({k: v for k, v in claims.items() if k != "sid"}, key, "HS256"),
        "nobody": signed(sub="nobody"),
        "ended": signed(exp=claims["iat"] - 1),
        "not begun": signed(nbf=claims["iat"] + 300),
        "refresh": shop.tokens["refresh"],
        "changed": token[:-2],
        "nothing": "",
        "dots": "..",
        "letters": "é" * 50,
    }
    for name in ("sub", "sid", "type"):
        for senseless in (None, "", "x", [], {}, [claims[name]], True, -1, 10**30, "9" * 400):
            forged[f"{name} = {senseless!r}"] = shaped(claims | {name: senseless}, key)
    for name in ("iat", "exp"):
        for senseless in (None, "", "x", [], {}):
            forged[f"{name} = {senseless!r}"] = shaped(claims | {name: senseless}, key)
    answers = {name: shop.get("/auth/me/", headers=bearer(text)).status_code for name, text in forged.items()}
    assert answers == dict.fromkeys(forged, 401)
    for scheme in ("Basic", "bearer-ish", ""):
        assert shop.get("/auth/me/", headers={"Authorization": f"{scheme} {token}"}).status_code == 401
    assert shop.get("/auth/me/", headers={"Authorization": f"bearer {token}"}).status_code == 200


@pytest.mark.parametrize("ending", ["password", "deactivation"])
def test_tokens_end_with_the_password_and_with_deactivation(shop, session, ending):
    person = factories.actor(session, UUID(shop.get("/auth/me/").json["id"]))
    admin = factories.make_admin(session)
    with unit_of_work(session):
        if ending == "password":
            accounts.change_password(session, person.id, factories.password_hash(), now())
        else:
            accounts.deactivate(session, admin, person.id, now())
    assert shop.get("/auth/me/").status_code == 401
    assert shop.post("/token/refresh/", json={"refresh": shop.tokens["refresh"]}).status_code == 401


@ON_SQLITE
def test_a_cookie_does_not_open_the_api_nor_a_token_a_page(app, client, shop):
    client.submit("/login", {"email": "shop@example.com", "password": PASSWORD})
    assert client.get("/merchant/").status_code == 200
    assert client.get("/api/auth/me/").status_code == 401
    page = app.test_client().get("/merchant/", headers=bearer(shop.tokens["access"]))
    assert (page.status_code, "/login" in page.headers["Location"]) == (303, True)


@ON_SQLITE
def test_admins_are_not_made_here_but_can_say_who_they_are(program, session):
    factories.make_admin(session, "Boss")
    assert program.sign_in("boss@example.com").status_code == 200
    assert program.get("/auth/me/").json["role"] == Role.ADMIN
    assert program.get("/plans/").json == []
    assert program.get("/analytics/dashboard/").status_code == 403
