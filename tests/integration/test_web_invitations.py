"""The link of an offer's email: it shows the terms, opens the account, proves the address, and nothing else does."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import select, update

from portal.adapters import offer_tokens
from portal.extensions import now
from portal.models import Acceptance, Event, Message, Plan, User
from portal.queries import admin
from portal.services import addresses, offer_addresses, offers
from portal.services.transaction import unit_of_work
from tests import browserlike, factories
from tests.browserlike import text
from tests.factories import PASSWORD

ADA = "ada.buyer@example.com"
OTHER_PASSWORD = "another-long-passphrase-7"
CLAIM = {"name": "Ada Buyer", "password": PASSWORD}


@pytest.fixture
def environ(environ):
    """With a mail server, of which the tests need no more than its name."""
    return environ | {"MAIL_URL": "smtp://127.0.0.1:9"}


@pytest.fixture
def shop(session):
    yield factories.make_merchant(session, now=now())
    assert factories.broken_invariants(session) == []


@pytest.fixture
def plan_id(session, shop):
    return factories.offered_plan(session, shop, ADA, now=now())


@pytest.fixture
def path(app, session, plan_id):
    return path_of(app, session, plan_id)


def path_of(app, session, plan_id):
    """The link as the offer's email holds it."""
    session.rollback()
    query = select(Message.id).where(Message.kind == "offer_sent", Message.plan_id == plan_id)
    email = app.extensions["adapters"].emails.write(
        admin.get_message(session, session.scalars(query).first())
    )
    (link,) = {word for word in email.text.split() if "/offers/" in word and not word.endswith("/not-for-me")}
    return "/offers/" + link.rpartition("/")[2]


def user(session):
    session.rollback()
    return session.scalars(select(User).where(User.email == ADA)).one()


def state(session):
    session.rollback()
    return session.scalars(select(Plan.state)).all()


def sign_up(client, password=OTHER_PASSWORD, role="customer"):
    typed = {"role": role, "name": "Mallory", "email": ADA, "password": password, "password2": password}
    return client.submit("/signup", typed | {"currency": "USD", "timezone": "UTC"})


def test_the_link_shows_the_terms_and_opens_the_account_that_accepts(client, session, plan_id, path):
    page = text(client.get(path))
    for shown in ("Corner Shop", "Oak table", "$100.00", "$33.34", "You owe nothing unless you accept", ADA):
        assert shown in page
    assert user(session).email_verified_at is None
    claimed = client.submit(path, CLAIM)
    assert (claimed.status_code, claimed.location) == (303, f"/customer/plans/{plan_id}")
    assert (user(session).name, user(session).role) == ("Ada Buyer", "customer")
    assert user(session).email_verified_at
    accept = f"/customer/plans/{plan_id}/accept"
    assert client.submit(accept, {"agree": "y"}, page=f"/customer/plans/{plan_id}").status_code == 303
    session.rollback()
    assert session.scalars(select(Acceptance.address_verified)).all() == [True]


def test_what_is_wrong_is_said_at_its_field_and_nothing_is_opened(client, session, path):
    answer = client.submit(path, {"name": "4111 1111 1111 1111", "password": "short"})
    page = text(answer)
    assert answer.status_code == 422 and 'href="#name"' in page and 'href="#password"' in page
    assert user(session).password_hash is None


@pytest.mark.parametrize("role", ["customer", "merchant"])
def test_it_ends_whatever_somebody_had_who_never_proved_the_address(
    app, client, session, plan_id, path, role
):
    squatter = app.test_client()
    sign_up(squatter, role=role)
    squatter.submit("/login", {"email": ADA, "password": OTHER_PASSWORD})
    assert squatter.get("/account").status_code == 200
    assert client.submit(path, CLAIM).location == f"/customer/plans/{plan_id}"
    assert squatter.get("/account").status_code == 303
    again = app.test_client().submit("/login", {"email": ADA, "password": OTHER_PASSWORD})
    assert again.status_code == 422
    assert (user(session).name, user(session).role) == ("Ada Buyer", "customer")
    assert client.get(f"/customer/plans/{plan_id}").status_code == 200


def test_who_signed_up_before_goes_on_with_the_password(client, session, plan_id, path):
    sign_up(client, PASSWORD)
    wrong = client.submit(f"{path}/sign-in", {"account-password": OTHER_PASSWORD}, page=path)
    assert wrong.status_code == 422 and "Wrong password" in text(wrong)
    assert user(session).email_verified_at is None
    right = client.submit(f"{path}/sign-in", {"account-password": PASSWORD}, page=path)
    assert right.location == f"/customer/plans/{plan_id}" and user(session).email_verified_at
    assert user(session).name == "Mallory"


