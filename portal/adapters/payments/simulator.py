"""The simulated provider. It keeps nothing: its answer follows from the test card alone."""

from __future__ import annotations

from enum import StrEnum

from . import (
    Charge,
    DisputeFound,
    FailedRefund,
    Outcome,
    ProviderUnavailable,
    RefundRequest,
    ReportRequest,
    SavedCard,
    SaveRequest,
    Settled,
)


class TestCard(StrEnum):
    """What a customer of the simulator can choose to pay with, named by what will happen."""

    SUCCEEDS = "succeeds"
    DECLINED = "declined"
    INSUFFICIENT_FUNDS = "insufficient_funds"
    UNUSABLE = "unusable"
    NEEDS_CUSTOMER = "needs_customer"
    TIMES_OUT = "times_out"


OUTCOMES = {
    TestCard.SUCCEEDS: Outcome.SUCCEEDED,
    TestCard.DECLINED: Outcome.DECLINED,
    TestCard.INSUFFICIENT_FUNDS: Outcome.INSUFFICIENT_FUNDS,
    TestCard.UNUSABLE: Outcome.CARD_UNUSABLE,
    # For who is there to confirm it.
    TestCard.NEEDS_CUSTOMER: Outcome.SUCCEEDED,
    TestCard.TIMES_OUT: Outcome.SUCCEEDED,
}
SAVED = SavedCard("test", "4242")


class Simulator:
    """A provider whose answer follows from the test card alone, so the same reference always gets the same answer."""

    def begin(self, charge: Charge) -> Settled:
        if charge.card == TestCard.TIMES_OUT:
            raise ProviderUnavailable()
        return Settled(_outcome(charge))

    def get(self, charge: Charge) -> Outcome | None:
        return _outcome(charge)

    def expire(self, charge: Charge) -> Outcome:
        """It has no pages; the card has decided."""
        return _outcome(charge)

    def refund(self, request: RefundRequest) -> Outcome:
        if request.charge.card == TestCard.TIMES_OUT:
            raise ProviderUnavailable()
        return _outcome(request.charge)

    def get_refund(self, request: RefundRequest) -> Outcome | None:
        return _outcome(request.charge)

    def get_dispute(self, request: ReportRequest) -> DisputeFound | None:
        """Nobody disputes what is simulated."""
        return None

    def get_failed_refund(self, request: ReportRequest) -> FailedRefund | None:
        """What is simulated never comes back."""
        return None

    def save_card(self, request: SaveRequest) -> SavedCard:
        """The test card that the customer chose."""
        return SAVED

    def get_card(self, request: SaveRequest) -> SavedCard:
        """Of a consent after which the process died."""
        return SAVED

    def close_card_page(self, request: SaveRequest) -> None:
        """It has no pages."""


def _outcome(charge: Charge) -> Outcome:
    """Raises ``ValueError`` for a charge without a test card: it is not the simulator's."""
    card = TestCard(charge.card)
    if card is TestCard.NEEDS_CUSTOMER and charge.saved:
        return Outcome.NEEDS_CUSTOMER
    return OUTCOMES[card]
