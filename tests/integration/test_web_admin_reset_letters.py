"""A letter that sets a password is shown to an admin only where no mail server is set, and only while it works."""

from __future__ import annotations

from datetime import timedelta

import pytest

from config import load_settings
from portal import create_app
from portal.extensions import now
from portal.queries import admin
from portal.services import accounts
from portal.services.transaction import unit_of_work
from tests import browserlike, factories
from tests.factories import PASSWORD

pytestmark = pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)


@pytest.mark.parametrize(
    ("mail_url", "age", "shown"),
    [("", timedelta(), True), ("", timedelta(minutes=61), False), ("smtp://127.0.0.1:1", timedelta(), False)],
)
def test_who_may_read_the_link(environ, session, mail_url, age, shown):
    boss, ada = factories.make_admin(session), factories.make_customer(session)
    with unit_of_work(session):
        accounts.request_reset(session, ada.email, now() - age)
    (letter,) = admin.list_messages(session)
    session.rollback()
    app = create_app(load_settings(environ | {"MAIL_URL": mail_url}) | {"TESTING": True})
    app.test_client_class = browserlike.Client
    client = app.test_client()
    client.submit("/login", {"email": boss.email, "password": PASSWORD})
    page = client.get(f"/admin/messages/{letter.id}").get_data(as_text=True)
    assert ("/reset/" in page) == shown
    assert ("nobody else can read it" in page) != shown
