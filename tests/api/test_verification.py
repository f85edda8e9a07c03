"""Addresses over the API: registering proves nothing, a link does, and nothing of an offer shows before."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select, update

from config import load_settings
from portal import create_app
from portal.adapters import link_tokens
from portal.api import examples
from portal.core.links import Purpose
from portal.extensions import now
from portal.models import Message, Plan, User, UserToken
from portal.services.transaction import unit_of_work
from tests import factories
from tests.api.conftest import Program, new_plan

ADA = "ada@example.com"
OTHER_PASSWORD = "another-long-passphrase-7"


@pytest.fixture
def environ(environ):
    """With a mail server, of which the tests need no more than its name."""
    return environ | {"MAIL_URL": "smtp://127.0.0.1:9"}


@pytest.fixture
def shop(session, program):
    merchant = factories.make_merchant(session, now=now())
    with unit_of_work(session):
        session.execute(update(User).where(User.id == merchant.id).values(email_verified_at=now()))
    program.sign_in(merchant.email)
    yield program
    assert factories.broken_invariants(session) == []


@pytest.fixture
def mallory(app):
    return Program(app)


def token_of(app, session, email=ADA, purpose=Purpose.VERIFY_EMAIL):
    session.rollback()
    query = select(Message.facts).join(User, User.id == Message.user_id).order_by(Message.id)
    facts = session.scalars(query.where(User.email == email, Message.kind == "verify_email")).all()[-1]
    return link_tokens.make(app.config["SECRET_KEY"], purpose, UUID(facts["link"]))


def test_who_registers_an_invited_address_sees_and_accepts_nothing(shop, mallory, session):
    plan = shop.post("/plans/", json=new_plan(total_amount="5000.00")).json
    registered = mallory.register("ada", "customer")
    assert registered.status_code == 201
    mallory.sign_in("ada")
    assert mallory.get("/auth/me/").json["email_verified"] is False
    assert mallory.get("/plans/").json == mallory.get("/plans/installments/").json == []
    assert mallory.get(f"/plans/{plan['id']}/").status_code == 404
    assert mallory.get(f"/plans/{plan['id']}/installments/").status_code == 404
    first = plan["installments"][0]["id"]
    for path in (
        f"/plans/{plan['id']}/accept/",
        f"/plans/{plan['id']}/decline/",
        f"/plans/installments/{first}/pay/",
    ):
        answer = mallory.post(path, json={})
        assert (answer.status_code, answer.json["code"]) == (403, "email_unverified"), path
    session.rollback()
    assert session.scalars(select(Plan.state)).all() == ["offered"]


def test_the_link_and_the_accounts_own_token_verify_it(app, shop, mallory, session):
    plan = shop.post("/plans/", json=new_plan()).json
    mallory.register("ada", "customer")
    mallory.sign_in("ada")
    answer = mallory.post("/auth/verify-email/", json={"token": token_of(app, session)})
    assert answer.status_code == 200 and answer.json["email_verified"] is True
    assert mallory.get("/auth/me/").json["email_verified"] is True
    assert mallory.post(f"/plans/{plan['id']}/accept/", json={}).json["status"] == "active"


def test_links_that_are_used_expired_cut_or_foreign_have_codes_of_their_own(app, program, mallory, session):
    mallory.register("ada", "customer")
    mallory.sign_in("ada")
    program.register("robin", "customer")
    program.sign_in("robin")
    good = token_of(app, session)
    unknown = link_tokens.make(app.config["SECRET_KEY"], Purpose.VERIFY_EMAIL, uuid4())
    for bad in (good[:-1], token_of(app, session, purpose=Purpose.UNDO_EMAIL), unknown, "x"):
        answer = mallory.post("/auth/verify-email/", json={"token": bad})
        assert (answer.status_code, answer.json["code"]) == (404, "not_found")
    # Another person's token opens nothing, and uses nothing up.
    assert program.post("/auth/verify-email/", json={"token": good}).json["code"] == "not_found"
    with unit_of_work(session):
        times = {"created_at": now() - timedelta(days=2), "expires_at": now() - timedelta(days=1)}
        session.execute(update(UserToken).values(**times))
    expired = mallory.post("/auth/verify-email/", json={"token": good})
    assert (expired.status_code, expired.json["code"]) == (409, "link_expired")
    assert mallory.post("/auth/verify-email/resend/").status_code == 200
    newer = token_of(app, session)
    assert newer != good and mallory.post("/auth/verify-email/", json={"token": newer}).status_code == 200
    spent = mallory.post("/auth/verify-email/", json={"token": newer})
    assert (spent.status_code, spent.json) == (409, examples.LINK_SPENT[409])


def test_the_link_is_sent_again_once_a_minute_and_five_times_an_hour(mallory, session):
    mallory.register("ada", "customer")
    mallory.sign_in("ada")

    def links():
        session.rollback()
        return len(session.scalars(select(UserToken.id)).all())

    mallory.post("/auth/verify-email/resend/")
    assert links() == 1
    for _ in range(6):
        with unit_of_work(session):
            for link in session.scalars(select(UserToken)):
                link.created_at -= timedelta(minutes=2)
        mallory.post("/auth/verify-email/resend/")
    assert links() == 5


def test_an_address_that_nobody_proved_can_be_registered_again_and_a_proved_one_not(
    app, mallory, program, session
):
    assert (
        mallory.register("ada", "customer", password=OTHER_PASSWORD, password2=OTHER_PASSWORD).status_code
        == 201
    )
    mallory.sign_in("ada", OTHER_PASSWORD)
    assert program.register("ada", "customer").status_code == 201
    assert mallory.get("/auth/me/").status_code == 401
    program.sign_in("ada")
    program.post("/auth/verify-email/", json={"token": token_of(app, session)})
    taken = mallory.register("other", "customer", email=ADA)
    assert taken.status_code == 422 and set(taken.json["errors"]) == {"email"}


def test_a_shops_first_offer_needs_a_verified_address(app, mallory, session):
    mallory.register("shop", "merchant")
    mallory.sign_in("shop")
    answer = mallory.post("/plans/", json=new_plan())
    assert (answer.status_code, answer.json["code"]) == (403, "email_unverified")
    mallory.post("/auth/verify-email/", json={"token": token_of(app, session, "shop@example.com")})
    assert mallory.post("/plans/", json=new_plan()).status_code == 201


@pytest.mark.parametrize("mail", ["", "smtp://127.0.0.1:9"])
def test_turned_off_everything_is_as_before(environ, mail):
    app = create_app(
        load_settings(environ | {"MAIL_URL": mail, "PORTAL_VERIFY_EMAIL": "0"}) | {"TESTING": True}
    )
    shop, ada = Program(app), Program(app)
    shop.register("shop", "merchant")
    shop.sign_in("shop")
    plan = shop.post("/plans/", json=new_plan()).json
    ada.register("ada", "customer")
    ada.sign_in("ada")
    assert ada.get("/auth/me/").json["email_verified"] is False
    assert ada.post(f"/plans/{plan['id']}/accept/", json={}).json["status"] == "active"
