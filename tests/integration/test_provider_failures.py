"""A provider that fails, is silent or dies may have moved the money: the job asks, and it moves once."""

from __future__ import annotations

from datetime import timedelta

import pytest

from portal.adapters.payments import ProviderUnavailable
from portal.adapters.payments.simulator import Simulator
from portal.extensions import now
from portal.services import payment_settlement, refund_settlement, refunds
from tests import factories
from tests.browserlike import Forms, form_at, sign_in, text
from tests.factories import NOW, accepted_plan, choose_card, pay, plan_of, refund, returned
from tests.providers import Crash, CrashAfterTheCall, CrashBeforeTheCall, Provider

SOON = timedelta(minutes=5)
# Failures that no adapter has names for.
FAILURES = [ConnectionResetError("gone"), TimeoutError(), ValueError("no JSON"), KeyError("status")]


class Breaking(Simulator):
    """It does what it is asked, and fails while it says so."""

    def __init__(self, failure):
        self.failure = failure

    def begin(self, charge):
        raise self.failure

    def refund(self, request):
        raise self.failure


class Gone(Breaking):
    """Nor can it be asked about any outcome."""

    def get(self, charge):
        raise self.failure

    def get_refund(self, request):
        raise self.failure


class SilentAfterTheFirst(Provider):
    """It gives the first one back and is not heard of again."""

    def refund(self, back):
        if self.given_back:
            raise ProviderUnavailable
        return super().refund(back)


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


@pytest.mark.parametrize("gateway", [CrashBeforeTheCall, CrashAfterTheCall])
def test_after_a_crash_between_intent_and_settling_the_job_finishes_the_payment_once(
    session, shop, ada, gateway
):
    plan_id = accepted_plan(session, shop, ada)
    cut_off = gateway()
    with pytest.raises(Crash):
        pay(session, ada, plan_id, gateway=cut_off)
    assert plan_of(session, ada, plan_id).processing
    provider = cut_off.recovered()
    assert payment_settlement.settle_pending(session, provider, NOW + SOON) == {"settled": 1, "waiting": 0}
    assert list(provider.charged.values()) == [10000]
    assert plan_of(session, ada, plan_id).state == "completed"
    assert payment_settlement.settle_pending(session, provider, NOW + SOON) == {"settled": 0, "waiting": 0}
    assert list(provider.charged.values()) == [10000]


def test_a_payment_that_may_still_be_in_the_hands_of_its_request_is_left_to_it(session, shop, ada):
    plan_id = accepted_plan(session, shop, ada)
    with pytest.raises(Crash):
        pay(session, ada, plan_id, 1, gateway=CrashBeforeTheCall())
    for seconds, settled in ((0, 0), (59, 0), (60, 1)):
        later = NOW + timedelta(seconds=seconds)
        assert payment_settlement.settle_pending(session, Provider(), later)["settled"] == settled


def test_a_provider_that_stays_silent_is_asked_again_and_one_payment_does_not_hold_up_another(
    session, shop, ada
):
    silent, talking = accepted_plan(session, shop, ada), accepted_plan(session, shop, ada)
    choose_card(session, ada, "times_out")
    reference = pay(session, ada, silent).payment_id
    pay(session, ada, talking)

    class Moody(Simulator):
        def get(self, charge):
            if charge.reference == reference:
                raise ProviderUnavailable
            return super().get(charge)

    assert payment_settlement.settle_pending(session, Moody(), NOW + SOON) == {"settled": 1, "waiting": 1}
    assert [plan_of(session, ada, plan_id).state for plan_id in (silent, talking)] == ["active", "completed"]
    assert payment_settlement.settle_pending(session, Simulator(), NOW + SOON) == {"settled": 1, "waiting": 0}
    assert plan_of(session, ada, silent).state == "completed"


def test_the_newest_payment_is_given_back_first_and_the_rest_is_finished_by_the_job(
    session, shop, ada, paid_in_two
):
    plan_id, _ = paid_in_two
    provider = SilentAfterTheFirst()
    assert refund(session, shop, plan_id, 8000, gateway=provider).status == "processing"
    assert list(provider.given_back.values()) == [5000]
    assert returned(session, ada, plan_id) == [0, 0]
    healthy = provider.recovered()
    assert refund_settlement.settle_pending(session, healthy, NOW + SOON)["refunds_settled"] == 1
    assert list(healthy.given_back.values()) == [5000, 3000]
    assert returned(session, ada, plan_id) == [3000, 5000]


@pytest.mark.parametrize("gateway", [CrashBeforeTheCall, CrashAfterTheCall])
def test_after_a_crash_between_intent_and_settling_the_job_finishes_the_refund_once(
    session, shop, ada, paid_in_two, gateway
):
    plan_id, _ = paid_in_two
    cut_off = gateway()
    with pytest.raises(Crash):
        refund(session, shop, plan_id, 4000, key="once", gateway=cut_off)
    assert returned(session, ada, plan_id) == [0, 0]
    assert refund(session, shop, plan_id, 4000, key="once").status == "processing"
    provider = cut_off.recovered()
    assert refund_settlement.settle_pending(session, provider, NOW + SOON)["refunds_settled"] == 1
    assert refund_settlement.settle_pending(session, provider, NOW + SOON)["refunds_settled"] == 0
    assert list(provider.given_back.values()) == [4000]
    assert returned(session, ada, plan_id) == [0, 4000]
    assert refund(session, shop, plan_id, 4000, key="once").status == "succeeded"


def test_a_silent_provider_holds_up_no_other_refund(session, shop, ada, paid_in_two):
    silent, payments = paid_in_two
    talking = accepted_plan(session, shop, ada)
    pay(session, ada, talking)
    for plan_id in (silent, talking):
        with pytest.raises(Crash):
            refund(session, shop, plan_id, 1000, gateway=CrashBeforeTheCall())

    class Moody(Provider):
        def refund(self, back):
            if back.charge.reference in payments:
                raise ProviderUnavailable
            return super().refund(back)

    counts = refund_settlement.settle_pending(session, Moody(), NOW + SOON)
    assert counts == {"refunds_settled": 1, "refunds_waiting": 1}
    assert returned(session, ada, talking) == [0, 0, 1000]
    assert returned(session, ada, silent) == [0, 0]
    assert refund_settlement.settle_pending(session, Provider(), NOW + SOON)["refunds_settled"] == 1