def test_a_link_proves_the_address_that_it_was_sent_to_and_no_other(client, session, path):
    sign_up(client, PASSWORD)
    with unit_of_work(session):
        addresses.change_by_operator(session, ADA, "ada.new@example.com", now(), verify=True)
    assert client.get(path).location.startswith("/customer/plans/")
    sent = {"csrf_token": browserlike.form_at(client, "/login", "/login")["csrf_token"]}
    assert client.post(f"{path}/sign-in", data=sent | {"account-password": PASSWORD}).status_code == 303
    assert client.post(path, data=sent | CLAIM).status_code == 303
    session.rollback()
    row = session.scalars(select(User).where(User.email == "ada.new@example.com")).one()
    assert row.email_verified_at is None and row.name == "Mallory"


def test_a_used_link_leads_to_the_offer_after_signing_in_and_sets_no_password(
    app, client, session, plan_id, path
):
    client.submit(path, CLAIM)
    assert client.get(path).location == f"/customer/plans/{plan_id}"
    other = app.test_client()
    assert other.get(path).location == f"/customer/plans/{plan_id}"
    assert other.get(f"/customer/plans/{plan_id}").location.startswith("/login?next=")
    token = browserlike.form_at(other, "/login", "/login")["csrf_token"]
    before = user(session).password_hash
    stolen = {"csrf_token": token, "name": "Thief", "password": OTHER_PASSWORD}
    assert other.post(path, data=stolen).status_code == 303
    assert (user(session).password_hash, user(session).name) == (before, "Ada Buyer")


def test_signed_in_as_somebody_else_one_button_signs_out_and_goes_on(client, session, shop, path):
    browserlike.sign_in(client, shop)
    page = text(client.get(path))
    assert "This link was sent to another address" in page and shop.email in page
    assert "Oak table" not in page and ADA not in page
    answer = client.submit(f"{path}/switch", {}, page=path)
    assert (answer.status_code, answer.location) == (303, path)
    assert "Oak table" in text(client.get(path))
    assert client.get("/merchant/").status_code == 303


@pytest.mark.parametrize("how", ["revoked", "expired", "deactivated"])
def test_the_link_of_an_offer_that_is_over_shows_neither_terms_nor_address(
    client, session, shop, plan_id, path, how
):
    token = browserlike.form_at(client, path, path)["csrf_token"]
    with unit_of_work(session):
        if how == "revoked":
            offers.revoke(session, shop, plan_id, now())
        elif how == "deactivated":
            session.execute(update(User).where(User.email == ADA).values(deactivated_at=now()))
    if how == "expired":
        with unit_of_work(session):
            offers.expire(session, shop.id, "UTC", now().date() + timedelta(days=31), now())
    for answer in (client.get(path), client.post(path, data=CLAIM | {"csrf_token": token})):
        page = text(answer)
        assert answer.status_code == 410 and "Oak table" not in page and ADA not in page
    assert user(session).password_hash is None


def test_a_cut_or_foreign_link_has_a_page_of_its_own(app, client, session, shop, plan_id, path):
    other = session.scalars(select(User.id).where(User.email == shop.email)).one()
    key = app.config["SECRET_KEY"]
    bad = [path[:-1], path + "x", "/offers/x"]
    bad += ["/offers/" + offer_tokens.make(key, plan_id, other)]
    bad += ["/offers/" + offer_tokens.make("a key of another portal", plan_id, user(session).id)]
    for each in bad:
        answer = client.get(each)
        assert answer.status_code == 404 and "This link is not complete" in text(answer), each
        assert ADA not in text(answer) and "Oak table" not in text(answer)


def test_the_plain_link_shows_no_terms_and_sends_the_email_again(client, session, shop, plan_id):
    plain = f"/offers/{plan_id}"
    browserlike.sign_in(client, shop)
    assert plain in text(client.get(f"/merchant/plans/{plan_id}"))
    client.submit("/logout", {}, page="/merchant/")
    page = text(client.get(plain))
    for hidden in ("Corner Shop", "Oak table", "$100.00", ADA):
        assert hidden not in page

    def sent():
        session.rollback()
        return len(session.scalars(select(Message.id).where(Message.kind == "offer_sent")).all())

    for count in (2, 2):
        assert client.submit(f"{plain}/send-again", {}, page=plain).status_code == 303
        assert sent() == count
    with unit_of_work(session):
        offers.revoke(session, shop, plan_id, now())
    with unit_of_work(session):
        session.execute(update(Message).values(created_at=now() - timedelta(days=1)))
    client.submit(f"{plain}/send-again", {}, page=plain)
    assert sent() == 2
    assert client.get(f"/offers/{shop.id}").status_code == 404


