"""A shop's team: invited by a link, joined with and without an account, within a role, removed at once."""

from __future__ import annotations

import re
from datetime import timedelta
from threading import Barrier, Thread

import pytest
from sqlalchemy import select, update

from portal.core.errors import Conflict
from portal.core.roles import MemberRole
from portal.extensions import db, now
from portal.models import Event, Member, MemberInvitation, Message, Plan, User, UserSession
from portal.queries import admin
from portal.services import shops, team
from portal.services.transaction import unit_of_work
from tests import browserlike, factories
from tests.browserlike import sign_in, text
from tests.factories import PASSWORD

TEAM = "/merchant/team"
INVITE = f"{TEAM}/invite"
BO = "bo.seller@example.com"
CLAIM = {"name": "Bo Seller", "password": "seven-quiet-lanterns"}


@pytest.fixture
def environ(environ):
    """With a mail server, of which the tests need no more than its name."""
    return environ | {"MAIL_URL": "smtp://127.0.0.1:9"}


@pytest.fixture
def shop(session):
    """A shop whose owner's address is verified."""
    made = factories.make_merchant(session, now=now())
    verify(session, made.email)
    yield factories.actor(session, made.id)
    assert factories.broken_invariants(session) == []


@pytest.fixture
def owner(app, shop):
    client = app.test_client()
    sign_in(client, shop)
    return client


def verify(session, email):
    with unit_of_work(session):
        session.execute(update(User).where(User.email == email).values(email_verified_at=now()))


def link_of(app, session, email=BO):
    """The link of the last invitation, as its email holds it."""
    session.rollback()
    query = select(Message.id).join(User, User.id == Message.user_id)
    query = query.where(Message.kind == "member_invited", User.email == email).order_by(Message.id.desc())
    written = app.extensions["adapters"].emails.write(
        admin.get_message(session, session.scalars(query).first())
    )
    assert written.secret, "nobody but the recipient reads it"
    return "/join/" + re.search(r"/join/(\S+)", written.text)[1]


def invite(client, email=BO, role="seller"):
    return client.submit(INVITE, {"email": email, "role": role}, page=TEAM)


def join(app, session, shop, email=BO, role="seller"):
    """Somebody new who has joined; returns the browser."""
    person = factories.actor(session, shop.id)
    with unit_of_work(session):
        team.invite(session, person, email, role, now())
    client = app.test_client()
    assert client.submit(link_of(app, session, email), CLAIM).status_code == 303
    return client


def roles(session):
    session.rollback()
    rows = session.execute(select(User.email, Member.role).join(User, User.id == Member.user_id))
    return dict(tuple(row) for row in rows)


def user_id(session, email=BO):
    session.rollback()
    return session.scalars(select(User.id).where(User.email == email)).one()


def sessions(session, email=BO):
    session.rollback()
    return session.scalars(select(UserSession.id).join(User).where(User.email == email)).all()


def events(session, kind):
    session.rollback()
    return session.scalars(select(Event.facts).where(Event.kind == kind).order_by(Event.id)).all()


def pass_minutes(session):
    """Two minutes pass since the invitations were sent."""
    with unit_of_work(session):
        session.execute(update(MemberInvitation).values(sent_at=now() - timedelta(minutes=2)))


def test_somebody_new_is_invited_joins_and_acts_within_the_role(app, session, shop, owner):
    answer = invite(owner)
    assert (answer.status_code, answer.location) == (303, TEAM)
    page = text(owner.get(TEAM))
    assert BO in page and "Works until" in page
    path, bo = link_of(app, session), app.test_client()
    shown = text(bo.get(path))
    for words in ("Join Corner Shop", "Sales", BO, "Create account and join"):
        assert words in shown
    assert roles(session) == {shop.email: "owner"}, "looking at the link joins nothing"
    assert bo.submit(path, CLAIM).location == "/merchant/"
    assert roles(session) == {shop.email: "owner", BO: "seller"}
    assert session.scalars(select(User.email_verified_at).where(User.email == BO)).one()
    assert "Welcome to the team" in text(bo.get("/merchant/"))
    assert bo.get("/merchant/plans/new").status_code == 200
    assert bo.get("/merchant/settings").status_code == 403
    assert "Only an owner can change the team" in text(bo.get(TEAM)), "a member reads it"
    token = browserlike.form_at(bo, "/account", "/account")["csrf_token"]
    assert bo.post(INVITE, data={"csrf_token": token, "email": "x@example.com"}).status_code == 403
    assert bo.get(path).status_code == 410 and "no longer works" in text(bo.get(path))
    assert "Bo Seller" in text(owner.get(TEAM)) and "Works until" not in text(owner.get(TEAM))
    assert [facts["role"] for facts in events(session, "member_invited")] == ["seller"]
    assert events(session, "member_changed")[0]["before"] is None


