"""The admin's pages over HTTP: what they show, in few statements, and that users are deactivated and reactivated."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import select, text

from portal.adapters.payments import simulator
from portal.core.roles import Role
from portal.models import Plan
from portal.queries import admin
from portal.services import accounts, job_runs, outbox
from portal.services.transaction import unit_of_work
from tests import factories
from tests.factories import NOW, PASSWORD


@pytest.fixture
def boss(session):
    return factories.make_admin(session)


@pytest.fixture
def visit(client, boss):
    """Opens a page as the admin and returns its text, without tags."""
    client.submit("/login", {"email": boss.email, "password": PASSWORD})

    def open_page(path, status=200):
        answer = client.get(path)
        assert answer.status_code == status, path
        page = re.sub(r"<head>.*?</head>", "", answer.get_data(as_text=True), flags=re.S)
        return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))

    return open_page


@pytest.fixture
def shop(session):
    return factories.make_merchant(session)


@pytest.fixture
def ada(session):
    return factories.make_customer(session)


@pytest.fixture
def plan_id(session, shop, ada):
    """Accepted and once paid; the rest of it is late by now."""
    made = factories.accepted_plan(session, shop, ada)
    factories.pay(session, ada, made, 1)
    return made


def test_a_fresh_portal_has_words_for_what_is_empty(visit):
    expected = {
        "/admin/": "Has not run yet",
        "/admin/plans": "No plans found",
        "/admin/messages": "No emails",
        "/admin/jobs": "No job has run yet",
        "/admin/audit": "Admin created on the command line",
        "/admin/self-check": "All checks passed",
        "/admin/users?search=x%25": "No users found",
    }
    for path, words in expected.items():
        assert words in visit(path), path


def test_the_overview_counts(visit, session, plan_id, ada, shop):
    factories.offered_plan(session, shop, "invited@example.com")
    factories.choose_card(session, ada, simulator.TestCard.TIMES_OUT)
    factories.pay(session, ada, plan_id, 2)
    with unit_of_work(session):
        job_runs.record(session, "run_day", NOW.date(), NOW, NOW, {"marked": 3})
        job_runs.record(session, "run_day", NOW.date(), NOW, NOW, {"marked": 4})
        job_runs.record(session, "settle_payments", NOW.date(), NOW, NOW, {}, "TimeoutError: no answer")
    page = visit("/admin/")
    for card in ("Merchants 1", "Customers 2", "Active plans 1", "Payments processing 1"):
        assert f" {card} " in page, card
    waiting = len(admin.list_messages(session, state="queued"))
    assert re.search(rf"Queued emails {waiting} The oldest since 2 Mar 2026, 12:00 UTC", page)
    assert "marked: 4" in page and "marked: 3" not in page and "TimeoutError: no answer" in page
    assert page.count("Working") == 2


def test_pages_ask_little_however_much_there_is(client, visit, session, shop, ada, plan_id, count_statements):
    for _ in range(3):
        factories.offered_plan(session, shop, ada.email)
    message = admin.list_messages(session)[0]
    session.rollback()
    for path in (
        "/admin/",
        "/admin/users",
        f"/admin/users/{ada.id}",
        "/admin/plans",
        f"/admin/plans/{plan_id}",
        "/admin/messages",
        f"/admin/messages/{message.id}",
        "/admin/jobs",
        "/admin/audit",
    ):
        with count_statements() as statements:
            visit(path)
        # A person's page is an event with its origin, too; the first page also looks for reports of another amount.
        most = {f"/admin/users/{ada.id}": 8, "/admin/": 7}
        assert len(statements) <= most.get(path, 6), (path, statements)


def test_users_are_found_by_name_address_and_role(visit, shop, ada):
    assert "Ada Buyer" in visit("/admin/users") and "Corner Shop" in visit("/admin/users")
    for query in ("search=BUYER", "search=ada.b", "role=customer", "search=ada&role=customer"):
        page = visit(f"/admin/users?{query}")
        assert "Ada Buyer" in page and "Corner Shop" not in page, query
    assert "No users found" in visit("/admin/users?search=ada&role=merchant")


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
def test_long_lists_go_on_on_the_next_page(client, visit, session):
    for k in range(51):
        factories.make_customer(session, f"Person {k:02}")
    visit("/admin/users")
    page = client.get("/admin/users?search=person&role=customer").get_data(as_text=True)
    assert page.count('scope="row"') == 50
    following = re.search(r'href="(/admin/users\?[^"]*before=[^"]*)"', page)[1].replace("&amp;", "&")
    assert "search=person" in following and "role=customer" in following
    last = client.get(following).get_data(as_text=True)
    assert "Person 00" in last and last.count('scope="row"') == 1 and 'rel="next"' not in last


def test_a_deactivated_user_is_signed_out_and_can_come_back(app, client, visit, ada):
    theirs = app.test_client()
    theirs.submit("/login", {"email": ada.email, "password": PASSWORD})
    path = f"/admin/users/{ada.id}"
    answer = client.submit(f"{path}/deactivate", {}, page=path)
    assert (answer.status_code, answer.location) == (303, path)
    assert theirs.get("/account").status_code == 303
    assert theirs.submit("/login", {"email": ada.email, "password": PASSWORD}).status_code == 422
    assert "Deactivated on" in visit(path)
    assert client.submit(f"{path}/reactivate", {}, page=path).status_code == 303
    assert theirs.submit("/login", {"email": ada.email, "password": PASSWORD}).status_code == 303
    assert "User deactivated Admin" in visit("/admin/audit") and "User reactivated Admin" in visit(
        "/admin/audit"
    )


def test_an_admin_cannot_lock_the_last_door(client, visit, boss):
    assert "Deactivate" not in visit(f"/admin/users/{boss.id}")
    token = re.search(r'csrf-token" content="([^"]+)"', client.get("/admin/").get_data(as_text=True))[1]
    answer = client.post(f"/admin/users/{boss.id}/deactivate", headers={"X-CSRFToken": token})
    assert answer.status_code == 409
    assert client.get("/admin/").status_code == 200


def test_an_invited_person_is_shown_as_such(visit, session, shop):
    factories.offered_plan(session, shop, "invited@example.com")
    (invited,) = admin.list_users(session, search="invited@")
    assert "Invited" in visit("/admin/users")
    assert "not registered yet" in visit(f"/admin/users/{invited.id}")
    assert "invited@example.com $100.00 Expired" in visit(f"/admin/users/{shop.id}")


def test_plans_are_found_and_can_only_be_read(client, visit, session, plan_id, shop):
    reference = factories.plan_of(
        session, factories.actor(session, admin.get_plan(session, plan_id, NOW).customer_id), plan_id
    ).reference
    for query in (f"search={reference}", "search=ada.buyer", "search=corner", "search=oak", "status=active"):
        assert reference in visit(f"/admin/plans?{query}"), query
    for query in ("search=zebra", "status=declined"):
        assert "No plans found" in visit(f"/admin/plans?{query}"), query
    page = visit(f"/admin/plans/{plan_id}")
    for words in (
        "Oak table",
        "$33.34",
        "1 of 3 paid",
        f"{reference}-1",
        "Terms accepted",
        "192.0.2.7",
        "Late",
        "Test Browser 1.0",
        "Stored text matches its SHA-256 hash Yes",
        "With the button",
    ):
        assert words in page, words
    whole = client.get(f"/admin/plans/{plan_id}").get_data(as_text=True)
    assert re.findall(r'<form method="post" action="([^"]+)"', whole) == ["/logout", "/language"]


def test_an_offer_shows_that_nothing_is_owed(visit, session, shop):
    plan_id = factories.offered_plan(session, shop, "invited@example.com")
    page = visit(f"/admin/plans/{plan_id}")
    assert "Nobody has accepted this plan" in page and "Nothing has been paid yet" in page


def test_a_email_is_shown_as_it_would_go_out_and_then_as_it_went(app, visit, session, plan_id):
    (offer,) = [row for row in admin.list_messages(session) if row.kind == "offer_sent"]
    path = f"/admin/messages/{offer.id}"
    page = visit(path)
    assert "as it would be sent now" in page and f"/customer/plans/{plan_id}" in page and "Queued" in page
    adapters = app.extensions["adapters"]
    outbox.deliver(session, adapters.mailer, adapters.emails.write, lambda: NOW)
    session.rollback()
    page = visit(path)
    assert "as it would be sent now" not in page and f"/customer/plans/{plan_id}" in page and "Sent" in page
    assert "No emails" in visit("/admin/messages?state=queued")


def test_an_email_is_shown_with_its_formatting_where_it_can_do_nothing(
    app, client, visit, session, shop, plan_id
):
    (offer,) = [row for row in admin.list_messages(session) if row.kind == "offer_sent"]

    def shown(path):
        return client.get(path).get_data(as_text=True)

    path = f"/admin/messages/{offer.id}"
    assert f'<iframe class="email-frame" sandbox loading="lazy" src="{path}/html"' in shown(path)
    as_it_would_be = shown(f"{path}/html")
    assert "<table" in as_it_would_be and f"/customer/plans/{plan_id}" in as_it_would_be
    adapters = app.extensions["adapters"]
    outbox.deliver(session, adapters.mailer, adapters.emails.write, lambda: NOW)
    with unit_of_work(session):
        accounts.change_shop(session, shop, "Another Name", shop.email, "UTC", NOW)
    sent = client.get(f"{path}/html")
    assert sent.get_data(as_text=True) == as_it_would_be
    directives = sent.headers["Content-Security-Policy"].split("; ")
    assert {"sandbox", "default-src 'none'", "frame-ancestors 'self'"} <= set(directives)
    assert sent.headers["X-Frame-Options"] == "SAMEORIGIN"
    session.execute(text("UPDATE messages SET html = NULL"))
    session.commit()
    assert client.get(f"{path}/html").status_code == 404 and "iframe" not in shown(path)


def test_the_audit_trail_has_words_for_everything_that_happened(client, visit, session, shop, ada, plan_id):
    factories.choose_card(session, ada, simulator.TestCard.DECLINED)
    factories.pay(session, ada, plan_id, 2)
    with unit_of_work(session):
        accounts.change_shop(session, shop, "Corner", "a@example.com", "UTC", NOW)
        accounts.change_profile(session, ada, "Ada", "en", "succeeds", NOW)
        accounts.change_password(session, shop.id, factories.password_hash(), NOW)
    page = visit("/admin/audit")
    assert not re.search(r"\b[a-z]+_[a-z]+\b", page)
    for words in (
        "Signed in",
        "Account opened",
        "Shop settings changed",
        "Profile changed",
        "Password changed",
        "Offer sent",
        "Terms accepted",
        "$33.34 paid",
        "the card was declined",
    ):
        assert words in page, words


def test_the_audit_trail_is_searched_by_person_and_by_plan(visit, session, shop, ada, plan_id):
    other = factories.offered_plan(
        session, factories.make_merchant(session, "Other Shop", now=NOW), "eve@example.com"
    )
    reference = session.scalars(select(Plan.reference).where(Plan.id == other)).one()
    for search in (reference, f" {reference[:4].lower()}-{reference[4:]}"):
        page = visit(f"/admin/audit?search={search}")
        assert "Offer sent" in page and "Other Shop" in page and "Terms accepted" not in page, search
    page = visit(f"/admin/audit?search={ada.email}")
    assert "Terms accepted" in page and "Offer sent" not in page and "Ada" in page
    assert "No activity found" in visit("/admin/audit?search=nobody@example.com")
    assert "This user's activity" in visit(f"/admin/users/{ada.id}")


@pytest.mark.parametrize("database_role", ["owner"])
def test_the_self_check_turns_red(visit, session, plan_id, database_role):
    assert "All checks passed" in visit("/admin/self-check")
    with unit_of_work(session):
        session.execute(text("DELETE FROM messages WHERE kind = 'payment_received'"))
    page = visit("/admin/self-check")
    assert "All checks passed" not in page
    assert "Every successful payment has its email and its event. 1 row fails" in page


@pytest.mark.parametrize("role", [Role.MERCHANT, Role.CUSTOMER])
def test_nobody_else_comes_in(client, shop, ada, role):
    person = shop if role is Role.MERCHANT else ada
    client.submit("/login", {"email": person.email, "password": PASSWORD})
    assert client.get("/admin/").status_code == 403
