"""The boundary to payment providers: what is asked of one, and what it answers. No card numbers are handled."""

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


@dataclass(frozen=True, slots=True)
class Settled:
    """The provider decided at once."""

    outcome: Outcome


class Gateway(Protocol):
    """Each call raises ``ProviderUnavailable`` when the outcome is not known yet."""

    def begin(self, charge: Charge) -> Settled:
        """Take the money once per reference."""

    def get(self, charge: Charge) -> Outcome | None:
        """The outcome of an earlier charge, None if the provider has none."""

    def refund(self, request: RefundRequest) -> Outcome:
        """Return the money once per reference."""

    def get_refund(self, request: RefundRequest) -> Outcome | None:
        """The outcome of an earlier refund, None if the provider has none."""


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