def test_who_has_an_account_joins_with_its_password_or_signed_in(app, session, shop, owner):
    cy, dee = (factories.make_customer(session, name, now=now()) for name in ("Cy Buyer", "Dee Buyer"))
    for person in (cy, dee):
        verify(session, person.email)
        assert invite(owner, person.email, "manager").status_code == 303
    by_password, signed_in = app.test_client(), app.test_client()
    path = link_of(app, session, cy.email)
    wrong = by_password.submit(path, {"password": "wrong-password-1"})
    assert wrong.status_code == 422 and "not the password of this account" in text(wrong)
    assert by_password.submit(path, {"password": PASSWORD}).location == "/merchant/"
    sign_in(signed_in, dee)
    assert "Join the team" in text(signed_in.get(link_of(app, session, dee.email)))
    assert signed_in.submit(link_of(app, session, dee.email), {}).location == "/merchant/"
    assert signed_in.get("/merchant/settings").status_code == 200
    assert roles(session) == {shop.email: "owner", cy.email: "manager", dee.email: "manager"}


def test_a_link_opened_by_somebody_else_leads_to_signing_out(app, session, shop, owner):
    invite(owner)
    path, client = link_of(app, session), app.test_client()
    other = factories.make_customer(session, now=now())
    sign_in(client, other)
    assert "was sent to another address" in text(client.get(path))
    assert client.submit(f"{path}/switch", {}, page=path).location == path
    assert client.submit(path, CLAIM).location == "/merchant/"
    assert other.email not in roles(session)


def test_links_that_do_not_work_have_a_page_of_their_own(app, session, shop, owner, client):
    invite(owner)
    first = link_of(app, session)
    assert client.get(first[:-2]).status_code == 404 and "not complete" in text(client.get(first[:-2]))
    assert client.get("/join/x").status_code == 404
    resend, withdraw = (f"{TEAM}/invitations/{user_id(session)}/{act}" for act in ("resend", "withdraw"))
    too_soon = owner.submit(resend, {}, page=TEAM)
    assert too_soon.status_code == 429 and "Wait a minute" in text(too_soon)
    pass_minutes(session)
    assert owner.submit(resend, {}, page=TEAM).status_code == 303
    second = link_of(app, session)
    assert second != first
    assert client.get(first).status_code == 410, "a newer link replaced it"
    assert client.get(second).status_code == 200
    with unit_of_work(session):
        past = now() - timedelta(days=2)
        session.execute(update(MemberInvitation).values(sent_at=past, expires_at=past + timedelta(days=1)))
    expired = client.get(second)
    assert expired.status_code == 410 and "It has expired" in text(expired)
    assert "Expired" in text(owner.get(TEAM))
    assert owner.submit(resend, {}, page=TEAM).status_code == 303
    third = link_of(app, session)
    assert owner.submit(withdraw, {}, page=TEAM).status_code == 303
    assert client.get(third).status_code == 410
    assert owner.post(withdraw, data=browserlike.form_at(owner, TEAM, INVITE)).status_code == 404
    assert roles(session) == {shop.email: "owner"}
    assert events(session, "member_removed")[0]["joined"] is False


def test_bad_input_names_its_field_and_keeps_what_was_typed(session, owner):
    answer = owner.submit(INVITE, {"email": "nobody", "role": "king"}, page=TEAM)
    assert answer.status_code == 422
    for words in ("nobody", "Choose a role from the list", "There is a problem"):
        assert words in text(answer)
    assert session.scalars(select(MemberInvitation.email)).all() == []


def test_whoever_is_in_the_team_or_a_customer_is_not_invited(app, session, shop, owner):
    ada = factories.make_customer(session, now=now())
    verify(session, ada.email)
    offer = factories.offered_plan(session, shop, ada.email, now=now())
    refused = invite(owner, ada.email)
    assert refused.status_code == 422 and "cannot be a customer of the same shop" in text(refused)
    assert "in your team already" in text(invite(owner, shop.email))
    with unit_of_work(session):
        session.execute(update(Plan).where(Plan.id == offer).values(state="revoked"))
    assert invite(owner, ada.email).status_code == 303, "an offer that was never accepted is no obstacle"


