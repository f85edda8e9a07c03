"""An email that sets a password is its recipient's alone: an admin sees it without the link, and links are recorded."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest
from sqlalchemy import inspect, select, text

from config import load_settings
from portal import create_app
from portal.core.roles import Origin
from portal.extensions import now
from portal.models import Event, EventOrigin
from portal.queries import admin
from portal.services import accounts, outbox
from portal.services.transaction import unit_of_work
from tests import browserlike, factories
from tests.factories import PASSWORD

pytestmark = pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)


@pytest.mark.parametrize("sent", [False, True])
@pytest.mark.parametrize("mail_url", ["", "smtp"])
def test_an_admin_reads_the_email_without_its_link(environ, session, smtp_server, mail_url, sent):
    boss, ada = factories.make_admin(session), factories.make_customer(session)
    app = create_app(
        load_settings(environ | {"MAIL_URL": smtp_server.url if mail_url else ""}) | {"TESTING": True}
    )
    app.test_client_class = browserlike.Client
    with unit_of_work(session):
        accounts.request_reset(session, ada.email, Origin("192.0.2.7", ""), now())
    if sent:
        with app.test_request_context():
            real = app.extensions["adapters"]
            assert outbox.deliver(session, real.mailer, real.emails.write, now)["sent"] == 1
    (email,) = admin.list_messages(session)
    session.rollback()
    client = app.test_client()
    client.submit("/login", {"email": boss.email, "password": PASSWORD})
    page = client.get(f"/admin/messages/{email.id}").get_data(as_text=True)
    assert "[link hidden]" in page and "the link is hidden here" in page and "/reset/" not in page
    drawn = client.get(f"/admin/messages/{email.id}/html").get_data(as_text=True)
    assert "[link hidden]" in drawn and "/reset/" not in drawn
    assert "/reset/" not in kept(session)
    if sent and mail_url:
        (received,) = smtp_server.messages
        assert "/reset/" in received.get_body().get_content()


def kept(session) -> str:
    """All that the database holds, as text."""
    tables = inspect(session.connection()).get_table_names()
    rows = str([session.execute(text(f"SELECT * FROM {table}")).all() for table in tables])
    session.rollback()
    return rows


def test_requests_and_uses_of_a_link_are_recorded_with_their_network(client, session, app):
    boss, ada = factories.make_admin(session), factories.make_customer(session)
    for address in ("192.0.2.9", "192.0.3.77"):
        # The second within a minute queues no email and is no event.
        client.submit("/forgot", {"email": ada.email}, environ_base={"REMOTE_ADDR": address})
    client.submit("/forgot", {"email": "nobody@example.com"})
    printed = app.test_cli_runner().invoke(args=["reset-link", ada.email])
    assert printed.exit_code == 0, printed.output
    path = urlsplit(printed.output.strip()).path
    new = "a-much-newer-passphrase"
    done = client.submit(
        path, {"password": new, "password2": new}, environ_base={"REMOTE_ADDR": "192.0.4.10"}
    )
    assert done.status_code == 303
    query = (
        select(Event.kind, Event.actor_id, Event.facts, EventOrigin.network)
        .outerjoin(EventOrigin, EventOrigin.event_id == Event.id)
        .where(Event.kind.like("reset%"))
        .order_by(Event.id)
    )
    about = {"user": str(ada.id)}
    assert [tuple(row) for row in session.execute(query)] == [
        ("reset_requested", None, about, "192.0.2.0/24"),
        ("reset_link_made", None, about, None),
        ("reset_link_used", None, about, "192.0.4.0/24"),
    ]
    client.submit("/login", {"email": boss.email, "password": PASSWORD})
    audit = re.sub(r"\s+", " ", client.get("/admin/audit").get_data(as_text=True))
    assert "192.0.2.0/24" in audit and "192.0.4.0/24" in audit and "192.0.2.9" not in audit
    assert client.get(path).status_code == 410


@pytest.mark.parametrize("email", ["nobody@example.com", "no address"])
def test_no_link_is_printed_for_nobody(app, session, email):
    before = factories.row_counts(session)
    printed = app.test_cli_runner().invoke(args=["reset-link", email])
    assert printed.exit_code == 1 and "/reset/" not in printed.output
    assert factories.row_counts(session) == before
