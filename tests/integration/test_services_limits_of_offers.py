"""How many offers a shop may send: to one person, and to new people a day; and by which id it knows them."""

from __future__ import annotations

import threading
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal.core.errors import Conflict, InvalidInput, PortalError, TooMany
from portal.models import Customer, Merchant, Plan
from portal.services import offers, shops
from portal.services.transaction import unit_of_work
from tests import factories
from tests.factories import NOW, accepted_plan, offered_plan


def refused(session, shop, email, now=NOW):
    with pytest.raises(PortalError) as refusal:
        offered_plan(session, shop, email, now=now)
    session.rollback()
    return refusal.value


def test_a_person_has_at_most_twenty_offers_of_a_shop_to_answer(session, shop, ada):
    made = [offered_plan(session, shop, ada.email) for _ in range(20)]
    before = factories.row_counts(session)
    error = refused(session, shop, ada.email)
    assert (type(error), error.code) == (Conflict, "too_many_open_offers")
    assert factories.row_counts(session) == before
    offered_plan(session, shop, "other@example.com")
    offered_plan(session, factories.make_merchant(session, "Other Shop"), ada.email)
    with unit_of_work(session):
        offers.revoke(session, shop, made[0], NOW)
    offered_plan(session, shop, ada.email)


def test_a_new_shop_sends_fifty_offers_a_day_to_new_addresses(session, shop):
    assert session.get_one(Merchant, shop.id).offers_per_day == 50
    factories.allow_offers(session, shop, 3)
    sent = [
        offered_plan(session, shop, f"new{n}@example.com", now=NOW + timedelta(hours=n)) for n in range(3)
    ]
    before = factories.row_counts(session)
    error = refused(session, shop, "new3@example.com", NOW + timedelta(hours=3))
    assert (type(error), error.code, error.retry_after) == (TooMany, "too_many_offers", 21 * 3600 + 1)
    assert factories.row_counts(session) == before
    offered_plan(session, shop, "new3@example.com", now=NOW + timedelta(hours=3, seconds=error.retry_after))
    assert len(sent) == 3


def test_who_accepted_once_is_not_counted_and_each_25_acceptances_double_the_limit(session, shop, ada):
    factories.allow_offers(session, shop, 1)
    for _ in range(3):
        accepted_plan(session, shop, ada, parts=1)
    offered_plan(session, shop, "one@example.com")
    assert refused(session, shop, "two@example.com").code == "too_many_offers"
    for _ in range(22):
        accepted_plan(session, shop, ada, parts=1)
    offered_plan(session, shop, "two@example.com")
    assert refused(session, shop, "three@example.com").code == "too_many_offers"


def test_an_admin_raises_or_lifts_the_limit(session, shop):
    boss = factories.make_admin(session)
    for per_day in (0, 1, None):
        with unit_of_work(session):
            shops.limit_offers(session, boss, shop.id, per_day, NOW)
    for wrong in (-1, shops.MOST_OFFERS_PER_DAY + 1):
        with pytest.raises(InvalidInput) as invalid, unit_of_work(session):
            shops.limit_offers(session, boss, shop.id, wrong, NOW)
        assert set(invalid.value.errors) == {"offers_per_day"}
    for number in range(60):
        offered_plan(session, shop, f"new{number}@example.com")


def test_a_limit_of_none_at_all_refuses_every_new_address(session, shop):
    factories.allow_offers(session, shop, 0)
    assert refused(session, shop, "new@example.com").retry_after > 0


@pytest.mark.parametrize("same_person", [True, False])
def test_offers_at_the_same_time_do_not_pass_the_limit_together(session, shop, ada, same_person):
    if same_person:
        for _ in range(17):
            offered_plan(session, shop, ada.email)
    else:
        factories.allow_offers(session, shop, 3)
    engine, outcomes, start = session.get_bind(), [], threading.Barrier(8)
    session.rollback()

    def offer(number):
        with Session(engine, expire_on_commit=False) as own:
            start.wait()
            try:
                offered_plan(own, shop, ada.email if same_person else f"new{number}@example.com")
                outcomes.append("sent")
            except PortalError as error:
                outcomes.append(error.code)

    threads = [threading.Thread(target=offer, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    refusal = "too_many_open_offers" if same_person else "too_many_offers"
    assert sorted(outcomes) == sorted(["sent"] * 3 + [refusal] * 5)
    session.rollback()


def test_a_shop_knows_a_person_by_one_id_of_its_own(session, shop, ada):
    other = factories.make_merchant(session, "Other Shop")
    for merchant in (shop, shop, other):
        offered_plan(session, merchant, ada.email)
    rows = session.execute(select(Customer.merchant_id, Customer.id, Customer.user_id)).all()
    assert sorted(str(row.merchant_id) for row in rows) == sorted(str(m.id) for m in (shop, other))
    assert {row.user_id for row in rows} == {ada.id}
    ids = {row.id for row in rows}
    assert len(ids) == 2 and ada.id not in ids
    assert {UUID(str(one)).version for one in ids} == {4}


@pytest.mark.parametrize("role", ["a shop", "an admin", "a customer", "nobody"])
def test_an_offer_is_answered_alike_whoever_the_address_belongs_to(session, shop, role):
    email = {
        "a shop": lambda: factories.make_merchant(session, "Other Shop").email,
        "an admin": lambda: factories.make_admin(session).email,
        "a customer": lambda: factories.make_customer(session, "Some Body").email,
        "nobody": lambda: "nobody@example.com",
    }[role]()
    plan = offered_plan(session, shop, email)
    assert session.scalar(select(func.count()).select_from(Plan).where(Plan.id == plan)) == 1
    session.rollback()
    assert factories.broken_invariants(session) == []