def test_who_became_a_customer_meanwhile_cannot_join(app, session, shop, owner, client):
    ada = factories.make_customer(session, now=now())
    verify(session, ada.email)
    invite(owner, ada.email)
    factories.accepted_plan(session, shop, factories.actor(session, ada.id), now=now())
    refused = client.submit(link_of(app, session, ada.email), {"password": PASSWORD})
    assert refused.status_code == 409 and "You are a customer of this shop" in text(refused)
    assert roles(session) == {shop.email: "owner"}


def test_a_role_changes_from_the_next_request_on_and_removal_signs_out_at_once(app, session, shop, owner):
    bo = join(app, session, shop)
    member = f"{TEAM}/{user_id(session)}"
    assert bo.get("/merchant/settings").status_code == 403
    assert owner.submit(f"{member}/role", {"role": "manager"}, page=TEAM).status_code == 303
    assert bo.get("/merchant/settings").status_code == 200
    bad = owner.submit(f"{member}/role", {"role": "king"}, page=TEAM)
    assert bad.status_code == 422 and "Choose a role from the list" in text(bad)
    tokens = app.test_client().post("/api/token/", json={"username": BO, "password": CLAIM["password"]}).json
    bearer = {"Authorization": f"Bearer {tokens['access']}"}
    assert app.test_client().get("/api/plans/", headers=bearer).status_code == 200
    assert owner.submit(f"{member}/remove", {}, page=TEAM).status_code == 303
    assert sessions(session) == []
    assert bo.get("/merchant/").location.startswith("/login")
    assert app.test_client().get("/api/plans/", headers=bearer).status_code == 401
    assert (
        app.test_client().post("/api/token/refresh/", json={"refresh": tokens["refresh"]}).status_code == 401
    )
    assert roles(session) == {shop.email: "owner"}
    kinds = session.scalars(select(Message.kind).join(User).where(User.email == BO)).all()
    assert {"member_changed", "member_removed"} <= set(kinds)


def test_the_last_owner_cannot_go(app, session, shop, owner):
    own = f"{TEAM}/{shop.id}"
    for act, fields in (("remove", {}), ("role", {"role": "seller"})):
        refused = owner.submit(f"{own}/{act}", fields, page=TEAM)
        assert refused.status_code == 409 and "A shop needs an owner" in text(refused)
    join(app, session, shop, role="owner")
    assert owner.submit(f"{own}/remove", {}, page=TEAM).location == "/"
    assert roles(session) == {BO: "owner"}


