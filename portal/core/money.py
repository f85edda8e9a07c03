"""Amounts: integers of minor units in an ISO 4217 currency, read, split and written; no floats."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache

from .errors import N_, InvalidInput

# ISO 4217, list one: how many decimals the currency has. This table is the only list of currencies.
EXPONENTS = {
    "AED": 2,
    "AUD": 2,
    "BHD": 3,
    "CAD": 2,
    "CHF": 2,
    "DKK": 2,
    "EGP": 2,
    "EUR": 2,
    "GBP": 2,
    "INR": 2,
    "JOD": 3,
    "JPY": 0,
    "KRW": 0,
    "KWD": 3,
    "NOK": 2,
    "NZD": 2,
    "OMR": 3,
    "PLN": 2,
    "QAR": 2,
    "SAR": 2,
    "SEK": 2,
    "TND": 3,
    "TRY": 2,
    "USD": 2,
    "ZAR": 2,
}

MAX_AMOUNT = 10**12


@dataclass(frozen=True, slots=True)
class Money:
    """``amount`` minor units of ``currency``; adding or comparing two currencies raises ``ValueError``."""

    amount: int
    currency: str

    def __post_init__(self) -> None:
        if type(self.amount) is not int:
            raise TypeError("an amount is an integer of minor units")
        if self.currency not in EXPONENTS:
            raise ValueError(f"unknown currency {self.currency!r}")

    def _same(self, other: Money) -> None:
        if self.currency != other.currency:
            raise ValueError(f"{self.currency} and {other.currency} do not mix")

    def __add__(self, other: Money) -> Money:
        self._same(other)
        return Money(self.amount + other.amount, self.currency)

    def __sub__(self, other: Money) -> Money:
        self._same(other)
        return Money(self.amount - other.amount, self.currency)

    def __lt__(self, other: Money) -> bool:
        self._same(other)
        return self.amount < other.amount


def to_decimal(amount: int, currency: str) -> Decimal:
    """Minor units as an exact decimal with the currency's own number of places: 3334 USD is 33.34."""
    return Decimal(amount).scaleb(-EXPONENTS[currency])


@lru_cache(maxsize=8192)
def decimal_text(amount: int, currency: str) -> str:
    """Minor units as a plain decimal string, "33.34", as the API and CSV files write it."""
    return f"{to_decimal(amount, currency):f}"


def parse_amount(text: str, currency: str, field: str = "total_amount") -> int:
    """Read what a person typed as minor units of ``currency``.

    Accepts ASCII digits with one optional decimal point, and no more decimals than the currency has.
    Raises ``InvalidInput`` at ``field`` for anything else, for zero, and above ``MAX_AMOUNT``.
    """
    places = EXPONENTS[currency]
    match = re.fullmatch(r"([0-9]{1,20})(?:\.([0-9]{1,20}))?", text.strip())
    if not match:
        raise InvalidInput.at(
            field,
            N_("Enter an amount in digits, such as %(example)s."),
            example=decimal_text(10000, currency),
        )
    whole, decimals = match[1], match[2] or ""
    if len(decimals) > places:
        raise InvalidInput.at(
            field,
            N_("%(currency)s amounts have at most %(places)s decimals."),
            currency=currency,
            places=places,
        )
    amount = int(whole + decimals.ljust(places, "0"))
    check_amount(amount, currency, field)
    return amount


def check_amount(amount: int, currency: str, field: str = "total_amount") -> None:
    """Raise ``InvalidInput`` at ``field`` unless 0 < amount <= ``MAX_AMOUNT`` minor units."""
    if amount <= 0:
        raise InvalidInput.at(field, N_("Enter an amount above zero."))
    if amount > MAX_AMOUNT:
        raise InvalidInput.at(field, N_("Enter at most %(most)s."), most=decimal_text(MAX_AMOUNT, currency))


def percent_of(amount: int, percent: Decimal) -> int:
    """So many percent of an amount in minor units, rounded half up to a whole unit of the currency's smallest."""
    return int((amount * percent / 100).quantize(Decimal(1), ROUND_HALF_UP))


def split(total: int, parts: int) -> tuple[int, ...]:
    """Split ``total`` minor units into ``parts`` that sum to it and differ by at most one unit.

    The first ``total % parts`` parts are one unit larger. Raises ``ValueError`` when a part would be zero.
    """
    if not 1 <= parts <= total:
        raise ValueError(f"{total} cannot be split into {parts}")
    base, rest = divmod(total, parts)
    return (base + 1,) * rest + (base,) * (parts - rest)
