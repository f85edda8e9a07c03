"""An offer that nobody answered is brought to mind once, two days before its last day."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from portal.models import Message
from portal.services import daily_run, offers, shops
from portal.services.transaction import unit_of_work
from tests import factories
from tests.factories import NOW

DAY = timedelta(days=1)


def offer(session, shop, email, **more):
    proposal = factories.proposal(email)
    with unit_of_work(session):
        return offers.offer(session, shop, factories.replace(proposal, **more), NOW)


def reminded(session, days):
    """Whom the run so many days later reminds."""
    before = {message.id for message in _sent(session)}
    daily_run.run(session, NOW + days * DAY, at_any_hour=True)
    return [message.user_id for message in _sent(session) if message.id not in before]


def _sent(session):
    session.rollback()
    return session.scalars(select(Message).where(Message.kind == "offer_reminder")).all()


def test_once_and_two_days_before_the_last_day(session, shop, ada):
    offer(session, shop, ada.email)
    assert [reminded(session, day) for day in (27, 28, 29, 30)] == [[], [ada.id], [], []]


def test_a_day_that_was_missed_is_made_up_for_while_the_offer_is_open(session, shop, ada):
    offer(session, shop, ada.email)
    assert reminded(session, 30) == [ada.id]
    assert reminded(session, 31) == []


@pytest.mark.parametrize(("valid_days", "on"), [(1, None), (2, 2), (3, 2), (10, 8)])
def test_who_got_the_offer_a_day_ago_needs_none(session, shop, ada, valid_days, on):
    offer(session, shop, ada.email, valid_days=valid_days)
    found = [day for day in range(valid_days + 2) if reminded(session, day)]
    assert found == ([on] if on else [])


@pytest.mark.parametrize("answer", ["accepted", "declined", "revoked"])
def test_an_answered_offer_is_left_alone(session, shop, ada, answer):
    plan_id = offer(session, shop, ada.email)
    with unit_of_work(session):
        if answer == "accepted":
            offers.accept(session, ada, plan_id, None, factories.ORIGIN, NOW)
        elif answer == "declined":
            offers.decline(session, ada, plan_id, NOW)
        else:
            offers.revoke(session, shop, plan_id, NOW)
    assert reminded(session, 28) == []


def test_not_at_night_and_not_for_a_suspended_shop(session, shop, ada):
    offer(session, shop, ada.email)
    night = (NOW + 28 * DAY).replace(hour=3)
    daily_run.run(session, night)
    assert _sent(session) == []
    admin = factories.make_admin(session)
    with unit_of_work(session):
        shops.suspend(session, admin, shop.id, NOW)
    assert reminded(session, 28) == []