@pytest.mark.parametrize("engine_name", ["postgres"], indirect=True)
def test_two_owners_who_remove_each_other_at_once_leave_one(app, session, shop):
    join(app, session, shop, role="owner")
    pair = [factories.actor(session, one) for one in (shop.id, user_id(session))]
    start, refused = Barrier(2), []

    def run(acting, other):
        with app.app_context():
            start.wait()
            try:
                with unit_of_work(db.session):
                    team.remove(db.session, acting, other.id, now())
            except Conflict as conflict:
                refused.append(conflict.code)

    threads = [Thread(target=run, args=args) for args in (pair, pair[::-1])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert refused == ["last_owner"]
    assert list(roles(session).values()) == ["owner"]


def test_team_changes_ask_for_the_password_again(session, shop, owner):
    with unit_of_work(session):
        session.execute(update(UserSession).values(confirmed_at=now() - timedelta(minutes=10, seconds=1)))
    asked = invite(owner)
    assert asked.location == f"/account/confirm?next={TEAM}"
    assert session.scalars(select(MemberInvitation.email)).all() == []
    owner.submit(asked.location, {"password": PASSWORD})
    kept = text(owner.get(TEAM))
    assert BO in kept, "what was typed is back in the form"
    assert invite(owner).status_code == 303


def test_an_unproved_shop_invites_nobody_and_a_suspended_one_neither(app, session, client):
    fresh = factories.make_merchant(session, "Fresh Shop", now=now())
    sign_in(client, fresh)
    refused = invite(client)
    assert refused.status_code == 403 and "Verify your email address first" in text(refused)
    verify(session, fresh.email)
    assert invite(client).status_code == 303
    boss = factories.make_admin(session, now=now())
    with unit_of_work(session):
        shops.suspend(session, boss, fresh.id, now())
    assert invite(client, "dee@example.com").status_code == 409
    late = app.test_client().submit(link_of(app, session), CLAIM)
    assert late.status_code == 409 and "suspended" in text(late)


def test_the_page_shows_the_one_table_of_permissions(owner):
    page = text(owner.get(TEAM))
    rows = re.findall(r"<tr>(.*?)</tr>", page.partition("What each role may do")[2], re.DOTALL)
    granted = {re.sub("<[^>]+>", "", row.partition("</th>")[0]): row.count(">Yes<") for row in rows}
    assert granted["Refund"] == 2 and granted["Send, correct and revoke offers"] == 3
    assert granted["Manage the team"] == 1
    assert len(MemberRole) == 4


def test_two_invitations_of_one_shop_do_not_show_who_is_registered(app, session, shop, owner):
    known = factories.make_customer(session, now=now())
    answers = [invite(owner, email) for email in (known.email, "unknown@example.com")]
    assert {(answer.status_code, answer.location) for answer in answers} == {(303, TEAM)}
    page = text(owner.get(TEAM))
    assert known.name not in page


@pytest.fixture
def second_shop(app, session, shop):
    """Another shop, of which Bo is the bookkeeper; first Bo sells for the corner shop."""
    bo = join(app, session, shop)
    other = factories.make_merchant(session, "Other Shop", now=now())
    verify(session, other.email)
    inviter = factories.actor(session, other.id)
    with unit_of_work(session):
        team.invite(session, inviter, BO, "bookkeeper", now())
    path = link_of(app, session)
    assert bo.submit(path, {}).location == "/merchant/"
    return other


def test_a_person_in_several_shops_chooses_one_at_sign_in_and_switches(app, session, shop, second_shop):
    client = app.test_client()
    entered = client.submit("/login", {"email": BO, "password": CLAIM["password"]})
    assert entered.location == "/account/shops"
    page = text(client.get("/account/shops"))
    assert "Corner Shop" in page and "Other Shop" in page and "You act for this shop" in page
    assert client.get("/merchant/plans/new").status_code == 200, "the oldest membership first: sales"
    assert client.get("/merchant/exports/plans.csv").status_code == 403
    switched = client.submit(f"/account/shops/{second_shop.id}", {}, page="/account/shops")
    assert switched.location == "/merchant/"
    assert "You now act for Other Shop" in text(client.get("/merchant/"))
    assert client.get("/merchant/plans/new").status_code == 403, "a bookkeeper of the other shop"
    assert client.get("/merchant/exports/plans.csv").status_code == 200
    assert 'href="/merchant/settings"' not in text(client.get("/merchant/")), "no link to what is refused"
    stranger = factories.make_merchant(session, "Third Shop", now=now())
    token = browserlike.form_at(client, "/account", "/account")["csrf_token"]
    assert client.post(f"/account/shops/{stranger.id}", data={"csrf_token": token}).status_code == 404


def test_removal_from_one_shop_leaves_the_sessions_of_the_other(app, session, shop, owner, second_shop):
    client = app.test_client()
    client.submit("/login", {"email": BO, "password": CLAIM["password"]})
    client.submit(f"/account/shops/{second_shop.id}", {}, page="/account/shops")
    owner.submit(f"{TEAM}/{user_id(session)}/remove", {}, page=TEAM)
    assert client.get("/merchant/").status_code == 200
    assert 'title="Switch shop"' not in text(client.get("/merchant/"))


def test_a_token_acts_for_the_shop_that_it_names(app, session, shop, second_shop):
    client = app.test_client()

    def token(**more):
        return client.post("/api/token/", json={"username": BO, "password": CLAIM["password"]} | more)

    def me(answer):
        return client.get("/api/auth/me/", headers={"Authorization": f"Bearer {answer.json['access']}"}).json

    def offers(answer):
        headers = {"Authorization": f"Bearer {answer.json['access']}"}
        plan = {"customer_email": "x@example.com"}
        return client.post("/api/plans/", json=plan, headers=headers).status_code

    assert me(token())["merchants"] == [
        {"id": str(shop.id), "name": "Corner Shop", "role": "seller"},
        {"id": str(second_shop.id), "name": "Other Shop", "role": "bookkeeper"},
    ]
    assert offers(token()) == 422, "the oldest membership: a seller may offer, if all is filled in"
    assert offers(token(merchant=str(second_shop.id))) == 403, "a bookkeeper may not"
    before = len(sessions(session))
    stranger = factories.make_merchant(session, "Third Shop", now=now())
    for wrong in (str(stranger.id), "corner-shop", ""):
        refused = token(merchant=wrong)
        assert refused.status_code == 422 and list(refused.json["errors"]) == ["merchant"], wrong
    assert len(sessions(session)) == before
