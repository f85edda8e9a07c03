"""The payment provider: what the portal asks of one, and the simulator that stands in for it. No card number enters."""

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


class NoAnswer(Exception):
    """The provider did not answer in time: the money may or may not have moved."""


@dataclass(frozen=True, slots=True)
class Charge:
    """What is asked of the provider: ``amount`` minor units, under a ``reference`` that makes asking twice harmless."""

    reference: UUID
    amount: int
    currency: str
    card: str


@dataclass(frozen=True, slots=True)
class GiveBack:
    """Money to return on an earlier charge: ``amount`` minor units, under a reference of its own."""

    reference: UUID
    charge: UUID
    amount: int
    currency: str
    card: str


class Gateway(Protocol):
    def charge(self, charge: Charge) -> Outcome:
        """Take the money once per reference; raises ``NoAnswer``."""

    def find(self, charge: Charge) -> Outcome | None:
        """What became of an earlier charge, or None if the provider never heard of it; raises ``NoAnswer``."""

    def give_back(self, give_back: GiveBack) -> Outcome:
        """Return the money once per reference; raises ``NoAnswer``."""

    def find_given_back(self, give_back: GiveBack) -> Outcome | None:
        """What became of an earlier return, or None if the provider never heard of it; raises ``NoAnswer``."""


Asked = TypeVar("Asked", Charge, GiveBack)
Told = TypeVar("Told")


def ask(call: Callable[[Asked], Told], about: Asked) -> Told:
    """What the provider says. However it fails, it may have moved the money: that is ``NoAnswer`` too, and logged."""
    try:
        return call(about)
    except NoAnswer:
        raise
    except Exception as error:
        log.error("the payment provider failed", exc_info=error, extra={"reference": str(about.reference)})
        raise NoAnswer() from error


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
            raise NoAnswer()
        return OUTCOMES[TestCard(charge.card)]

    def find(self, charge: Charge) -> Outcome | None:
        return OUTCOMES[TestCard(charge.card)]

    def give_back(self, give_back: GiveBack) -> Outcome:
        if give_back.card == TestCard.TIMES_OUT:
            raise NoAnswer()
        return OUTCOMES[TestCard(give_back.card)]

    def find_given_back(self, give_back: GiveBack) -> Outcome | None:
        return OUTCOMES[TestCard(give_back.card)]
