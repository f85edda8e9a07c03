"""How many statements a use case sends: a bound that does not move with the number of rows."""

from functools import partial

import pytest

from portal.adapters.payments.simulator import Simulator
from portal.queries import customer as customer_queries
from portal.queries import listing, metrics
from portal.queries import merchant as merchant_queries
from portal.queries.merchant import PlanListQuery
from portal.services import payments
from portal.services.payments import PaymentRequest, Scope
from tests import factories
from tests.factories import NOW, accepted_plan, payment_for, plan_of


@pytest.fixture
def statements_of(session, count_statements):
    """How many statements an act sends, its transactions' own left out."""

    def count(act):
        session.rollback()
        session.expunge_all()
        with count_statements() as statements:
            act()
        session.rollback()
        return len(statements)

    return count


@pytest.mark.parametrize("key", [None, "a-key"])
def test_a_payment_in_all_its_steps_sends_at_most_16(session, shop, ada, statements_of, key):
    plan_id = accepted_plan(session, shop, ada)
    order = payment_for(plan_of(session, ada, plan_id), 1)
    sent = statements_of(lambda: payments.pay(session, Simulator(), ada, order, key, NOW))
    assert sent <= 16


@pytest.mark.parametrize("key", [None, "a-key"])
def test_a_part_payment_sends_at_most_16_too(session, shop, ada, statements_of, key):
    request = PaymentRequest(accepted_plan(session, shop, ada), Scope.AMOUNT, 10000, part=5000)
    assert statements_of(lambda: payments.pay(session, Simulator(), ada, request, key, NOW)) <= 16


@pytest.mark.parametrize(("parts", "amount"), [(3, 5000), (60, 10000)])
def test_recording_and_reversing_send_at_most_16_too(session, shop, ada, statements_of, parts, amount):
    """Whether a part is paid, or all sixty installments and the plan is completed."""
    plan_id, made = accepted_plan(session, shop, ada, parts=parts), []
    assert statements_of(lambda: made.append(factories.record(session, shop, plan_id, amount))) <= 16
    assert statements_of(lambda: factories.reverse(session, shop, plan_id, made[0])) <= 16


def test_paying_sixty_installments_sends_as_many_as_paying_one(session, shop, ada, statements_of):
    sent = []
    for parts in (1, 60):
        order = payment_for(plan_of(session, ada, accepted_plan(session, shop, ada, parts=parts)))
        pay = partial(payments.pay, session, Simulator(), ada, order, f"key for {parts}", NOW)
        sent.append(statements_of(pay))
    # The last payment of a plan also writes its state and an event.
    assert sent[0] == sent[1] <= 17


def test_lists_and_pages_send_as_many_for_twenty_plans_as_for_one(session, shop, ada, statements_of):
    plan_id = accepted_plan(session, shop, ada)
    reads = {
        "a customer's home": lambda: customer_queries.get_home(session, ada, NOW),
        "a shop's plans": lambda: merchant_queries.list_plans(session, shop, NOW),
        "a shop's open plans": lambda: merchant_queries.list_plans(
            session, shop, NOW, PlanListQuery(status="active")
        ),
        "one plan": lambda: listing.get_plan(session, ada, plan_id, NOW),
    }
    two_each = dict.fromkeys(reads, 2)
    assert {name: statements_of(read) for name, read in reads.items()} == two_each
    assert statements_of(lambda: merchant_queries.totals(session, shop, NOW)) == 1
    assert statements_of(lambda: metrics.dashboard(session, shop, NOW)) == 4
    for _ in range(19):
        accepted_plan(session, shop, ada, parts=12)
    assert {name: statements_of(read) for name, read in reads.items()} == two_each
    assert statements_of(lambda: merchant_queries.totals(session, shop, NOW)) == 1
    assert statements_of(lambda: metrics.dashboard(session, shop, NOW)) == 4


@pytest.mark.parametrize("parts", [2, 60])
def test_offering_and_accepting_do_not_grow_with_the_installments(session, shop, ada, statements_of, parts):
    # The first offer of a shop fixes its currency too.
    made = [factories.offered_plan(session, shop, ada.email, parts=parts)]
    offering = statements_of(
        lambda: made.append(factories.offered_plan(session, shop, ada.email, parts=parts))
    )
    assert offering <= 8
    shown = plan_of(session, ada, made[1]).terms_hash

    def accept():
        with factories.unit_of_work(session):
            factories.offers.accept(session, ada, made[1], shown, factories.ORIGIN, NOW)

    assert statements_of(accept) <= 11
