"""Over the API paying an installment of an offer accepts it, together with the intent to pay; never on a page."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from portal.adapters.payments.simulator import Simulator
from portal.core.errors import Conflict
from portal.models import Acceptance
from portal.models.ledger import Posting
from portal.services import payments
from portal.services.payments import PaymentRequest, Scope
from tests import factories
from tests.factories import NOW, ORIGIN, choose_card, offered_plan, plan_of


@pytest.fixture
def offer(session, shop, ada):
    return offered_plan(session, shop, ada.email)


def pay_first(session, customer, plan_id, shown=None, key=None, now=NOW):
    line = plan_of(session, customer, plan_id, now).installments[0]
    order = PaymentRequest(plan_id, Scope.INSTALLMENT, shown, line.id)
    return payments.pay(session, Simulator(), customer, order, key, now, ORIGIN)


def test_the_first_payment_accepts_the_terms_as_they_were_offered(session, ada, offer):
    assert pay_first(session, ada, offer).status == "paid"
    plan = plan_of(session, ada, offer)
    assert (plan.state, plan.paid, plan.owed) == ("active", 3334, 6666)
    proof = session.scalars(select(Acceptance)).one()
    assert (proof.how, proof.customer_id, proof.terms_hash) == ("first payment", ada.id, plan.terms_hash)
    assert (proof.address, proof.user_agent) == (ORIGIN.address, ORIGIN.user_agent)
    assert len(session.scalars(select(Posting).where(Posting.debit == "receivable")).all()) == 3


def test_if_the_payment_is_declined_the_plan_is_active_and_unpaid(session, ada, offer):
    choose_card(session, ada, "declined")
    assert pay_first(session, ada, offer).status == "declined"
    plan = plan_of(session, ada, offer)
    assert (plan.state, plan.paid, plan.owed, plan.processing) == ("active", 0, 10000, False)


def test_with_a_key_the_second_time_neither_accepts_nor_pays_again(session, ada, offer):
    first = pay_first(session, ada, offer, key="once")
    before = factories.row_counts(session)
    assert pay_first(session, ada, offer, key="once") == first
    assert factories.row_counts(session) == before


def test_an_expired_offer_is_neither_accepted_nor_paid(session, ada, offer):
    before = factories.row_counts(session)
    with pytest.raises(Conflict) as refused:
        pay_first(session, ada, offer, now=NOW + timedelta(days=31))
    assert refused.value.code == "plan_expired"
    assert factories.row_counts(session) == before


def test_a_refused_payment_leaves_the_offer_an_offer(session, ada, offer):
    with pytest.raises(Conflict) as refused:
        pay_first(session, ada, offer, shown=1)
    assert (refused.value.code, refused.value.figure) == ("other_amount", 3334)
    assert plan_of(session, ada, offer).state == "offered"


def test_without_an_amount_whatever_is_owed_is_paid(session, shop, ada):
    plan_id = factories.accepted_plan(session, shop, ada)
    assert pay_first(session, ada, plan_id).amount == 3334
    with pytest.raises(Conflict) as refused:
        pay_first(session, ada, plan_id)
    assert refused.value.code == "already_paid"
