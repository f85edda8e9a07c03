"""An open offer can be declined, revoked or expire, once; what is not open refuses."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from portal.core.errors import Conflict, Forbidden, NotFound
from portal.models import Event, Message
from portal.services import offers
from portal.services.transaction import unit_of_work
from tests import factories
from tests.factories import NOW, TODAY, offered_plan, plan_of

AFTER = TODAY + timedelta(days=31)


def accept(session, customer, plan_id, shown, now):
    with unit_of_work(session):
        offers.accept(session, customer, plan_id, shown, factories.ORIGIN, now)


def decline(session, actor, plan_id, now=NOW):
    with unit_of_work(session):
        offers.decline(session, actor, plan_id, now)


def revoke(session, actor, plan_id, now=NOW):
    with unit_of_work(session):
        offers.revoke(session, actor, plan_id, now)


def expire(session, shop, today, now=NOW, **more):
    with unit_of_work(session):
        return offers.expire(session, shop.id, shop.timezone, today, now, **more)


def emails(session, plan_id):
    return session.execute(select(Message.kind, Message.user_id).where(Message.plan_id == plan_id)).all()


def test_declining_ends_the_offer_and_tells_the_shop(session, shop, ada):
    plan_id = offered_plan(session, shop, ada.email)
    decline(session, ada, plan_id)
    plan = plan_of(session, ada, plan_id)
    assert plan.state == "declined"
    assert {i.status for i in plan.installments} == {"cancelled"}
    assert ("offer_declined", shop.id) in emails(session, plan_id)
    assert "plan_declined" in session.scalars(select(Event.kind).where(Event.plan_id == plan_id)).all()
    assert factories.row_counts(session)["postings"] == 0


def test_revoking_ends_the_offer_and_tells_the_customer(session, shop, ada):
    plan_id = offered_plan(session, shop, ada.email)
    revoke(session, shop, plan_id)
    assert plan_of(session, ada, plan_id).state == "revoked"
    assert ("offer_revoked", ada.id) in emails(session, plan_id)


@pytest.mark.parametrize("ended", ["declined", "revoked", "expired", "accepted"])
def test_what_is_no_open_offer_can_neither_be_declined_nor_revoked_nor_accepted(session, shop, ada, ended):
    plan_id = offered_plan(session, shop, ada.email)
    shown = plan_of(session, ada, plan_id).terms_hash
    now = NOW
    if ended == "declined":
        decline(session, ada, plan_id)
    elif ended == "revoked":
        revoke(session, shop, plan_id)
    elif ended == "accepted":
        factories.accept(session, ada, plan_id)
    else:
        now = NOW + timedelta(days=31)
    before = factories.row_counts(session)
    for refused in (
        lambda: decline(session, ada, plan_id, now),
        lambda: revoke(session, shop, plan_id, now),
        lambda: accept(session, ada, plan_id, shown, now),
    ):
        with pytest.raises(Conflict):
            refused()
    assert factories.row_counts(session) == before


def test_only_its_customer_declines_and_only_its_shop_revokes(session, shop, ada):
    plan_id = offered_plan(session, shop, ada.email)
    eve, other = (
        factories.make_customer(session, "Eve Stranger"),
        factories.make_merchant(session, "Other Shop"),
    )
    for actor, refusal in ((shop, Forbidden), (eve, NotFound), (other, NotFound)):
        with pytest.raises(refusal):
            decline(session, actor, plan_id)
    for actor, refusal in ((ada, Forbidden), (eve, Forbidden), (other, NotFound)):
        with pytest.raises(refusal):
            revoke(session, actor, plan_id)
    assert plan_of(session, ada, plan_id).state == "offered"


def test_offers_expire_the_day_after_their_last_day_once(session, shop, ada):
    plan_id = offered_plan(session, shop, ada.email)
    assert expire(session, shop, AFTER - timedelta(days=1)) == 0
    assert expire(session, shop, AFTER) == 1
    assert expire(session, shop, AFTER) == 0
    assert plan_of(session, ada, plan_id).state == "expired"
    assert emails(session, plan_id).count(("offer_expired", shop.id)) == 1


def test_expiring_leaves_other_shops_and_ended_or_accepted_offers_alone(session, shop, ada):
    other = factories.make_merchant(session, "Other Shop")
    elsewhere = offered_plan(session, other, ada.email)
    accepted = factories.accepted_plan(session, shop, ada)
    declined = offered_plan(session, shop, ada.email)
    decline(session, ada, declined)
    assert expire(session, shop, AFTER) == 0
    states = [plan_of(session, ada, plan_id).state for plan_id in (elsewhere, accepted, declined)]
    assert states == ["offered", "active", "declined"]


def test_expiring_goes_in_batches(session, shop, ada):
    for _ in range(5):
        offered_plan(session, shop, ada.email, parts=1)
    assert [expire(session, shop, AFTER, batch=2) for _ in range(4)] == [2, 2, 1, 0]
