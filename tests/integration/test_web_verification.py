"""Addresses are verified by a link and the password: what an invited address gives away, and links that are no good."""

from __future__ import annotations

import re
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select, update

from config import load_settings
from portal import create_app
from portal.adapters import link_tokens
from portal.core.links import Purpose
from portal.extensions import now
from portal.models import Acceptance, Merchant, Message, Plan, User, UserToken
from portal.queries import admin
from portal.services.transaction import unit_of_work
from tests import browserlike, factories
from tests.factories import PASSWORD

ADA = "ada.buyer@example.com"
OTHER_PASSWORD = "another-long-passphrase-7"


@pytest.fixture
def environ(environ):
    """With a mail server, of which the tests need no more than its name: the emails wait in the outbox."""
    return environ | {"MAIL_URL": "smtp://127.0.0.1:9"}


@pytest.fixture
def shop(session):
    return factories.make_merchant(session, now=now())


def form(email=ADA, role="customer", password=PASSWORD, **more):
    typed = {"role": role, "name": "Ada Buyer", "email": email, "password": password, "password2": password}
    return typed | {"currency": "USD", "timezone": "UTC"} | more


def emails(session, kind=None):
    session.rollback()
    query = select(Message).order_by(Message.id)
    return session.scalars(query.where(Message.kind == kind) if kind else query).all()


def link(app, session, kind="verify_email", purpose=Purpose.VERIFY_EMAIL):
    """The path of the newest link, as its email holds it."""
    newest = emails(session, kind)[-1]
    return f"/verify/{link_tokens.make(app.config['SECRET_KEY'], purpose, UUID(newest.facts['link']))}"


def user(session, email=ADA):
    session.rollback()
    return session.scalars(select(User).where(User.email == email)).one_or_none()


def text(answer):
    return answer.get_data(as_text=True)


def test_signing_up_signs_nobody_in_until_the_link_and_the_password_confirm_it(app, client, session):
    answer = client.submit("/signup", form())
    assert (answer.status_code, answer.location) == (303, "/signup/sent")
    assert "Check your inbox" in text(client.get("/signup/sent"))
    assert client.get("/customer/").status_code == 303
    path = link(app, session)
    page = text(client.get(path))
    assert ADA in page and user(session).email_verified_at is None
    wrong = client.submit(path, {"password": OTHER_PASSWORD})
    assert wrong.status_code == 422 and user(session).email_verified_at is None
    confirmed = client.submit(path, {"password": PASSWORD})
    assert (confirmed.status_code, confirmed.location) == (303, "/customer/")
    assert user(session).email_verified_at and client.get("/customer/").status_code == 200
    assert "Verify your email address" not in text(client.get("/customer/"))


@pytest.mark.parametrize("known", ["nobody", "invited", "registered", "unproved", "deactivated", "shop"])
def test_signing_up_is_answered_alike_whoever_has_the_address(app, client, session, shop, known):
    if known == "invited":
        factories.offered_plan(session, shop, ADA, now=now())
    elif known in ("registered", "deactivated"):
        factories.make_customer(session, now=now())
        gone = now() if known == "deactivated" else None
        with unit_of_work(session):
            values = {"email_verified_at": now(), "deactivated_at": gone}
            session.execute(update(User).where(User.email == ADA).values(**values))
    elif known == "unproved":
        client.submit("/signup", form(password=OTHER_PASSWORD))
    email = shop.email if known == "shop" else ADA
    if known == "shop":
        factories.offered_plan(session, shop, "somebody@example.com", now=now())
    before = user(session, email)
    answer = client.submit("/signup", form(email))
    assert (answer.status_code, answer.location) == (303, "/signup/sent")
    after = user(session, email)
    kinds = [m.kind for m in emails(session) if m.user_id == after.id and m.kind != "offer_sent"]
    told = {"registered": ["account_exists"], "shop": ["account_exists"], "deactivated": []}
    # Within a minute of the first a second link is not sent; the first one works with the new password.
    assert kinds == told.get(known, ["verify_email"])
    if known in told:
        assert (after.password_hash, after.name) == (before.password_hash, before.name)


def test_the_last_sign_up_before_the_link_counts_and_the_earlier_one_ends(app, client, session):
    client.submit("/signup", form(password=OTHER_PASSWORD, name="Mallory"))
    squatter = app.test_client()
    assert squatter.submit("/login", {"email": ADA, "password": OTHER_PASSWORD}).status_code == 303
    assert squatter.get("/customer/").status_code == 200
    client.submit("/signup", form())
    assert squatter.get("/customer/").status_code == 303
    path = link(app, session)
    assert client.submit(path, {"password": OTHER_PASSWORD}).status_code == 422
    assert client.submit(path, {"password": PASSWORD}).status_code == 303
    assert user(session).name == "Ada Buyer"


