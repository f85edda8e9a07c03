"""The boundary to payment providers: what is asked of one, and what it answers. No card numbers are handled."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol, TypeVar
from uuid import UUID

from portal.core.autopay import CARD_UNUSABLE, NEEDS_CUSTOMER
from portal.core.payments import Provider

log = logging.getLogger(__name__)


class Outcome(StrEnum):
    """How a payment or refund ended.

    ``refused``: the provider takes no orders of this shop. ``abandoned``: the page was stopped or expired.
    ``card_unusable``: the card itself is of no more use. ``needs_customer``: the bank wants the customer to confirm.
    """

    SUCCEEDED = "succeeded"
    DECLINED = "declined"
    INSUFFICIENT_FUNDS = "insufficient_funds"
    CARD_UNUSABLE = CARD_UNUSABLE
    NEEDS_CUSTOMER = NEEDS_CUSTOMER
    REFUSED = "refused"
    ABANDONED = "abandoned"


class ProviderUnavailable(Exception):
    """The provider did not answer in time, or not for good: the money may or may not have moved."""


@dataclass(frozen=True, slots=True)
class Account:
    """A shop's account with a provider; only the adapter can read the sealed key, which is None once removed."""

    provider: Provider
    sealed_key: str | None


@dataclass(frozen=True, slots=True)
class SavedCard:
    """A card that the customer let the shop keep at the provider, by the provider's names of it and of the customer.

    The simulator has no such names.
    """

    brand: str
    last_four: str
    customer: str | None = None
    reference: str | None = None


@dataclass(frozen=True, slots=True)
class SaveRequest:
    """A card to save for a consent, whose id is the ``reference``; ``page`` was opened for it at ``begun_at``."""

    reference: UUID
    plan_id: UUID
    account: Account | None
    begun_at: datetime
    email: str
    page: str | None = None


@dataclass(frozen=True, slots=True)
class Charge:
    """What is asked of the provider: ``amount`` minor units, under a ``reference`` that makes asking twice harmless.

    ``card`` is for the simulator, which has no account. ``page`` is the provider's name of the page that was opened at
    ``begun_at``, once it is known; the page shows the ``text`` and the ``email``. A ``saved`` card is charged while the
    customer is away, and ``page`` is then the provider's name of the payment.
    """

    reference: UUID
    amount: int
    currency: str
    card: str | None = None
    account: Account | None = None
    page: str | None = None
    begun_at: datetime | None = None
    text: str = ""
    email: str = ""
    saved: SavedCard | None = None


@dataclass(frozen=True, slots=True)
class RefundRequest:
    """Money to return on an earlier ``charge``: ``amount`` minor units, under a reference of its own."""

    reference: UUID
    charge: Charge
    amount: int


@dataclass(frozen=True, slots=True)
class ReportRequest:
    """What the provider reported by itself, a dispute or a refund, by its name of it."""

    reference: str
    account: Account


@dataclass(frozen=True, slots=True)
class Settled:
    """The provider decided at once; ``code`` is its own word for a failure, ``page`` its name of the payment."""

    outcome: Outcome
    code: str | None = None
    page: str | None = None


@dataclass(frozen=True, slots=True)
class GoTo:
    """The customer pays on the provider's page at ``url``; ``page`` is its name there."""

    url: str
    page: str


@dataclass(frozen=True, slots=True)
class DisputeFound:
    """How a dispute stands: ``open``, ``won`` or ``lost``; in minor units, of a payment of the portal if it is one."""

    payment_id: UUID | None
    amount: int
    currency: str
    state: str


@dataclass(frozen=True, slots=True)
class FailedRefund:
    """A refund that came back from the customer's bank: by the reference of its request, in minor units."""

    payment_id: UUID
    reference: UUID
    amount: int
    currency: str


class Gateway(Protocol):
    """Each call raises ``ProviderUnavailable`` while the outcome is not known."""

    def begin(self, charge: Charge) -> Settled | GoTo:
        """Take the money, or open the page on which the customer pays it: once per reference."""

    def get(self, charge: Charge) -> Outcome | None:
        """The outcome of an earlier charge, None if the provider has none. Opens no page."""

    def expire(self, charge: Charge) -> Outcome:
        """Close the page of a charge for good; the outcome is what came first."""

    def refund(self, request: RefundRequest) -> Outcome:
        """Return the money once per reference."""

    def get_refund(self, request: RefundRequest) -> Outcome | None:
        """The outcome of an earlier refund, None if the provider has none."""

    def get_dispute(self, request: ReportRequest) -> DisputeFound | None:
        """How a dispute stands; None for one that takes no money."""

    def get_failed_refund(self, request: ReportRequest) -> FailedRefund | None:
        """A refund that failed; None for one that did not, or that is not the portal's."""

    def save_card(self, request: SaveRequest) -> SavedCard | GoTo | None:
        """The card, or the page on which the customer gives it: once per reference; None once that page has closed."""

    def get_card(self, request: SaveRequest) -> SavedCard | None:
        """The card that was given, None if the page has closed without one. Opens no page."""

    def close_card_page(self, request: SaveRequest) -> None:
        """Close the page of a request for good."""


RequestT = TypeVar("RequestT", Charge, RefundRequest, ReportRequest, SaveRequest)
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


class ByAccount:
    """Asks the simulator about what has no account, and the other provider about the rest."""

    def __init__(self, simulator: Gateway, other: Callable[[], Gateway]) -> None:
        self.simulator, self.other = simulator, other

    def begin(self, charge: Charge) -> Settled | GoTo:
        return self._of(charge.account).begin(charge)

    def get(self, charge: Charge) -> Outcome | None:
        return self._of(charge.account).get(charge)

    def expire(self, charge: Charge) -> Outcome:
        return self._of(charge.account).expire(charge)

    def refund(self, request: RefundRequest) -> Outcome:
        return self._of(request.charge.account).refund(request)

    def get_refund(self, request: RefundRequest) -> Outcome | None:
        return self._of(request.charge.account).get_refund(request)

    def get_dispute(self, request: ReportRequest) -> DisputeFound | None:
        return self._of(request.account).get_dispute(request)

    def get_failed_refund(self, request: ReportRequest) -> FailedRefund | None:
        return self._of(request.account).get_failed_refund(request)

    def save_card(self, request: SaveRequest) -> SavedCard | GoTo | None:
        return self._of(request.account).save_card(request)

    def get_card(self, request: SaveRequest) -> SavedCard | None:
        return self._of(request.account).get_card(request)

    def close_card_page(self, request: SaveRequest) -> None:
        return self._of(request.account).close_card_page(request)

    def _of(self, account: Account | None) -> Gateway:
        return self.other() if account else self.simulator
