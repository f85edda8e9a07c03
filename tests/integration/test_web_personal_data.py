"""Downloading all of one's own data, and closing the account: what goes, what stays, and what stands against it."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from datetime import timedelta

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError

from portal.adapters.payments.simulator import Simulator
from portal.core.errors import Conflict
from portal.core.roles import MemberRole, Role
from portal.core.terms import hash_text
from portal.extensions import now
from portal.models import (
    Acceptance,
    Event,
    EventOrigin,
    Mandate,
    Member,
    Merchant,
    Message,
    Plan,
    SecondFactor,
    User,
    UserSession,
    UserToken,
)
from portal.services import accounts, autopay, closing, mandates
from portal.services.transaction import unit_of_work
from tests import factories
from tests.browserlike import sign_in, text
from tests.factories import PASSWORD

CLOSE, DATA = "/account/close", "/account/data"


@pytest.fixture
def shop(session):
    return factories.make_merchant(session, now=now())


@pytest.fixture
def ada(session):
    return factories.make_customer(session, now=now())


def paid_plan(session, shop, ada, but=0):
    """A plan on which nothing is owed any more, ``but`` for some of its installments."""
    plan_id = factories.accepted_plan(session, shop, ada, now=now(), first=now().date())
    for number in (1, 2, 3)[: 3 - but]:
        factories.pay(session, ada, plan_id, number, now=now())
    return plan_id


def take_by_consent(session, ada, plan_id):
    """What is left of the plan is taken from the customer's card."""
    text = "Take what is due."
    mandates.give(session, Simulator(), ada, plan_id, text, hash_text(text), factories.ORIGIN, now())
    assert autopay.take_due(session, Simulator(), now() + timedelta(days=65))["attempted"] == 1


def download(client):
    answer = client.submit(DATA, {}, page="/account")
    assert answer.status_code == 200 and answer.mimetype == "application/zip"
    return zipfile.ZipFile(io.BytesIO(answer.data))


def grow_old(session):
    """Ten minutes pass since everybody proved who they are."""
    with unit_of_work(session):
        session.execute(update(UserSession).values(confirmed_at=now() - timedelta(minutes=10, seconds=1)))


def test_the_file_holds_all_that_is_the_persons_and_nobody_elses(app, session, client, shop, ada):
    eve = factories.make_customer(session, "Eve Else", now=now())
    take_by_consent(session, ada, paid_plan(session, shop, ada, but=1))
    factories.offered_plan(session, shop, ada.email, now=now(), first=now().date(), description="=Oak table")
    paid_plan(session, shop, eve)
    factories.second_factor_of(session, eve, app.config["SECRET_KEY"])
    sign_in(client, ada)
    packed = download(client)
    tables = json.loads(packed.read("data.json"))
    assert set(packed.namelist()) == {"data.json", *(f"{name}.csv" for name in tables)}
    counts = {name: len(rows) for name, rows in tables.items()}
    assert counts["account"] == counts["sessions"] == counts["customer_of"] == counts["acceptances"] == 1
    assert counts["plans"] == 2 and counts["installments"] == 6
    assert counts["payments"] == counts["payments_of_installments"] == 3
    assert counts["emails"] >= 2 and counts["events"] >= 5 and counts["shops"] == 0
    (consent,), (attempt,) = tables["automatic_payments"], tables["automatic_payment_attempts"]
    assert (consent["text"], consent["last_four"]) == ("Take what is due.", "4242")
    assert (attempt["number"], attempt["amount"], attempt["outcome"]) == (3, "33.33", "succeeded")
    assert tables["account"][0]["email"] == ada.email
    assert tables["payments"][0]["amount"] == "33.34", "an amount, not minor units"
    assert tables["acceptances"][0]["terms"] == tables["plans"][0]["terms"]
    whole = b"".join(packed.read(name) for name in packed.namelist()).decode()
    user = session.get_one(User, ada.id)
    for secret in (user.password_hash, "Eve Else", eve.email, str(eve.id), "session_version"):
        assert secret not in whole
    cells = [
        cell for row in csv.reader(io.StringIO(packed.read("plans.csv").decode("utf-8-sig"))) for cell in row
    ]
    assert "'=Oak table" in cells, "no formula"
    session.rollback()
    assert session.scalars(select(Event.actor_id).where(Event.kind == "data_downloaded")).all() == [ada.id]


def test_a_shops_owner_gets_the_membership_and_not_the_customers(session, client, shop, ada):
    paid_plan(session, shop, ada)
    sign_in(client, shop)
    tables = json.loads(download(client).read("data.json"))
    assert [row["role"] for row in tables["shops"]] == ["owner"]
    assert tables["plans"] == tables["payments"] == []
    assert "description" not in json.dumps(tables["events"])


def test_both_ask_again_who_it_is(session, client, ada):
    sign_in(client, ada)
    grow_old(session)
    assert client.submit(DATA, {}, page="/account").location.startswith("/account/confirm")
    assert client.get(CLOSE).location == f"/account/confirm?next={CLOSE}"
    assert client.submit(f"/account/confirm?next={CLOSE}", {"password": PASSWORD}).location == CLOSE
    assert client.get(CLOSE).status_code == 200