def test_a_shop_that_is_signed_up_again_is_its_owners(app, client, session):
    client.submit("/signup", form(role="merchant"))
    path = link(app, session)
    assert client.submit(f"{path}/reject", {}, page=path).status_code == 303
    with unit_of_work(session):
        session.execute(update(UserToken).values(created_at=now() - timedelta(hours=2)))
    for currency in ("JPY", "KWD"):
        client.submit("/signup", form(role="merchant", currency=currency))
    assert client.submit(link(app, session), {"password": PASSWORD}).location == "/merchant/"
    assert session.scalars(select(Merchant.currency).where(Merchant.id == user(session).id)).one() == "KWD"
    assert client.get("/merchant/plans/").status_code == 200
    assert factories.broken_invariants(session) == []


def test_an_unproved_account_that_was_used_before_is_not_given_away(client, session, shop):
    ada = factories.make_customer(session, now=now())
    factories.accepted_plan(session, shop, ada, now=now())
    client.submit("/signup", form(password=OTHER_PASSWORD, name="Mallory"))
    assert user(session).name == "Ada Buyer"
    assert client.submit("/login", {"email": ADA, "password": OTHER_PASSWORD}).status_code == 422
    assert [m.kind for m in emails(session) if m.kind == "verify_email"] == []


def test_a_shop_that_signs_up_with_its_customers_address_sees_and_accepts_nothing(app, client, session, shop):
    plan_id = factories.offered_plan(session, shop, ADA, now=now(), total=500000)
    client.submit("/signup", form())
    assert client.submit("/login", {"email": ADA, "password": PASSWORD}).status_code == 303
    home = text(client.get("/customer/"))
    assert "Oak table" not in home and "Verify your email address" in home
    assert client.get(f"/customer/plans/{plan_id}").status_code == 404
    terms_hash = session.scalars(select(Plan.terms_hash)).one()
    token = browserlike.form_at(client, "/customer/", "/logout")["csrf_token"]
    sent = {"csrf_token": token, "agree": "y", "terms_hash": terms_hash}
    for act in ("accept", "decline"):
        answer = client.post(f"/customer/plans/{plan_id}/{act}", data=sent)
        assert answer.status_code == 403 and "Verify your email address first" in text(answer)
    session.rollback()
    assert session.scalars(select(Plan.state)).all() == ["offered"]
    assert session.scalars(select(Acceptance.plan_id)).all() == []
    # The owner of the mailbox removes the account, and the offer is there for whoever proves the address.
    path = link(app, session)
    assert app.test_client().submit(f"{path}/reject", {}, page=path).status_code == 303
    assert client.get("/customer/").status_code == 303
    assert (user(session).password_hash, user(session).name) == (None, ADA)
    client.submit("/signup", form(password=OTHER_PASSWORD))
    with unit_of_work(session):
        session.execute(update(UserToken).values(created_at=now() - timedelta(hours=2)))
    client.submit("/signup", form(password=OTHER_PASSWORD))
    assert client.submit(link(app, session), {"password": OTHER_PASSWORD}).status_code == 303
    assert client.get(f"/customer/plans/{plan_id}").status_code == 200


def test_the_acceptance_keeps_that_the_address_was_verified(app, client, session, shop):
    plan_id = factories.offered_plan(session, shop, ADA, now=now())
    client.submit("/signup", form())
    client.submit(link(app, session), {"password": PASSWORD})
    page = f"/customer/plans/{plan_id}"
    assert client.submit(f"{page}/accept", {"agree": "y"}, page=page).status_code == 303
    session.rollback()
    assert session.scalars(select(Acceptance.address_verified)).all() == [True]
    assert "Address verified" in text(client.get(f"{page}/terms"))


def test_an_account_from_before_goes_on_but_for_new_offers(app, client, session, shop):
    ada = factories.make_customer(session, now=now())
    active = factories.accepted_plan(session, shop, ada, now=now(), first=now().date())
    offer = factories.offered_plan(session, shop, ADA, now=now(), description="Second table")
    browserlike.sign_in(client, ada)
    home = text(client.get("/customer/"))
    assert "Oak table" in home and "Second table" not in home
    first = factories.plan_of(session, ada, active, now()).installments[0]
    paid = client.submit(f"/customer/installments/{first.id}/pay", {}, page=f"/customer/plans/{active}")
    assert paid.status_code == 303
    assert client.submit("/account/verify-email", {}, page="/customer/").status_code == 303
    assert client.submit(link(app, session), {"password": PASSWORD}).status_code == 303
    assert client.get(f"/customer/plans/{offer}").status_code == 200
    assert "Address not verified" in text(client.get(f"/customer/plans/{active}/terms"))


