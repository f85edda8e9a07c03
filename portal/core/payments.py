"""How money came in, and what may be said of it: methods, the smallest part, the day on which it was received."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from .allocation import OwedPart, allocate_payment
from .errors import N_, InvalidInput
from .money import EXPONENTS, decimal_text

NOTE_LONGEST = REASON_LONGEST = 200
# Within this time, the same amount of the same plan received on the same day may be one payment recorded twice.
LOOKS_RECORDED_WITHIN = timedelta(minutes=10)


class Method(StrEnum):
    """How a payment was made: by the provider, or outside of the portal and recorded by the shop."""

    PROVIDER = "provider"
    CASH = "cash"
    BANK_TRANSFER = "bank_transfer"
    CHECK = "check"
    OTHER = "other"


RECORDED = tuple(method for method in Method if method is not Method.PROVIDER)


class Owing(Protocol):
    """An installment: what is ``owed`` of it, in minor units, and since when."""

    id: UUID
    number: int
    due_on: date
    owed: int


def spread(lines: Iterable[Owing], amount: int) -> dict[UUID, int]:
    """Which installments ``amount`` minor units pay, by their ids: what is due first, then forwards.

    Raises ``ValueError`` for nothing, and for more than all of them owe.
    """
    oldest_first = sorted(lines, key=lambda line: (line.due_on, line.number))
    return allocate_payment([OwedPart(line.id, line.number, line.owed) for line in oldest_first], amount)


def smallest_part(owed: int, currency: str) -> int:
    """The least that can be paid of what is ``owed``, in minor units: one unit of the currency, or the rest."""
    return min(owed, 10 ** EXPONENTS[currency])


def check_part(amount: int, owed: int, currency: str) -> None:
    """Raise ``InvalidInput`` at ``amount`` unless it can be paid of what is ``owed``; both in minor units."""
    least = smallest_part(owed, currency)
    if amount > owed:
        raise InvalidInput.at("amount", N_("At most %(most)s is owed."), most=decimal_text(owed, currency))
    if amount < least:
        raise InvalidInput.at(
            "amount",
            N_("Enter at least %(least)s, or all that is owed."),
            least=decimal_text(least, currency),
        )


def check_received_on(received_on: date, accepted_on: date, today: date) -> None:
    """Raise ``InvalidInput`` at ``received_on`` for a day ahead, and for one before the plan was accepted."""
    if received_on > today:
        raise InvalidInput.at("received_on", N_("This day is still ahead."))
    if received_on < accepted_on:
        raise InvalidInput.at("received_on", N_("The customer had not accepted the plan on this day."))
