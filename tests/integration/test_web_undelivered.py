"""A shop sees which of its emails could not be delivered: at the plan, on the dashboard, and on a page of their own."""

from datetime import timedelta

import pytest
from aiosmtpd.controller import Controller

from portal.adapters.mailer import SmtpMailer
from portal.extensions import now
from portal.services import outbox
from tests import factories, servers
from tests.browserlike import sign_in, text
from tests.conftest import Mailbox


class Strict(Mailbox):
    """Knows no mailbox of ``unknown``."""

    async def handle_RCPT(self, server, session, envelope, address, options):  # noqa: N802
        if address.startswith("unknown"):
            return "550 5.1.1 No such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"


@pytest.fixture
def send(app, session):
    """Delivers what is queued through a real mail server that knows no mailbox of ``unknown``."""
    controller = Controller(Strict(), hostname="127.0.0.1", port=servers.free_port())
    controller.start()
    mailer = SmtpMailer(f"smtp://127.0.0.1:{controller.port}?from=portal@example.com")

    def deliver():
        counts = outbox.deliver(session, mailer, app.extensions["adapters"].emails.write, now)
        session.rollback()
        return counts

    yield deliver
    controller.stop()


def test_a_shop_without_such_emails_sees_nothing_of_them(client, session, shop, ada, send):
    plan_id = factories.offered_plan(session, shop, ada.email, now=now())
    assert send() == {"sent": 1, "refused": 0}
    sign_in(client, shop)
    for path in ("/merchant/", f"/merchant/plans/{plan_id}"):
        assert "could not be delivered" not in text(client.get(path))
    assert "All emails were delivered" in text(client.get("/merchant/undelivered"))


def test_an_address_that_does_not_exist_is_shown_at_once(client, session, shop, ada, send):
    refused = [factories.offered_plan(session, shop, f"unknown{k}@example.com", now=now()) for k in range(2)]
    delivered = factories.offered_plan(session, shop, ada.email, now=now())
    assert send() == {"sent": 1, "refused": 2}
    sign_in(client, shop)
    page = text(client.get("/merchant/"))
    assert '<a href="/merchant/undelivered">2 emails could not be delivered</a>' in page
    page = text(client.get("/merchant/undelivered"))
    assert all(f"unknown{k}@example.com" in page and f"/plans/{refused[k]}" in page for k in range(2))
    assert str(delivered) not in page
    assert "An email could not be delivered" in text(client.get(f"/merchant/plans/{refused[0]}"))
    assert "could not be delivered" not in text(client.get(f"/merchant/plans/{delivered}"))


def test_another_shops_and_old_ones_are_not_counted(client, session, shop, send):
    other = factories.make_merchant(session, "Other Shop")
    factories.offered_plan(session, other, "unknown@example.com", now=now())
    long_ago = now() - timedelta(days=31)
    factories.offered_plan(session, shop, "unknown.too@example.com", now=long_ago, first=now().date())
    assert send()["refused"] == 2
    sign_in(client, shop)
    assert "could not be delivered" not in text(client.get("/merchant/"))
    assert "example.com</bdi>" not in text(client.get("/merchant/undelivered"))
