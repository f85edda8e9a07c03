"""The payment provider's interface, and a simulator of it. No card numbers are handled."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, TypeVar
from uuid import UUID

log = logging.getLogger(__name__)


class Outcome(StrEnum):
    SUCCEEDED = "succeeded"
    DECLINED = "declined"
    INSUFFICIENT_FUNDS = "insufficient_funds"


class TestCard(StrEnum):
    """What a customer of the simulator can choose to pay with, named by what will happen."""

    SUCCEEDS = "succeeds"
    DECLINED = "declined"
    INSUFFICIENT_FUNDS = "insufficient_funds"
    TIMES_OUT = "times_out"


class ProviderUnavailable(Exception):
    """The provider did not answer in time: the money may or may not have moved."""


@dataclass(frozen=True, slots=True)
class Charge:
    """What is asked of the provider: ``amount`` minor units, under a ``reference`` that makes asking twice harmless."""

    reference: UUID
    amount: int
    currency: str
    card: str


@dataclass(frozen=True, slots=True)
class RefundRequest:
    """Money to return on an earlier charge: ``amount`` minor units, under a reference of its own."""

    reference: UUID
    charge: UUID
    amount: int
    currency: str
    card: str


class Gateway(Protocol):
    def charge(self, charge: Charge) -> Outcome:
        """Take the money once per reference; raises ``ProviderUnavailable``."""

    def find(self, charge: Charge) -> Outcome | None:
        """The outcome of an earlier charge, None if the provider has none; raises ``ProviderUnavailable``."""

    def refund(self, request: RefundRequest) -> Outcome:
        """Return the money once per reference; raises ``ProviderUnavailable``."""

    def find_refund(self, request: RefundRequest) -> Outcome | None:
        """The outcome of an earlier refund, None if the provider has none; raises ``ProviderUnavailable``."""


RequestT = TypeVar("RequestT", Charge, RefundRequest)
ResponseT = TypeVar("ResponseT")


def call_provider(call: Callable[[RequestT], ResponseT], about: RequestT) -> ResponseT:
    """The provider's response. Any failure is raised as ``ProviderUnavailable``, since money may have moved."""
    try:
        return call(about)
    except ProviderUnavailable:
        raise
    except Exception as error:
        log.error("the payment provider failed", exc_info=error, extra={"reference": str(about.reference)})
        raise ProviderUnavailable() from error


OUTCOMES = {
    TestCard.SUCCEEDS: Outcome.SUCCEEDED,
    TestCard.DECLINED: Outcome.DECLINED,
    TestCard.INSUFFICIENT_FUNDS: Outcome.INSUFFICIENT_FUNDS,
    TestCard.TIMES_OUT: Outcome.SUCCEEDED,
}


class Simulator:
    """A provider whose answer follows from the test card alone, so the same reference always gets the same answer."""

    def charge(self, charge: Charge) -> Outcome:
        if charge.card == TestCard.TIMES_OUT:
            raise ProviderUnavailable()
        return OUTCOMES[TestCard(charge.card)]

    def find(self, charge: Charge) -> Outcome | None:
        return OUTCOMES[TestCard(charge.card)]

    def refund(self, request: RefundRequest) -> Outcome:
        if request.card == TestCard.TIMES_OUT:
            raise ProviderUnavailable()
        return OUTCOMES[TestCard(request.card)]

    def find_refund(self, request: RefundRequest) -> Outcome | None:
        return OUTCOMES[TestCard(request.card)]
