"""How money came in, and what may be said of it: methods, the smallest part, the day on which it was received."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from .allocation import OwedPart, allocate_payment
from .errors import N_, Conflict, InvalidInput
from .money import EXPONENTS, decimal_text
from .states import REFUSALS, PlanState

NOTE_LONGEST = REASON_LONGEST = 200
# Within this time, the same amount of the same plan received on the same day may be one payment recorded twice.
LOOKS_RECORDED_WITHIN = timedelta(minutes=10)
# How long the provider's page can be paid on.
PAGE_OPEN_FOR = timedelta(minutes=30)

# Why a payment was reversed that a dispute lost; kept like a reason that a shop typed, and shown in each language.
LOST_DISPUTE = N_("The bank took it back after a dispute.")


class Method(StrEnum):
    """How a payment was made: by the provider, or outside of the portal and recorded by the shop."""

    PROVIDER = "provider"
    CASH = "cash"
    BANK_TRANSFER = "bank_transfer"
    CHECK = "check"
    OTHER = "other"


class Provider(StrEnum):
    """Who takes a shop's card payments: the built-in simulator, or Stripe with a test key or a live one."""

    SIMULATOR = "simulator"
    STRIPE_TEST = "stripe_test"
    STRIPE = "stripe"


def takes(provider: str, currency: str) -> bool:
    """Whether a provider takes every amount in a currency: Stripe takes three decimals only in steps of ten.

    Source: https://docs.stripe.com/currencies#three-decimal.
    """
    return provider == Provider.SIMULATOR or EXPONENTS[currency] <= 2


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


# What is said of an amount that is too great, and of one that is too small: by whether it is a recovery.
_TOO_MUCH = {False: N_("At most %(most)s is owed."), True: N_("At most %(most)s can be recovered.")}
_TOO_LITTLE = {
    False: N_("Enter at least %(least)s, or all that is owed."),
    True: N_("Enter at least %(least)s, or all that is not recovered."),
}


def check_part(amount: int, owed: int, currency: str, *, recovery: bool = False) -> None:
    """Raise ``InvalidInput`` at ``amount`` unless it can be paid of what is ``owed``, or of a ``recovery`` of what was
    lost; both in minor units."""
    least = smallest_part(owed, currency)
    if amount > owed:
        raise InvalidInput.at("amount", _TOO_MUCH[recovery], most=decimal_text(owed, currency))
    if amount < least:
        raise InvalidInput.at("amount", _TOO_LITTLE[recovery], least=decimal_text(least, currency))


def check_recovery(state: PlanState, written_off: int) -> None:
    """Raise ``Conflict`` unless money of a plan can be a recovery: nothing is owed, and something was written off.

    How the plan ended does not matter: what a reversal opened again may be paid, cancelled or written off afterwards.
    """
    if state is PlanState.ACTIVE:
        message = N_("Something is owed on this plan. That is paid before anything is recovered.")
        raise Conflict(message, code="plan_active")
    if not written_off:
        raise Conflict(REFUSALS[state], code=f"plan_{state}")


def check_received_on(received_on: date, accepted_on: date, today: date) -> None:
    """Raise ``InvalidInput`` at ``received_on`` for a day ahead, and for one before the plan was accepted."""
    if received_on > today:
        raise InvalidInput.at("received_on", N_("This day is still ahead."))
    if received_on < accepted_on:
        raise InvalidInput.at("received_on", N_("The customer had not accepted the plan on this day."))
