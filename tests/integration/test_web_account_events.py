"""What happens to an account is recorded with its network and browser, and its owner is told of what matters."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from portal.models import Event, EventOrigin, Message
from tests import factories
from tests.browserlike import sign_in, text
from tests.factories import PASSWORD

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0"
ELSEWHERE = {"environ_base": {"REMOTE_ADDR": "198.51.100.7"}, "headers": {"User-Agent": FIREFOX}}


@pytest.fixture
def ada(session):
    return factories.make_customer(session)


def emails(session, kind):
    session.rollback()
    return session.scalars(select(Message).where(Message.kind == kind)).all()


def recorded(session, kind):
    session.rollback()
    return session.execute(
        select(Event.actor_id, Event.facts, EventOrigin.network, EventOrigin.browser)
        .join(EventOrigin, EventOrigin.event_id == Event.id)
        .where(Event.kind == kind)
    ).all()


def test_a_sign_in_from_a_new_device_is_told_once(app, session, ada):
    fields = {"email": ada.email, "password": PASSWORD}
    first = app.test_client()
    first.submit("/login", fields)
    assert emails(session, "new_device") == [], "there is no older device that it could be told from"
    app.test_client().submit("/login", fields)
    assert emails(session, "new_device") == [], "the same browser and network, without its cookie"
    app.test_client().submit("/login", fields, **ELSEWHERE)
    app.test_client().submit("/login", fields, **ELSEWHERE)
    (email,) = emails(session, "new_device")
    assert email.user_id == ada.id
    assert email.facts["browser"] == "Firefox, Linux" and email.facts["network"] == "198.51.100.0/24"
    first.submit("/logout", {}, page="/account")
    first.submit("/login", fields, environ_base={"REMOTE_ADDR": "203.0.113.5"})
    assert len(emails(session, "new_device")) == 1, "a known browser elsewhere"


def test_a_program_on_a_new_network_is_told_too(app, session, ada):
    sign_in(app.test_client(), ada)
    body = {"username": ada.email, "password": PASSWORD}
    assert app.test_client().post("/api/token/", json=body, **ELSEWHERE).status_code == 200
    assert len(emails(session, "new_device")) == 1


def test_a_wrong_password_is_recorded_and_shown_to_the_person(app, session, ada):
    wrong = {"email": ada.email, "password": "a wrong guess"}
    app.test_client().submit("/login", wrong, **ELSEWHERE)
    app.test_client().submit("/login", wrong | {"email": "nobody@example.com"}, **ELSEWHERE)
    assert recorded(session, "wrong_password") == [
        (None, {"user": str(ada.id)}, "198.51.100.0/24", "Firefox, Linux")
    ]
    client = app.test_client()
    sign_in(client, ada)
    page = text(client.get("/account/security"))
    assert "Last wrong passwords" in page and "198.51.100.0/24" in page


def test_a_changed_password_is_told(app, session, ada):
    client = app.test_client()
    sign_in(client, ada)
    fields = {"current_password": PASSWORD, "password": "another-horse-battery"}
    fields["password2"] = fields["password"]
    client.submit("/account/password", fields, page="/account")
    (email,) = emails(session, "password_changed")
    assert email.user_id == ada.id


def test_an_export_is_recorded_with_where_it_went(app, session):
    shop = factories.make_merchant(session)
    client = app.test_client()
    sign_in(client, shop)
    assert client.get("/merchant/exports/nothing.csv").status_code == 404
    assert recorded(session, "exported") == []
    files = ("plans.csv", "payments.csv", "receivables.csv", "journal.csv", "journal.beancount")
    for file in files:
        assert client.get(f"/merchant/exports/{file}", buffered=True, **ELSEWHERE).status_code == 200
    assert recorded(session, "exported") == [
        (shop.id, {"file": file}, "198.51.100.0/24", "Firefox, Linux") for file in files
    ]


def test_an_admin_who_opens_a_persons_page_is_recorded(app, session, ada):
    boss, client = factories.make_admin(session), app.test_client()
    sign_in(client, boss)
    client.get(f"/admin/users/{boss.id.hex[::-1]}")
    assert recorded(session, "person_read") == []
    assert client.get(f"/admin/users/{ada.id}", **ELSEWHERE).status_code == 200
    assert recorded(session, "person_read") == [
        (boss.id, {"user": str(ada.id)}, "198.51.100.0/24", "Firefox, Linux")
    ]
    assert "198.51.100.0/24, Firefox, Linux" in text(client.get("/admin/audit"))
