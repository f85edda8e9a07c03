"""Doubles of the outside world: a payment provider with its own books and an SMTP server; both fail on demand."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from portal.adapters.mailer import DeliveryError, Email, Envelope
from portal.adapters.payments import Charge, Outcome, ProviderUnavailable, RefundRequest, Settled
from portal.adapters.payments.simulator import OUTCOMES
from tests.properties_db.model_rows import Provider


class Crash(BaseException):
    """The process dies while it calls the provider; no ``except`` clause catches that."""


class Ledger:
    """A provider that moves money once per reference, and remembers what it moved: (outcome, minor units)."""

    def __init__(self) -> None:
        self.charges: dict[UUID, tuple[Outcome, int]] = {}
        self.returns: dict[UUID, tuple[Outcome, int]] = {}
        self.asked_twice: list[UUID] = []
        self.as_gateway(Provider())

    def as_gateway(self, mood: Provider) -> Ledger:
        self.mood, self.declining = mood, mood.declines_a_return
        return self

    def begin(self, charge: Charge) -> Settled:
        return Settled(self._hear(self.charges, charge, OUTCOMES[charge.card]))

    def get(self, charge: Charge) -> Outcome | None:
        return self._look_up(self.charges, charge.reference)

    def refund(self, request: RefundRequest) -> Outcome:
        outcome = Outcome.DECLINED if self.declining else Outcome.SUCCEEDED
        return self._hear(self.returns, request, outcome)

    def get_refund(self, request: RefundRequest) -> Outcome | None:
        return self._look_up(self.returns, request.reference)

    def _hear(self, book: dict, asked: Any, outcome: Outcome) -> Outcome:
        if self.mood.unreachable:
            raise ProviderUnavailable
        if self.mood.process_dies == "before":
            raise Crash
        if asked.reference in book:
            self.asked_twice.append(asked.reference)
        book[asked.reference], self.declining = (outcome, asked.amount), False
        if self.mood.process_dies == "after":
            raise Crash
        if self.mood.slow or (card_of(asked) == "times_out"):
            raise ProviderUnavailable
        return outcome

    def _look_up(self, book: dict, reference: UUID) -> Outcome | None:
        if self.mood.unreachable:
            raise ProviderUnavailable
        return book[reference][0] if reference in book else None

    def kept(self) -> int:
        """What it took less what it gave back, in minor units."""
        return moved(self.charges) - moved(self.returns)


def card_of(asked: Charge | RefundRequest) -> str | None:
    return asked.card if isinstance(asked, Charge) else asked.charge.card


def moved(book: dict[UUID, tuple[Outcome, int]]) -> int:
    return sum(amount for outcome, amount in book.values() if outcome is Outcome.SUCCEEDED)


class FakeSmtp:
    """A mail server that takes each email at most once, and can refuse all."""

    def __init__(self) -> None:
        self.refusing, self.taken = False, set()

    def send(self, email: Email, envelope: Envelope) -> None:
        if self.refusing:
            raise DeliveryError("451 try again later")
        assert envelope.id not in self.taken
        self.taken.add(envelope.id)


def write(message: Any) -> Email:
    return Email(message.kind, message.kind, message.kind)
