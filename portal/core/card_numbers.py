"""Finding payment card numbers in text, whatever separates their digits; other numbers are left alone."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

# The networks' issuer ranges (ISO/IEC 7812-1): first digits, both ends of a range included, and lengths.
# A check digit alone proves nothing: every tenth number has the right one.
NETWORKS: dict[str, tuple[tuple[tuple[int, int], ...], tuple[int, ...]]] = {
    "Visa": (((4, 4),), (13, 16, 19)),
    "Mastercard": (((51, 55), (2221, 2720)), (16,)),
    "American Express": (((34, 34), (37, 37)), (15,)),
    "Diners Club": (((300, 305), (3095, 3095), (36, 36), (38, 39)), (14, 16, 17, 18, 19)),
    "Discover": (((60, 60), (644, 649), (65, 65)), (16, 17, 18, 19)),
    "JCB": (((3528, 3589),), (16, 17, 18, 19)),
    "UnionPay": (((62, 62),), (16, 17, 18, 19)),
    "Maestro": (((5018, 5020), (5038, 5038), (5893, 5893), (6304, 6304), (6759, 6763)), tuple(range(12, 20))),
    "Mir": (((2200, 2205),), (16, 17, 18, 19)),
    "RuPay, Verve, Elo": (((506, 509), (636, 636)), (16, 18, 19)),
    "Troy": (((9792, 9792),), (16,)),
}
SHORTEST, LONGEST = 12, 19
_LENGTHS = {
    str(prefix): lengths
    for ranges, lengths in NETWORKS.values()
    for low, high in ranges
    for prefix in range(low, high + 1)
}

# Between two groups of one number: a few signs of any kind, but no letter.
_ROW = re.compile(r"[0-9]+(?:[^0-9a-z]{1,8}[0-9]+)*")
_GROUP = re.compile(r"[0-9]+")
# A bank account number (ISO 13616): country, check digits, up to 30 letters and digits; in one row or in fours.
_ACCOUNT = re.compile(
    r"(?<![0-9a-z])[a-z]{2}[0-9]{2}(?:[0-9a-z]{11,30}|(?:[ -][0-9a-z]{4}){2,7}(?:[ -][0-9a-z]{1,3})?)(?![0-9a-z])"
)
# "+" and country code (E.164); the standard allows 15 digits, which no country uses.
_LONGEST_PHONE = 14


def holds_card_number(text: str) -> bool:
    """Whether some row of digits has the prefix, the length and the check digit of a card network's numbers."""
    plain = _without_accounts("".join(map(_plain, text)))
    return any(map(_is_card_number, _candidates(plain)))


def _plain(sign: str) -> str:
    """The sign as a digit 0-9 if it is a digit of any script, as a letter a-z if it is a letter, else itself."""
    digit = unicodedata.digit(sign, None)
    if digit is not None:
        return str(digit)
    if not sign.isalnum():
        return sign
    return sign.lower() if sign.isascii() else "a"


def _without_accounts(plain: str) -> str:
    """Remove bank account numbers with valid check digits."""
    return _ACCOUNT.sub(lambda match: match[0][len(_account_of(match[0])) :], plain)


def _account_of(text: str) -> str:
    """The account number that the text begins with, which short words may follow; empty if there is none."""
    while text and not _is_account(text):
        text = text[: max(text.rfind(" "), text.rfind("-"), 0)]
    return text


def _is_account(text: str) -> bool:
    signs = re.sub("[ -]", "", text)
    return int("".join(str(int(sign, 36)) for sign in signs[4:] + signs[:4])) % 97 == 1


def _candidates(plain: str) -> Iterator[str]:
    """Every row of neighbouring groups as one number, so that another number beside a card's does not hide it."""
    for row in _ROW.finditer(plain):
        groups = list(_GROUP.finditer(plain, *row.span()))
        for first, group in enumerate(groups):
            shortest = SHORTEST
            if plain[group.start() - 1 : group.start()] == "+":
                shortest = _LONGEST_PHONE + 1
            digits = ""
            for other in groups[first:]:
                digits += other[0]
                if len(digits) > LONGEST:
                    break
                if len(digits) >= shortest:
                    yield digits


def _is_card_number(digits: str) -> bool:
    return _is_issued(digits) and _luhn(digits) and not _is_article_number(digits)


def _is_issued(digits: str) -> bool:
    """Whether a network issues numbers that begin like this and are as long."""
    return any(len(digits) in _LENGTHS.get(digits[:size], ()) for size in range(1, 5))


def _luhn(digits: str) -> bool:
    doubled = [int(d) * (1 + k % 2) for k, d in enumerate(reversed(digits))]
    return sum(d - 9 if d > 9 else d for d in doubled) % 10 == 0


def _is_article_number(digits: str) -> bool:
    """Whether this is an EAN (GTIN-13): those of German and Japanese goods begin with 4, as old Visa numbers do."""
    return len(digits) == 13 and sum(int(d) * (1 + 2 * (k % 2)) for k, d in enumerate(digits)) % 10 == 0
