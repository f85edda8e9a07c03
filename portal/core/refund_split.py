"""How a refund is worked out: what is owed is cancelled from the end, the rest returned newest first; no more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from .errors import N_, InvalidInput
from .money import decimal_text


@dataclass(frozen=True, slots=True)
class Part:
    """An installment as a refund sees it; amounts in minor units. ``payment_id`` paid it, None if unpaid.

    ``paid_order`` counts the plan's payments, so that a greater one is newer; 0 if unpaid.
    """

    installment_id: UUID
    number: int
    owed: int
    returnable: int
    payment_id: UUID | None
    paid_order: int


@dataclass(frozen=True, slots=True)
class Return:
    """``amount`` minor units that go back on a payment for one of its installments."""

    payment_id: UUID
    installment_id: UUID
    amount: int


@dataclass(frozen=True, slots=True)
class Split:
    """What a refund does: (installment id, minor units) that are cancelled, and what is returned; both in order."""

    cancelled: tuple[tuple[UUID, int], ...]
    returned: tuple[Return, ...]

    @property
    def cancelled_amount(self) -> int:
        return sum(amount for _, amount in self.cancelled)

    @property
    def returned_amount(self) -> int:
        return sum(part.amount for part in self.returned)


def refundable(parts: Sequence[Part]) -> int:
    """The most that can be refunded: what the plan is worth less what was refunded before."""
    return sum(part.owed + part.returnable for part in parts)


def split_refund(parts: Sequence[Part], amount: int, currency: str) -> Split:
    """Work out a refund of ``amount`` minor units. Raises ``InvalidInput`` at ``amount`` if it is not refundable.

    Cancelling goes from the last installment backwards; returning goes from the newest payment to the oldest, and
    within one from its last installment backwards.
    """
    most = refundable(parts)
    if amount <= 0:
        raise InvalidInput.at("amount", N_("Enter an amount above zero."))
    if amount > most:
        raise InvalidInput.at(
            "amount", N_("At most %(most)s can be refunded."), most=decimal_text(most, currency)
        )
    rest = amount
    cancelled = []
    for part in sorted(parts, key=lambda p: p.number, reverse=True):
        if take := min(part.owed, rest):
            cancelled.append((part.installment_id, take))
            rest -= take
    returned = []
    for part in sorted(parts, key=lambda p: (p.paid_order, p.number), reverse=True):
        if part.payment_id and (take := min(part.returnable, rest)):
            returned.append(Return(part.payment_id, part.installment_id, take))
            rest -= take
    return Split(tuple(cancelled), tuple(returned))
