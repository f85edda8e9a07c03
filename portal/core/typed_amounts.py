"""Amounts as people write them: signs, digits of any script, either mark for decimals; what is ambiguous is refused."""

from __future__ import annotations

import re
import unicodedata
from decimal import Decimal

from .errors import N_, InvalidInput
from .money import EXPONENTS, check_amount, decimal_text

# Beside its code, how a currency's amounts are marked in the portal's languages and where the currency is used.
SIGNS = {
    "AED": ("د.إ.", "د.إ", "Dhs", "DH"),
    "AUD": ("AU$", "A$", "$"),
    "BHD": ("د.ب.", "د.ب", "BD"),
    "CAD": ("CA$", "C$", "$"),
    "CHF": ("SFr.", "Fr.", "Fr"),
    "DKK": ("kr.", "kr"),
    "EGP": ("ج.م.", "ج.م", "E£", "LE"),
    "EUR": ("€",),
    "GBP": ("UK£", "£"),
    "INR": ("₹", "Rs.", "Rs"),
    "JOD": ("د.أ.", "د.أ", "JD"),
    "JPY": ("JP¥", "¥", "円"),
    "KRW": ("₩", "원"),
    "KWD": ("د.ك.", "د.ك", "KD"),
    "NOK": ("kr.", "kr"),
    "NZD": ("NZ$", "$"),
    "OMR": ("ر.ع.", "ر.ع", "RO"),
    "PLN": ("zł",),
    "QAR": ("ر.ق.", "ر.ق", "QR"),
    "SAR": ("ر.س.", "ر.س", "SR"),
    "SEK": ("kr.", "kr"),
    "TND": ("د.ت.", "د.ت", "DT"),
    "TRY": ("₺", "TL"),
    "USD": ("US$", "$"),
    "ZAR": ("R",),
}

# Between groups of digits alone, before decimals alone (both Arabic), or either of the two.
_GROUP_MARKS = " '٬"
_DECIMAL_MARK = "٫"
_NUMBER = re.compile(r"[0-9]+(?:[.,' ٫٬][0-9]+)*")


def read_amount(text: str, currency: str, field: str, decimal_mark: str) -> int:
    """Minor units of ``currency``; one mark before three digits is taken as in the reader's language.

    There ``decimal_mark`` is "." or ",". Raises ``InvalidInput`` at ``field`` for anything else than one amount above
    zero, for more decimals than the currency has, and where the reader might mean two amounts.
    """
    number = _without_signs(_plain(text), currency)
    parts = _whole_and_decimals(number, currency, field, decimal_mark) if _NUMBER.fullmatch(number) else None
    if parts is None:
        example = decimal_text(10000, currency)
        raise InvalidInput.at(field, N_("Enter an amount in digits, such as %(example)s."), example=example)
    whole, decimals = parts
    places = EXPONENTS[currency]
    if decimals[places:].strip("0"):
        raise InvalidInput.at(
            field,
            N_("%(currency)s amounts have at most %(places)s decimals."),
            currency=currency,
            places=places,
        )
    amount = int(whole + decimals[:places].ljust(places, "0"))
    check_amount(amount, currency, field)
    return amount


def read_percent(text: str, field: str) -> Decimal | None:
    """The percentage of a text such as "20%" or "12,5 %", above 0 and below 100; None if it has no percent sign.

    Raises ``InvalidInput`` at ``field`` for one that cannot be read.
    """
    plain = _plain(text).replace("٪", "%")
    if "%" not in plain:
        return None
    number = plain.strip("% ").replace(_DECIMAL_MARK, ".").replace(",", ".")
    percent = Decimal(number) if re.fullmatch(r"[0-9]{1,2}(\.[0-9]{1,2})?", number) else Decimal(0)
    if plain.count("%") > 1 or not percent:
        raise InvalidInput.at(field, N_("Enter a percentage between 0 and 100, or an amount."))
    return percent


def _plain(text: str) -> str:
    """Normalize digits to 0 to 9 and spaces to one kind; drop bidi control characters."""
    signs = (sign for sign in unicodedata.normalize("NFKC", text) if unicodedata.category(sign) != "Cf")
    digits = "".join(str(unicodedata.decimal(sign, sign)) for sign in signs)
    return digits.replace("\u2019", "'").replace("،", ",").strip()


def _without_signs(text: str, currency: str) -> str:
    """Remove the currency's own code or sign; another currency's is left, and refused later."""
    for sign in (currency, *SIGNS[currency]):
        plain = _plain(sign)
        if text.casefold().startswith(plain.casefold()):
            return text[len(plain) :].strip()
        if text.casefold().endswith(plain.casefold()):
            return text[: -len(plain)].strip()
    return text


def _whole_and_decimals(number: str, currency: str, field: str, decimal_mark: str) -> tuple[str, str] | None:
    """The digits before and after the decimal mark, None for a grouping that no language uses."""
    groups, marks = re.split("[^0-9]", number), re.findall("[^0-9]", number)
    if not marks:
        return number, ""
    last = marks[-1]
    whole, decimals = "".join(groups[:-1]), groups[-1]
    if len(marks) == 1 and last in ".,":
        grouped = len(decimals) == 3 > EXPONENTS[currency] and _are_grouped(groups)
        if grouped and last == decimal_mark:
            raise InvalidInput.at(
                field,
                N_(
                    "This can be read as %(first)s or as %(second)s. Write it without the mark, or with decimals."
                ),
                first=decimal_text(int(whole + decimals) * 10 ** EXPONENTS[currency], currency),
                second=f"{whole}.{decimals}",
            )
        return (whole + decimals, "") if grouped else (whole, decimals)
    if last in _GROUP_MARKS or (last in ".," and set(marks) == {last}):
        return (whole + decimals, "") if len(set(marks)) == 1 and _are_grouped(groups) else None
    rest = marks[:-1]
    if (
        _DECIMAL_MARK in rest
        or last in rest
        or len(set(rest)) > 1
        or (rest and not _are_grouped(groups[:-1]))
    ):
        return None
    return whole, decimals


def _are_grouped(groups: list[str]) -> bool:
    """Whether this is how thousands are separated, also as in India: 12,34,567."""
    first, *between, last = map(len, groups)
    return (
        not groups[0].startswith("0")
        and last == 3
        and ((first <= 3 and set(between) <= {3}) or (first <= 2 and set(between) <= {2}))
    )
