"""Closing an account while its offer is accepted, another is sent, or a second owner closes: one of the two."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, TimeoutError

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.core.errors import Conflict
from portal.models import Member, Plan, User
from portal.services import accounts, closing, offers, plans
from portal.services.transaction import unit_of_work
from tests import factories
from tests.factories import NOW, ORIGIN, plan_of
from tests.integration.test_services_races import at_once

ON_POSTGRES = pytest.mark.parametrize("engine_name", ["postgres"], indirect=True)


def close(person):
    def act(own):
        with unit_of_work(own):
            closing.close(own, person, NOW)
        return "closed"

    return act


def accept(person, plan_id, shown):
    def act(own):
        with unit_of_work(own):
            offers.accept(own, person, plan_id, shown, ORIGIN, NOW)
        return "accepted"

    return act


@pytest.mark.parametrize("attempt", range(4))
def test_closing_and_accepting_at_once_leaves_one_of_the_two(session, shop, ada, attempt):
    plan_ids = [factories.offered_plan(session, shop, ada.email) for _ in range(3)]
    shown = plan_of(session, ada, plan_ids[-1]).terms_hash
    came = at_once(session, close(ada), accept(ada, plan_ids[-1], shown))
    closed = session.scalars(select(User.closed_at).where(User.id == ada.id)).one() is not None
    states = set(session.scalars(select(Plan.state).where(Plan.id.in_(plan_ids))))
    assert came in (["closed", "plan_declined"], ["owing", "accepted"])
    assert states == ({"declined"} if closed else {"active", "offered"})
    assert closed == (came[0] == "closed")


@ON_POSTGRES
def test_closing_waits_for_an_acceptance_that_has_begun_and_is_refused(session, shop, ada):
    """On SQLite, with its one writer, the two cannot meet."""
    plan_id = factories.offered_plan(session, shop, ada.email)
    shown = plan_of(session, ada, plan_id).terms_hash
    with Session(session.get_bind()) as own, ThreadPoolExecutor(1) as threads:
        with unit_of_work(session):
            plans.lock(session, shop.id, plan_id, NOW)
            closes = threads.submit(close(ada), own)
            with pytest.raises(TimeoutError):
                closes.result(0.4)
            # It holds the person's row, and what accepting writes refers to that.
            offers.accept(session, ada, plan_id, shown, ORIGIN, NOW)
        with pytest.raises(Conflict) as refused:
            closes.result(5)
    assert refused.value.code == "owing"


@ON_POSTGRES
def test_an_offer_to_an_account_that_is_being_closed_goes_to_whoever_has_the_address_then(session, shop, ada):
    def offer(own):
        with unit_of_work(own):
            return offers.offer(own, shop, factories.proposal(ada.email), NOW)

    with Session(session.get_bind()) as own, ThreadPoolExecutor(1) as threads:
        with unit_of_work(session):
            accounts.lock_user(session, ada.id)
            offering = threads.submit(offer, own)
            with pytest.raises(TimeoutError):
                offering.result(0.4)
            closing.close(session, ada, NOW)
        plan_id = offering.result(5)
    plan = session.scalars(select(Plan).where(Plan.id == plan_id)).one()
    assert plan.customer_id != ada.id and plan.customer_email == ada.email


@pytest.mark.parametrize("attempt", range(2))
def test_two_owners_who_close_at_once_leave_a_shop_with_one(session, shop, ada, attempt):
    second = factories.make_customer(session, "Second Owner")
    with unit_of_work(session):
        session.add(Member(merchant_id=shop.id, user_id=second.id, role="owner", created_at=NOW))
    factories.offered_plan(session, shop, ada.email)
    came = at_once(session, close(shop), close(second))
    assert sorted(came) == ["closed", "open_plans"]
    owners = select(Member.user_id).where(Member.merchant_id == shop.id, Member.role == "owner")
    assert session.scalars(owners).all() == [(shop if came[0] == "open_plans" else second).id]
