"""Which installments money belongs to: how a payment is spread over them, and how a refund is taken from them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from .errors import N_, InvalidInput
from .money import decimal_text


@dataclass(frozen=True, slots=True)
class OwedPart:
    """What is owed of an installment, in minor units."""

    installment_id: UUID
    number: int
    amount: int


@dataclass(frozen=True, slots=True)
class PaidPart:
    """What a payment paid of an installment and can still return, in minor units.

    ``payment_number`` counts the plan's payments, so that a greater one is newer. ``by_hand``: the shop recorded the
    payment, which came by this ``method``, so it is for the shop to hand back what is returned of it.
    """

    payment_id: UUID
    payment_number: int
    installment_id: UUID
    number: int
    amount: int
    by_hand: bool = False
    method: str = ""


@dataclass(frozen=True, slots=True)
class Return:
    """``amount`` minor units that go back on a payment for one of its installments, perhaps by hand."""

    payment_id: UUID
    installment_id: UUID
    amount: int
    by_hand: bool = False
    method: str = ""


@dataclass(frozen=True, slots=True)
class Split:
    """A refund's allocation: the amounts cancelled, as (installment id, minor units), and those returned; in order."""

    cancelled: tuple[tuple[UUID, int], ...]
    returned: tuple[Return, ...]

    @property
    def cancelled_amount(self) -> int:
        return sum(amount for _, amount in self.cancelled)

    @property
    def returned_amount(self) -> int:
        return sum(part.amount for part in self.returned)

    @property
    def handed_back(self) -> int:
        """What the shop hands back itself, in minor units."""
        return sum(self.handed_back_by.values())

    @property
    def handed_back_by(self) -> dict[str, int]:
        """What the shop hands back itself by the method with which it came, in minor units."""
        by_method: dict[str, int] = {}
        for part in self.returned:
            if part.by_hand:
                by_method[part.method] = by_method.get(part.method, 0) + part.amount
        return by_method


def allocate_payment(owed: Iterable[OwedPart], amount: int) -> dict[UUID, int]:
    """Spread ``amount`` minor units over installments in the given order, never more than is owed.

    Raises ``ValueError`` for nothing, and for more than all of them owe.
    """
    allocated, rest = {}, amount
    for part in owed:
        if take := min(part.amount, rest):
            allocated[part.installment_id] = take
            rest -= take
    if amount <= 0 or rest:
        raise ValueError(f"{amount} cannot be allocated")
    return allocated


def refundable(owed: Iterable[OwedPart], paid: Iterable[PaidPart]) -> int:
    """The most that can be refunded: what is owed, and what was paid and not returned."""
    return sum(part.amount for part in owed) + sum(part.amount for part in paid)


def allocate_refund(owed: Sequence[OwedPart], paid: Sequence[PaidPart], amount: int, currency: str) -> Split:
    """Work out a refund of ``amount`` minor units. Raises ``InvalidInput`` at ``amount`` if it is not refundable.

    Cancelling goes from the last installment backwards; returning goes from the newest payment to the oldest, and
    within one from its last installment backwards.
    """
    most = refundable(owed, paid)
    if amount <= 0:
        raise InvalidInput.at("amount", N_("Enter an amount above zero."))
    if amount > most:
        raise InvalidInput.at(
            "amount", N_("At most %(most)s can be refunded."), most=decimal_text(most, currency)
        )
    rest = amount
    cancelled = []
    for line in sorted(owed, key=lambda part: part.number, reverse=True):
        if take := min(line.amount, rest):
            cancelled.append((line.installment_id, take))
            rest -= take
    returned = []
    for part in sorted(paid, key=lambda part: (part.payment_number, part.number), reverse=True):
        if take := min(part.amount, rest):
            returned.append(Return(part.payment_id, part.installment_id, take, part.by_hand, part.method))
            rest -= take
    return Split(tuple(cancelled), tuple(returned))
