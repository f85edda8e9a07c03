"""Changing one's address: proved at the new mailbox, told to the old one, which can undo it for seven days."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import select, update

from portal.adapters import link_tokens
from portal.core.links import Purpose
from portal.extensions import now
from portal.models import Event, Message, Plan, User, UserSession, UserToken
from portal.services.transaction import unit_of_work
from tests import browserlike, factories
from tests.browserlike import text
from tests.factories import PASSWORD

NEW = "ada.new@example.com"
OTHER_PASSWORD = "another-long-passphrase-7"


@pytest.fixture(params=["with mail", "without mail"])
def mail(request):
    return request.param == "with mail"


@pytest.fixture
def environ(environ, mail):
    return environ | ({"MAIL_URL": "smtp://127.0.0.1:9"} if mail else {})


@pytest.fixture
def ada(session):
    person = factories.make_customer(session, now=now())
    with unit_of_work(session):
        session.execute(update(User).where(User.id == person.id).values(email_verified_at=now()))
    return person


def change(client, email=NEW):
    return client.submit("/account/email", {"email": email})


def link(app, session, kind, path, purpose):
    session.rollback()
    facts = session.scalars(select(Message.facts).where(Message.kind == kind).order_by(Message.id)).all()[-1]
    return facts["send_to"], path + link_tokens.make(app.config["SECRET_KEY"], purpose, UUID(facts["link"]))


def undo_link(app, session):
    return link(app, session, "email_changed", "/undo-email/", Purpose.UNDO_EMAIL)


def address(session, ada):
    session.rollback()
    return session.scalars(select(User.email).where(User.id == ada.id)).one()


def changed(app, client, session, ada, mail):
    browserlike.sign_in(client, ada)
    assert change(client).status_code == 303
    if mail:
        to, path = link(app, session, "change_email", "/account/email/", Purpose.CHANGE_EMAIL)
        assert to == NEW and address(session, ada) == ada.email
        assert client.get(path).status_code == 200 and address(session, ada) == ada.email
        assert client.submit(path, {}).status_code == 303
        assert client.get(path).status_code == 410
    assert address(session, ada) == NEW


def test_the_address_changes_once_it_is_proved_and_everybody_else_is_signed_out(
    app, client, session, ada, mail
):
    elsewhere = app.test_client()
    browserlike.sign_in(elsewhere, ada)
    changed(app, client, session, ada, mail)
    assert client.get("/customer/").status_code == 200 and elsewhere.get("/customer/").status_code == 303
    visitor = app.test_client()
    assert visitor.submit("/login", {"email": ada.email, "password": PASSWORD}).status_code == 422
    assert visitor.submit("/login", {"email": NEW, "password": PASSWORD}).status_code == 303
    facts = session.scalars(select(Event.facts).where(Event.kind == "email_changed")).one()
    assert (facts["before"], facts["after"]) == (ada.email, NEW)
    verified = session.scalars(select(User.email_verified_at).where(User.id == ada.id)).one()
    assert (verified is not None) == mail


def test_the_old_address_undoes_it_ends_every_session_and_sets_a_password(app, client, session, ada, mail):
    changed(app, client, session, ada, mail)
    to, path = undo_link(app, session)
    assert to == ada.email
    visitor = app.test_client()
    assert visitor.get(path).status_code == 200 and address(session, ada) == NEW
    answer = visitor.submit(path, {})
    assert address(session, ada) == ada.email and client.get("/customer/").status_code == 303
    typed = {"password": OTHER_PASSWORD, "password2": OTHER_PASSWORD}
    assert visitor.submit(answer.location, typed).status_code == 303
    assert visitor.submit("/login", {"email": ada.email, "password": OTHER_PASSWORD}).status_code == 303
    assert app.test_client().get(path).status_code == 410


@pytest.mark.parametrize("taken", ["invited", "signed up"])
@pytest.mark.parametrize("mail", [True], ids=["with mail"])
def test_who_took_the_old_address_meanwhile_and_proved_nothing_gives_way(app, client, session, ada, taken):
    shop = factories.make_merchant(session, now=now())
    changed(app, client, session, ada, mail=True)
    to, undo = undo_link(app, session)
    plan_id = factories.offered_plan(session, shop, to, now=now())
    if taken == "signed up":
        fields = {"role": "customer", "name": "Mallory", "email": to, "currency": "USD", "timezone": "UTC"}
        app.test_client().submit("/signup", fields | {"password": PASSWORD, "password2": PASSWORD})
    assert app.test_client().submit(undo, {}).status_code == 303
    assert address(session, ada) == to
    assert session.scalars(select(Plan.state).where(Plan.id == plan_id)).one() == "declined"
    told = select(Message.user_id).where(Message.kind == "offer_not_for_me")
    assert session.scalars(told).all() == [shop.id]
    again = factories.offered_plan(session, shop, to, now=now())
    assert session.scalars(select(Plan.customer_id).where(Plan.id == again)).one() == ada.id
    assert factories.broken_invariants(session) == []


def test_after_seven_days_it_cannot_be_undone(app, client, session, ada, mail):
    changed(app, client, session, ada, mail)
    _to, path = undo_link(app, session)
    with unit_of_work(session):
        times = {"created_at": now() - timedelta(days=8), "expires_at": now() - timedelta(days=1)}
        session.execute(update(UserToken).values(**times))
    assert client.get(path).status_code == 410 and address(session, ada) == NEW


def test_faults_are_named_and_change_nothing(client, session, ada, mail):
    browserlike.sign_in(client, ada)
    for email in ("nobody", "", ada.email):
        answer = change(client, email)
        assert answer.status_code == 422 and 'href="#email"' in text(answer), email
    assert address(session, ada) == ada.email
    assert session.scalars(select(Message.kind)).all() == []


def test_who_signed_in_long_ago_is_asked_again_and_finds_what_was_typed(client, session, ada, mail):
    browserlike.sign_in(client, ada)
    opened = browserlike.form_at(client, "/account/email", "/account/email")
    with unit_of_work(session):
        session.execute(update(UserSession).values(confirmed_at=now() - timedelta(minutes=11)))
    assert client.get("/account/email").location == "/account/confirm?next=/account/email"
    asked = client.post("/account/email", data=opened | {"email": NEW})
    assert asked.location == "/account/confirm?next=/account/email"
    assert client.submit(asked.location, {"password": "a wrong guess"}).status_code == 422
    assert client.submit(asked.location, {"password": PASSWORD}).location == "/account/email"
    assert NEW in text(client.get("/account/email"))
    assert session.scalars(select(Message.kind)).all() == [] and address(session, ada) == ada.email
    assert change(client).status_code == 303


@pytest.mark.parametrize("known", ["registered", "invited"])
def test_an_address_that_is_known_here_is_not_taken_over(app, client, session, ada, mail, known):
    shop = factories.make_merchant(session, now=now())
    if known == "invited":
        factories.offered_plan(session, shop, NEW, now=now())
    taken = shop.email if known == "registered" else NEW
    browserlike.sign_in(client, ada)
    answer = change(client, taken)
    if mail:
        assert answer.status_code == 303
        _to, path = link(app, session, "change_email", "/account/email/", Purpose.CHANGE_EMAIL)
        answer = client.submit(path, {})
        assert answer.status_code == 410
    else:
        assert answer.status_code == 422
    assert "There is an account with this address" in text(answer)
    assert address(session, ada) == ada.email


@pytest.mark.parametrize("mail", [True])
def test_another_person_cannot_confirm_a_change(app, client, session, ada):
    browserlike.sign_in(client, ada)
    change(client)
    _to, path = link(app, session, "change_email", "/account/email/", Purpose.CHANGE_EMAIL)
    other = app.test_client()
    browserlike.sign_in(other, factories.make_customer(session, "Robin", now=now()))
    assert other.get(path).status_code == 404 and app.test_client().get(path).status_code == 303
    assert client.get(path[:-1]).status_code == 404
    assert address(session, ada) == ada.email


@pytest.mark.parametrize("mail", [True])
def test_who_has_not_proved_an_address_cannot_take_its_offers_to_another(client, session):
    shop = factories.make_merchant(session, now=now())
    mallory = factories.make_customer(session, now=now())
    factories.offered_plan(session, shop, mallory.email, now=now())
    browserlike.sign_in(client, mallory)
    assert change(client).status_code == 403
    assert address(session, mallory) == mallory.email
    assert session.scalars(select(UserToken.id)).all() == []


def test_the_operator_changes_a_lost_address(app, session, ada, mail):
    run = app.test_cli_runner().invoke(args=["change-email", ada.email, NEW])
    assert run.exit_code == 0 and address(session, ada) == NEW
    assert undo_link(app, session)[0] == ada.email
    kinds = session.scalars(select(Message.kind)).all()
    assert sorted(kinds) == (["email_changed", "verify_email"] if mail else ["email_changed"])
    for old, new in (("nobody@example.com", "x@example.com"), (NEW, "no address")):
        assert app.test_cli_runner().invoke(args=["change-email", old, new]).exit_code == 1