def test_a_closed_account_is_forgotten_and_what_was_agreed_and_paid_stays(app, session, client, shop, ada):
    plan_id = paid_plan(session, shop, ada)
    open_offer = factories.offered_plan(session, shop, ada.email, now=now(), first=now().date())
    sign_in(client, ada)
    client.get("/account/calendar")
    other = app.test_client()
    sign_in(other, ada)
    wrong = app.test_client()
    wrong.submit("/login", {"email": ada.email, "password": "a wrong guess"})
    page = text(client.get(CLOSE))
    assert "cannot be undone" in page and "receipts" in page and "cannot be closed yet" not in page
    assert client.submit(CLOSE, {}).location == "/login"
    assert "Your account is closed" in text(client.get("/login"))
    for browser in (client, other):
        assert browser.get("/account").location.startswith("/login")
    again = app.test_client().submit("/login", {"email": ada.email, "password": PASSWORD})
    assert again.status_code == 422
    session.rollback()
    user = session.get_one(User, ada.id)
    assert (user.name, user.password_hash, user.calendar_key) == ("Closed account", None, None)
    assert user.email.endswith("@closed.invalid") and user.closed_at
    for table in (UserSession, UserToken, SecondFactor):
        assert session.scalars(select(table.user_id).where(table.user_id == ada.id)).all() == []
    origins = select(func.count()).select_from(EventOrigin).join(Event, Event.id == EventOrigin.event_id)
    assert session.scalars(origins.where(Event.actor_id == ada.id)).one() == 0
    assert session.scalars(origins.where(Event.kind == "wrong_password")).one() == 0
    assert session.get_one(Plan, (shop.id, plan_id)).customer_email == ada.email
    assert session.get_one(Acceptance, (shop.id, plan_id)).terms
    assert session.get_one(Plan, (shop.id, open_offer)).state == "declined"
    mail = session.scalars(select(Message).where(Message.kind == "account_closed")).one()
    assert mail.facts["send_to"] == ada.email
    session.rollback()
    assert factories.broken_invariants(session) == []


def test_the_address_signs_up_anew_and_sees_nothing_of_the_old_plans(app, session, client, shop, ada):
    plan_id = paid_plan(session, shop, ada)
    with unit_of_work(session):
        closing.close(session, ada, now())
    anew = factories.sign_up(session, factories.account(Role.CUSTOMER, "Ada Buyer"), now())
    assert anew.id != ada.id
    sign_in(client, anew)
    assert (
        "Walnut" not in text(client.get("/customer/"))
        and client.get(f"/customer/plans/{plan_id}").status_code == 404
    )
    seller = app.test_client()
    sign_in(seller, shop)
    assert seller.get(f"/merchant/plans/{plan_id}").status_code == 200
    factories.accepted_plan(session, shop, anew, now=now(), first=now().date())
    assert factories.broken_invariants(session) == []


def test_a_closed_account_has_no_consent_to_automatic_payments_any_more(session, shop, ada):
    consents = [paid_plan(session, shop, ada, but=1) for _ in range(2)]
    for plan_id in consents:
        take_by_consent(session, ada, plan_id)
    with unit_of_work(session):
        closing.close(session, ada, now())
    assert session.scalars(select(func.count()).select_from(Mandate)).one() == 2
    assert session.scalars(select(Mandate.id).where(Mandate.revoked_at.is_(None))).all() == []


def test_nothing_is_closed_while_something_is_owed(session, client, shop, ada):
    plan_id = factories.accepted_plan(session, shop, ada, now=now(), first=now().date())
    reference = session.get_one(Plan, (shop.id, plan_id)).reference
    session.rollback()
    sign_in(client, ada)
    page = text(client.get(CLOSE))
    assert "cannot be closed yet" in page and reference in page
    token = client.get("/account")
    fields = {"csrf_token": text(token).partition('name="csrf_token" value="')[2].partition('"')[0]}
    assert client.post(CLOSE, data=fields).status_code == 409
    assert factories.actor(session, ada.id).email == ada.email


def test_a_shop_with_open_plans_keeps_its_last_owner_and_lets_others_go(session, shop, ada):
    factories.offered_plan(session, shop, ada.email, now=now(), first=now().date())
    with pytest.raises(Conflict, match="Corner Shop has open offers"), unit_of_work(session):
        closing.close(session, shop, now())
    partner = factories.make_customer(session, "Pat Partner", now=now())
    with unit_of_work(session):
        row = {"merchant_id": shop.id, "user_id": partner.id, "created_at": now()}
        session.add(Member(role=MemberRole.OWNER, **row))
    with unit_of_work(session):
        closing.close(session, shop, now())
    owners = session.scalars(select(Member.user_id).where(Member.merchant_id == shop.id)).all()
    assert owners == [partner.id]
    assert session.get_one(Merchant, shop.id).suspended_at is None
    session.rollback()
    assert factories.broken_invariants(session) == []


def test_a_shop_without_another_owner_is_suspended(session, shop):
    with unit_of_work(session):
        closing.close(session, shop, now())
    assert session.get_one(Merchant, shop.id).suspended_at
    session.rollback()
    assert factories.broken_invariants(session) == []


def test_an_admin_is_not_closed_and_opens_no_closed_account_again(session, client, ada):
    boss = factories.make_admin(session)
    with pytest.raises(Conflict, match="another admin"), unit_of_work(session):
        closing.close(session, boss, now())
    with unit_of_work(session):
        closing.close(session, ada, now())
    with pytest.raises(Conflict, match="closed by its owner"), unit_of_work(session):
        accounts.reactivate(session, boss, ada.id, now())
    sign_in(client, boss)
    page = text(client.get(f"/admin/users/{ada.id}"))
    assert "Closed account" in page and "Reactivate" not in page
    with pytest.raises(IntegrityError, match="closed_at"), unit_of_work(session):
        session.execute(update(User).where(User.id == ada.id).values(deactivated_at=None))
