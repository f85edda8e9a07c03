"""An offer of lines chosen one by one keeps exactly these when its address is corrected."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select

from portal.models import Installment
from portal.services import offer_addresses
from portal.services.transaction import unit_of_work
from tests import factories
from tests.factories import NOW, TODAY


def test_a_corrected_address_is_sent_the_same_lines(session, shop, ada):
    lines = ((4000, TODAY), (1050, TODAY + timedelta(days=1)), (4950, TODAY + timedelta(days=90)))
    wrong = factories.own_offer(session, shop, ada, *lines)
    with unit_of_work(session):
        right = offer_addresses.correct(session, shop, wrong, "other@example.com", NOW)
    found = select(Installment.amount, Installment.due_on).where(Installment.plan_id == right)
    assert tuple(map(tuple, session.execute(found.order_by(Installment.number)).all())) == lines
