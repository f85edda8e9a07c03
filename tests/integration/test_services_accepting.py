"""A debt exists only after the customer agreed to exactly the terms that were shown."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from portal.core.errors import Conflict, Forbidden, NotFound
from portal.core.roles import Origin
from portal.core.terms import hash_text
from portal.models import Acceptance, Event, Message
from portal.models.ledger import Posting
from portal.services import offers
from portal.services.transaction import unit_of_work
from tests import factories
from tests.factories import NOW, ORIGIN, TODAY, offered_plan, plan_of

LATER = NOW + timedelta(days=2, hours=3)


def try_to_accept(session, customer, plan_id, terms_hash, now=NOW, origin=ORIGIN):
    with unit_of_work(session):
        offers.accept(session, customer, plan_id, terms_hash, origin, now)


def refused(session, customer, plan_id, terms_hash, now=NOW):
    """The refusal's code; whatever was refused has left no row behind."""
    before = factories.row_counts(session)
    with pytest.raises(Conflict) as refusal:
        try_to_accept(session, customer, plan_id, terms_hash, now)
    assert factories.row_counts(session) == before
    return refusal.value.code


def test_accepting_posts_the_whole_debt_installment_by_installment(session, shop, ada):
    plan_id = offered_plan(session, shop, ada.email)
    factories.accept(session, ada, plan_id, now=LATER)
    plan = plan_of(session, ada, plan_id, LATER)
    assert (plan.state, plan.owed, plan.accepted_on) == ("active", 10000, LATER.date())
    posted = session.scalars(select(Posting)).all()
    assert {(p.debit, p.credit, p.currency, p.posted_at, p.posted_on) for p in posted} == {
        ("receivable", "sales", "USD", LATER, LATER.date())
    }
    assert {p.installment_id: p.amount for p in posted} == {i.id: i.amount for i in plan.installments}


def test_the_evidence_holds_the_terms_who_when_from_where_and_how(session, shop, ada):
    plan_id = offered_plan(session, shop, ada.email)
    factories.accept(session, ada, plan_id, now=LATER)
    plan = plan_of(session, ada, plan_id, LATER)
    proof = session.scalars(select(Acceptance)).one()
    assert (proof.plan_id, proof.customer_id, proof.accepted_at, proof.how) == (
        plan_id,
        ada.id,
        LATER,
        "accepted",
    )
    assert (proof.address, proof.user_agent) == ("192.0.2.7", "Test Browser 1.0")
    assert proof.terms == plan.terms
    assert proof.terms_hash == plan.terms_hash == hash_text(proof.terms)


def test_an_overlong_user_agent_is_cut_and_does_not_prevent_accepting(session, shop, ada):
    plan_id = offered_plan(session, shop, ada.email)
    shown = plan_of(session, ada, plan_id).terms_hash
    try_to_accept(session, ada, plan_id, shown, origin=Origin("2001:db8::1" * 9, "x" * 4000))
    proof = session.scalars(select(Acceptance)).one()
    assert (len(proof.address), len(proof.user_agent)) == (64, 400)


def test_both_parties_are_told_and_the_timeline_says_so(session, shop, ada):
    plan_id = offered_plan(session, shop, ada.email)
    factories.accept(session, ada, plan_id)
    told = session.execute(select(Message.kind, Message.user_id).where(Message.plan_id == plan_id)).all()
    assert set(told) >= {("plan_accepted", ada.id), ("plan_accepted_shop", shop.id)}
    events = session.execute(select(Event.kind, Event.actor_id).where(Event.plan_id == plan_id)).all()
    assert ("plan_accepted", ada.id) in events


def test_the_hash_of_other_terms_is_a_conflict(session, shop, ada):
    plan_id = offered_plan(session, shop, ada.email)
    other = offered_plan(session, shop, ada.email, total=20000)
    shown = plan_of(session, ada, other).terms_hash
    assert refused(session, ada, plan_id, shown) == "other_terms"
    assert refused(session, ada, plan_id, "") == "other_terms"
    assert plan_of(session, ada, plan_id).state == "offered"


def test_accepting_twice_is_a_conflict_and_posts_nothing_more(session, shop, ada):
    plan_id = factories.accepted_plan(session, shop, ada)
    shown = plan_of(session, ada, plan_id).terms_hash
    assert refused(session, ada, plan_id, shown) == "plan_active"


def test_the_last_day_is_good_and_the_day_after_is_too_late_without_any_job(session, shop, ada):
    first, second = (offered_plan(session, shop, ada.email) for _ in range(2))
    shown = plan_of(session, ada, second).terms_hash
    last_moment = datetime(2026, 4, 1, 23, 59, 59, tzinfo=UTC)
    factories.accept(session, ada, first, now=last_moment)
    assert refused(session, ada, second, shown, last_moment + timedelta(seconds=1)) == "plan_expired"


def test_the_last_day_ends_at_the_shops_midnight(session, ada):
    shop = factories.make_merchant(session, "Far Away", timezone="Pacific/Pago_Pago")
    plan_id = offered_plan(session, shop, ada.email)
    shown = plan_of(session, ada, plan_id).terms_hash
    midnight = datetime(2026, 4, 2, 11, 0, tzinfo=UTC)
    assert refused(session, ada, plan_id, shown, midnight) == "plan_expired"
    try_to_accept(session, ada, plan_id, shown, midnight - timedelta(seconds=1))


def test_nobody_but_the_customer_can_accept(session, shop, ada):
    plan_id = offered_plan(session, shop, ada.email)
    shown = plan_of(session, ada, plan_id).terms_hash
    stranger = factories.make_customer(session, "Eve Stranger")
    for somebody, refusal in (
        (shop, Forbidden),
        (factories.make_merchant(session, "Other Shop"), NotFound),
        (factories.make_admin(session), NotFound),
        (stranger, NotFound),
    ):
        with pytest.raises(refusal):
            try_to_accept(session, somebody, plan_id, shown)
    assert factories.row_counts(session)["acceptances"] == 0


def test_a_first_date_in_the_past_is_overdue_as_soon_as_it_is_accepted_not_before(session, shop, ada):
    plan_id = offered_plan(session, shop, ada.email, first=TODAY - timedelta(days=40))
    assert not plan_of(session, ada, plan_id).overdue
    factories.accept(session, ada, plan_id)
    plan = plan_of(session, ada, plan_id)
    assert plan.status == "overdue"
    assert [i.status for i in plan.installments] == ["late", "late", "pending"]
