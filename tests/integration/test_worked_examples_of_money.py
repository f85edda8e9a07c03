"""What shops do with money, as an accountant writes it down, in dollars, yen (no decimals) and dinar (three)."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from portal.core.errors import InvalidInput
from portal.core.money import to_decimal
from portal.core.payments import Method
from portal.models import Message
from portal.queries import metrics
from tests import factories
from tests.browserlike import sign_in, text
from tests.factories import NOW, accepted_plan, plan_of

UNITS = {"USD": 100, "JPY": 1, "KWD": 1000}


@pytest.fixture(params=UNITS)
def currency(request):
    return request.param


@pytest.fixture
def unit(currency):
    """One of the currency, in minor units."""
    return UNITS[currency]


@pytest.fixture
def shop(session, currency):
    yield factories.make_merchant(session, "Hollow Elm Furniture", currency=currency)
    assert factories.broken_invariants(session) == []


@pytest.fixture
def plan_id(session, shop, ada, unit):
    """400 in four of 100."""
    return accepted_plan(session, shop, ada, total=400 * unit, parts=4)


def month(session, shop, unit):
    """The lines of the month that are not nothing, what is owed at its end, and its cash, in whole units."""
    session.rollback()
    found = metrics.month(session, shop, NOW.date().replace(day=1))
    lines = {name: amount / unit for name, amount in found.figures.items() if amount}
    session.rollback()
    return lines, found.closing / unit, found.cash / unit


def owed(session, ada, plan_id, unit):
    return [line.owed / unit for line in plan_of(session, ada, plan_id).installments]


def kinds(session):
    session.rollback()
    return list(session.scalars(select(Message.kind).order_by(Message.id)))


def shown(amount, currency):
    """As pages show it, but for the sign of the currency."""
    return str(to_decimal(amount, currency))


def test_a_customer_lays_150_in_cash_on_the_counter_for_installments_of_100(
    client, session, shop, ada, plan_id, unit, currency
):
    factories.record(session, shop, plan_id, 150 * unit)
    assert owed(session, ada, plan_id, unit) == [0, 50, 100, 100]
    assert kinds(session)[-1] == "payment_recorded"
    assert month(session, shop, unit) == ({"accepted": 400, "received": 150}, 250, 150)
    sign_in(client, ada)
    page = text(client.get(f"/customer/plans/{plan_id}"))
    assert shown(50 * unit, currency) in page and shown(250 * unit, currency) in page


def test_a_cheque_that_completed_a_plan_bounces(session, shop, ada, plan_id, unit):
    factories.record(session, shop, plan_id, 300 * unit)
    cheque = factories.record(session, shop, plan_id, 100 * unit, method=Method.CHECK)
    assert plan_of(session, ada, plan_id).state == "completed"
    factories.reverse(session, shop, plan_id, cheque)
    assert plan_of(session, ada, plan_id).state == "active"
    assert owed(session, ada, plan_id, unit) == [0, 0, 0, 100]
    assert "payment_reversed" in kinds(session)
    lines = {"accepted": 400, "received": 400, "reversed": 100}
    assert month(session, shop, unit) == (lines, 100, 300)
    assert metrics.dashboard(session, shop, NOW).total_revenue == 300 * unit


def test_30_of_what_was_paid_in_cash_are_handed_back(session, shop, ada, plan_id, unit):
    factories.record(session, shop, plan_id, 400 * unit)
    with pytest.raises(InvalidInput) as refused:
        factories.refund(session, shop, plan_id, 30 * unit, handed_back=None)
    assert list(refused.value.errors) == ["handed_back"]
    factories.refund(session, shop, plan_id, 30 * unit)
    assert [line.returned / unit for line in plan_of(session, ada, plan_id).installments] == [0, 0, 0, 30]
    assert plan_of(session, ada, plan_id).state == "completed"
    lines = {"accepted": 400, "received": 400, "returned": 30}
    assert month(session, shop, unit) == (lines, 0, 370)


def test_310_are_not_paid_are_written_off_and_60_of_them_come_later(
    client, session, shop, ada, plan_id, unit, currency
):
    factories.record(session, shop, plan_id, 90 * unit)
    factories.write_off(session, shop, plan_id)
    lines = {"accepted": 400, "received": 90, "written_off": 310}
    assert month(session, shop, unit) == (lines, 0, 90)
    sign_in(client, ada)
    page = text(client.get(f"/customer/plans/{plan_id}"))
    assert "The shop has stopped collecting this" in page and shown(310 * unit, currency) in page
    with pytest.raises(InvalidInput) as refused:
        factories.record(session, shop, plan_id, 310 * unit + 1, recovery=True)
    assert list(refused.value.errors) == ["amount"]
    factories.record(session, shop, plan_id, 60 * unit, recovery=True)
    assert kinds(session)[-2:] == ["plan_written_off", "debt_recovered"]
    assert month(session, shop, unit) == (lines | {"recovered": 60}, 0, 150)
    session.rollback()
    numbers = metrics.dashboard(session, shop, NOW)
    assert (numbers.total_revenue, numbers.outstanding) == (150 * unit, 0)
    assert plan_of(session, ada, plan_id).lost == 250 * unit
