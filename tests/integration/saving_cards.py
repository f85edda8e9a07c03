"""A customer who gives a card on the provider's page for automatic payments, for tests of what is done with it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from portal.extensions import now
from portal.models import Mandate
from portal.services import saved_cards
from portal.services.provider_events import settle_events
from tests.browserlike import sign_in, text


@pytest.fixture
def plan_page(client, connected, ada, plan):
    sign_in(client, ada)
    return f"/customer/plans/{plan.id}"


@pytest.fixture
def card_page(client, plan_page):
    """Agree to automatic payments, and give the name of the provider's page for the card."""

    def agree():
        answer = client.submit(f"{plan_page}/autopay", {"agree": "y"}, plan_page)
        assert answer.status_code == 303, text(answer)
        return answer.headers["Location"].rpartition("/")[2]

    return agree


@pytest.fixture
def saved_card(session, doors, standin, provider, card_page):
    """The customer has given a card, which later payments decline with a code."""

    def give(decline=None):
        provider.pay(card_page(), decline)
        standin.send_webhooks()
        settle(session, doors)
        (mandate,) = mandates_of(session)
        return mandate

    return give


def settle(session, doors, at=None):
    return settle_events(session, doors.gateway, at or now())


def mandates_of(session):
    session.rollback()
    found = session.execute(select(*Mandate.__table__.c).order_by(Mandate.id)).all()
    session.rollback()
    return found


def states(session):
    """Whether the card of each consent is saved, and whether the consent has ended."""
    return [(row.saved_at is not None, row.revoked_at is not None) for row in mandates_of(session)]


def kinds(session, table):
    found = list(session.scalars(select(table.kind).order_by(table.id)))
    session.rollback()
    return found


def ask(session, doors, after=timedelta(minutes=1)):
    return saved_cards.settle_waiting(session, doors.gateway, now() + after)