def test_the_plain_link_leads_its_customer_to_the_offer(client, plan_id, path):
    client.submit(path, CLAIM)
    assert client.get(f"/offers/{plan_id}").location == f"/customer/plans/{plan_id}"


def test_opening_the_link_changes_nothing(client, session, path):
    before = factories.row_counts(session)
    for _ in range(2):
        client.get(path)
        client.head(path)
    assert factories.row_counts(session) == before and user(session).email_verified_at is None


def events(session, plan_id):
    session.rollback()
    return session.scalars(select(Event.kind).where(Event.plan_id == plan_id).order_by(Event.id)).all()


def test_not_for_me_ends_the_offer_and_tells_the_shop(client, session, plan_id, path):
    page = f"{path}/not-for-me"
    assert (
        state(session) == ["offered"]
        and client.get(page).status_code == 200
        and state(session) == ["offered"]
    )
    assert "told that the address is wrong" in text(client.submit(page, {}))
    assert state(session) == ["declined"] and events(session, plan_id)[-1] == "offer_not_for_me"
    told = session.scalars(select(Message).where(Message.kind == "offer_not_for_me")).one()
    assert told.facts["stopped"] is False
    assert (client.get(page).status_code, client.get(path).status_code) == (410, 410)


def test_it_can_stop_all_further_offers_of_that_shop(client, session, shop, path):
    client.submit(f"{path}/not-for-me", {"stop": "y"})
    browserlike.sign_in(client, shop)
    again = {
        "customer_email": ADA,
        "description": "Oak table",
        "total_amount": "100.00",
        "num_installments": "2",
        "start_date": now().date().isoformat(),
    }
    refused = client.submit("/merchant/plans/new", again)
    assert refused.status_code == 422 and 'href="#customer_email"' in text(refused)
    other = factories.make_merchant(session, "Other Shop", now=now())
    factories.offered_plan(session, other, ADA, now=now())
    assert state(session) == ["declined", "offered"]


def test_a_shop_corrects_the_address_of_an_offer_that_nobody_answered(
    app, client, session, shop, plan_id, path
):
    browserlike.sign_in(client, shop)
    page, act = f"/merchant/plans/{plan_id}", f"/merchant/plans/{plan_id}/address"
    for wrong in ("nobody", ADA, shop.email, ""):
        answer = client.submit(act, {"customer_email": wrong}, page=page)
        assert answer.status_code == 422 and 'href="#customer_email"' in text(answer), wrong
    assert state(session) == ["offered"]
    answer = client.submit(act, {"customer_email": "grace@example.com"}, page=page)
    new_id = UUID(answer.location.rpartition("/")[2])
    session.rollback()
    old, new = session.get_one(Plan, (shop.id, plan_id)), session.get_one(Plan, (shop.id, new_id))
    assert (old.state, new.state, new.customer_email) == ("revoked", "offered", "grace@example.com")
    same = ("total", "currency", "num_installments", "start_date", "frequency", "description")
    assert [getattr(old, name) for name in same] == [getattr(new, name) for name in same]
    assert events(session, plan_id)[-1] == "offer_address_corrected"
    assert "Offer sent to grace@example.com instead" in text(client.get(page))
    visitor = app.test_client()
    assert visitor.get(path).status_code == 410
    assert visitor.get(path_of(app, session, new_id)).status_code == 200


def test_an_answered_offer_keeps_its_address(client, session, shop, plan_id):
    browserlike.sign_in(client, shop)
    token = browserlike.form_at(client, f"/merchant/plans/{plan_id}", f"/merchant/plans/{plan_id}/address")
    ada = user(session).id
    with unit_of_work(session):
        offer_addresses.refuse(session, plan_id, ada, False, now())
    sent = token | {"customer_email": "grace@example.com"}
    assert client.post(f"/merchant/plans/{plan_id}/address", data=sent).status_code == 409
    assert state(session) == ["declined"]