def test_a_shop_sends_its_first_offer_once_its_address_is_verified(app, client, session):
    client.submit("/signup", form("new.shop@example.com", "merchant"))
    client.submit("/login", {"email": "new.shop@example.com", "password": PASSWORD})
    offer = {
        "customer_email": "robin@example.com",
        "description": "Oak table",
        "total_amount": "100.00",
        "num_installments": "2",
        "frequency": "monthly",
        "start_date": now().date().isoformat(),
    }
    refused = client.submit("/merchant/plans/new", offer)
    assert refused.status_code == 403 and "Verify your email address first" in text(refused)
    assert user(session, "robin@example.com") is None
    client.submit(link(app, session), {"password": PASSWORD})
    assert client.submit("/merchant/plans/new", offer).status_code == 303


def test_a_reset_link_proves_the_address_too(app, client, session):
    client.submit("/signup", form(password=OTHER_PASSWORD))
    squatter = app.test_client()
    squatter.submit("/login", {"email": ADA, "password": OTHER_PASSWORD})
    client.submit("/forgot", {"email": ADA})
    message = app.extensions["adapters"].emails.write(outgoing(session, "password_reset"))
    path = re.search(r"/reset/\S+", message.text)[0]
    assert client.submit(path, {"password": PASSWORD, "password2": PASSWORD}).status_code == 303
    assert user(session).email_verified_at
    assert squatter.get("/customer/").status_code == 303


def outgoing(session, kind):
    return admin.get_message(session, emails(session, kind)[-1].id)


def test_links_that_are_used_expired_cut_or_foreign_have_pages_of_their_own(app, client, session):
    client.submit("/signup", form())
    path = link(app, session)
    key = app.config["SECRET_KEY"]
    link_id = UUID(emails(session, "verify_email")[-1].facts["link"])
    foreign = [
        link_tokens.make(key, Purpose.CHANGE_EMAIL, link_id),
        link_tokens.make(key, Purpose.VERIFY_EMAIL, uuid4()),
        link_tokens.make("another key of another portal", Purpose.VERIFY_EMAIL, link_id),
    ]
    for bad in (path[:-1], path + "x", *(f"/verify/{token}" for token in foreign)):
        answer = client.get(bad)
        assert answer.status_code == 404 and ADA not in text(answer), bad
        assert "This link is not complete" in text(answer)
    with unit_of_work(session):
        times = {"created_at": now() - timedelta(days=2), "expires_at": now() - timedelta(seconds=1)}
        session.execute(update(UserToken).values(**times))
    expired = client.get(path)
    assert expired.status_code == 410 and "It has expired" in text(expired) and ADA not in text(expired)
    with unit_of_work(session):
        session.execute(update(UserToken).values(expires_at=now() + timedelta(hours=1)))
    assert client.submit(path, {"password": PASSWORD}).status_code == 303
    for answer in (client.get(path), app.test_client().get(path)):
        assert answer.status_code == 410 and "It was used already" in text(answer) and ADA not in text(answer)


def test_an_email_greets_nobody_by_a_name_that_somebody_else_may_have_given(app, client, session, shop):
    client.submit("/signup", form(name="Win a prize"))
    factories.offered_plan(session, shop, ADA, now=now())
    email = app.extensions["adapters"].emails.write(outgoing(session, "offer_sent"))
    assert "Win a prize" not in email.text


@pytest.mark.parametrize("mail", ["", "smtp://127.0.0.1:9"])
def test_without_a_mail_server_or_if_turned_off_signing_up_is_as_before(environ, tmp_path, mail):
    settings = load_settings(environ | {"MAIL_URL": mail, "PORTAL_VERIFY_EMAIL": "0"})
    app = create_app(settings | {"TESTING": True})
    app.test_client_class = browserlike.Client
    client = app.test_client()
    assert client.submit("/signup", form()).location == "/customer/"
    assert "Verify your email address" not in text(client.get("/customer/"))
    again = app.test_client().submit("/signup", form())
    assert again.status_code == 422 and "already exists" in text(again)
