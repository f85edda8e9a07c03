"""A message that was given up is sent again by the admin: queued with its old id and new tries, and nothing else is."""

from __future__ import annotations

from uuid import uuid4

import pytest
from sqlalchemy import select, update

from portal.core.errors import Conflict, NotFound
from portal.core.roles import PORTAL_ID
from portal.models import Event, Message
from portal.services import outbox
from portal.services.transaction import unit_of_work
from tests import factories
from tests.factories import NOW, PASSWORD, offered_plan


@pytest.fixture
def boss(session):
    return factories.make_admin(session)


@pytest.fixture
def email(session, shop, ada):
    """The id of an offer's letter that eight tries did not bring out."""
    offered_plan(session, shop, ada.email)
    with unit_of_work(session):
        session.execute(update(Message).values(state="failed", tries=8, error="550 No such mailbox"))
    return session.scalars(select(Message.id)).one()


def stored(session):
    session.rollback()
    return session.execute(select(Message.state, Message.tries, Message.error)).one()


def send_again(session, boss, message_id):
    with unit_of_work(session):
        outbox.send_again(session, boss, message_id, NOW)


def test_it_is_tried_as_often_again_and_who_did_it_is_kept(session, boss, email):
    send_again(session, boss, email)
    assert stored(session) == ("queued", 0, "550 No such mailbox")
    event = session.scalars(select(Event).where(Event.kind == "message_sent_again")).one()
    assert (event.merchant_id, event.actor_id, event.facts) == (PORTAL_ID, boss.id, {"message": str(email)})


def test_what_waits_or_was_sent_is_left_alone(app, session, boss, email):
    send_again(session, boss, email)
    with pytest.raises(Conflict):
        send_again(session, boss, email)
    adapters = app.extensions["adapters"]
    outbox.deliver(session, adapters.mailer, adapters.emails.write, lambda: NOW)
    with pytest.raises(Conflict):
        send_again(session, boss, email)
    assert stored(session) == ("sent", 1, None)
    with pytest.raises(NotFound):
        send_again(session, boss, uuid4())


def test_the_admin_presses_send_again_and_it_goes_out(app, client, session, boss, email):
    client.submit("/login", {"email": boss.email, "password": PASSWORD})
    path = f"/admin/messages/{email}"
    assert "550 No such mailbox" in client.get(path).get_data(as_text=True)
    answer = client.submit(f"{path}/send-again", {}, page=path)
    assert (answer.status_code, answer.location) == (303, path)
    assert "Send again" not in client.get(path).get_data(as_text=True)
    assert "Email queued again" in client.get("/admin/audit").get_data(as_text=True)
    huey = app.extensions["adapters"].queue
    huey.execute(huey.dequeue())
    assert stored(session)[0] == "sent"
