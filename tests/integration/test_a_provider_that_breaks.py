"""A provider that fails in a way nobody thought of may have moved the money: it is no error, and finished once."""

from __future__ import annotations

from datetime import timedelta

import pytest

from portal.adapters.gateway import Simulator
from portal.extensions import now
from portal.services import payment_settlement, refund_settlement, refunds
from tests import factories
from tests.browserlike import Forms, form_at, sign_in, text
from tests.factories import NOW, accepted_plan, pay, plan_of

SOON = timedelta(minutes=5)
FAILURES = [ConnectionResetError("gone"), TimeoutError(), ValueError("no JSON"), KeyError("status")]


class Breaking(Simulator):
    """It does what it is asked, and fails while it says so."""

    def __init__(self, failure):
        self.failure = failure

    def charge(self, charge):
        raise self.failure

    def give_back(self, give_back):
        raise self.failure


class Gone(Breaking):
    """Nor can it be asked what became of anything."""

    def find(self, charge):
        raise self.failure

    def find_given_back(self, give_back):
        raise self.failure


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: type(failure).__name__)
def test_a_payment_and_a_refund_stay_in_process_until_it_can_be_asked(session, shop, ada, failure):
    plan_id = accepted_plan(session, shop, ada)
    paid = pay(session, ada, plan_id, 1, key="k", gateway=Breaking(failure))
    assert paid.status == "processing"
    assert pay(session, ada, plan_id, 2, gateway=Simulator()).status == "paid"
    assert payment_settlement.settle_pending(session, Gone(failure), NOW + SOON) == {
        "settled": 0,
        "waiting": 1,
    }
    assert payment_settlement.settle_pending(session, Simulator(), NOW + SOON) == {"settled": 1, "waiting": 0}
    assert plan_of(session, ada, plan_id).paid == 6667

    back = refunds.refund(session, Breaking(failure), shop, refunds.Request(plan_id, 5000), "k", NOW)
    assert (back.status, back.to_return) == ("processing", 1667)
    waiting = refund_settlement.settle_pending(session, Gone(failure), NOW + SOON)
    assert waiting == {"refunds_settled": 0, "refunds_waiting": 1}
    settled = refund_settlement.settle_pending(session, Simulator(), NOW + SOON)
    assert settled == {"refunds_settled": 1, "refunds_waiting": 0}
    assert sum(i.returned for i in plan_of(session, ada, plan_id).installments) == 1667


def test_on_the_web_the_row_says_processing_and_the_button_is_gone(
    app, client, session, ada, plan, pay_first
):
    sign_in(client, ada)
    fields = form_at(client, "/customer/", pay_first)
    factories.replace_adapters(app, gateway=Breaking(ConnectionResetError("gone")))
    for _ in range(2):
        waiting = client.post(pay_first, data=fields)
        assert waiting.status_code == 202
        assert "has not answered yet" in text(waiting)
        assert pay_first not in [form.action for form in Forms(text(waiting)).all]
    payment_settlement.settle_pending(session, Simulator(), now() + SOON)
    assert client.post(pay_first, data=fields).status_code == 303
    assert factories.cash(session) == 3334


def test_a_refunding_shop_is_told_that_it_is_on_its_way(app, client, session, shop, ada, plan):
    factories.pay(session, ada, plan.id, now=now())
    sign_in(client, shop)
    url = f"/merchant/plans/{plan.id}/refund"
    fields = form_at(client, f"{url}?amount=100", url)
    factories.replace_adapters(app, gateway=Breaking(ConnectionResetError("gone")))
    for _ in range(2):
        answer = client.post(url, data=fields)
        assert (answer.status_code, answer.location) == (303, f"/merchant/plans/{plan.id}")
        assert "is being returned" in text(client.get(answer.location))
    settled = refund_settlement.settle_pending(session, Simulator(), now() + SOON)
    assert settled == {"refunds_settled": 1, "refunds_waiting": 0}
