"""The simulated provider. It keeps nothing: its answer follows from the test card alone."""

from __future__ import annotations

from enum import StrEnum

from . import Charge, Outcome, ProviderUnavailable, RefundRequest, Settled


class TestCard(StrEnum):
    """What a customer of the simulator can choose to pay with, named by what will happen."""

    SUCCEEDS = "succeeds"
    DECLINED = "declined"
    INSUFFICIENT_FUNDS = "insufficient_funds"
    TIMES_OUT = "times_out"


OUTCOMES = {
    TestCard.SUCCEEDS: Outcome.SUCCEEDED,
    TestCard.DECLINED: Outcome.DECLINED,
    TestCard.INSUFFICIENT_FUNDS: Outcome.INSUFFICIENT_FUNDS,
    TestCard.TIMES_OUT: Outcome.SUCCEEDED,
}


class Simulator:
    """A provider whose answer follows from the test card alone, so the same reference always gets the same answer."""

    def begin(self, charge: Charge) -> Settled:
        if charge.card == TestCard.TIMES_OUT:
            raise ProviderUnavailable()
        return Settled(OUTCOMES[TestCard(charge.card)])

    def get(self, charge: Charge) -> Outcome | None:
        return OUTCOMES[TestCard(charge.card)]

    def refund(self, request: RefundRequest) -> Outcome:
        if request.card == TestCard.TIMES_OUT:
            raise ProviderUnavailable()
        return OUTCOMES[TestCard(request.card)]

    def get_refund(self, request: RefundRequest) -> Outcome | None:
        return OUTCOMES[TestCard(request.card)]
