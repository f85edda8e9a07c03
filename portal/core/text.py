"""Text that people type: trimmed, and refused when it holds control characters, card numbers or is too long."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from .errors import N_, InvalidInput

# Payment cards have 13 to 19 digits (ISO/IEC 7812), in one run or in groups with spaces, dashes or dots between.
_BETWEEN = re.compile(r"[\s.\u2010-\u2015-]{1,3}")
_GROUPS = re.compile(rf"\d+(?:{_BETWEEN.pattern}\d+)*")
_CARD_LENGTHS = range(13, 20)

# What a summary of many errors can say of a field without naming it.
_MISSING = {
    "name": N_("Enter a name."),
    "email": N_("Enter an email address."),
    "customer_email": N_("Enter the customer's email address."),
    "support_email": N_("Enter an email address."),
    "description": N_("Enter what is bought."),
}


def clean_line(text: str, field: str, *, longest: int, required: bool = True) -> str:
    """One line of text without surrounding space; raises ``InvalidInput`` at ``field``."""
    if any(unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") for c in text):
        raise InvalidInput.at(field, N_("Remove line breaks and control characters."))
    line = unicodedata.normalize("NFC", text).strip()
    if required and not line:
        raise InvalidInput.at(field, _MISSING.get(field, N_("This field cannot be empty.")))
    if len(line) > longest:
        raise InvalidInput.at(field, N_("Use at most %(most)s characters."), most=longest)
    if holds_card_number(line):
        raise InvalidInput.at(field, N_("This looks like a card number. Never enter one here."))
    return line


def holds_card_number(text: str) -> bool:
    """Whether the text holds digits that pass the Luhn check of payment cards (ISO/IEC 7812-1)."""
    return any(
        len(digits) in _CARD_LENGTHS and _luhn(digits)
        for match in _GROUPS.finditer(text)
        for digits in _neighbours(_BETWEEN.split(match[0]))
    )


def _neighbours(groups: list[str]) -> Iterator[str]:
    """Every row of neighbouring groups as one number, so that another number beside a card's does not hide it."""
    most = _CARD_LENGTHS[-1]
    return (
        "".join(groups[i:j]) for i in range(len(groups)) for j in range(i + 1, min(i + most, len(groups)) + 1)
    )


def _luhn(digits: str) -> bool:
    doubled = [int(d) * (1 + k % 2) for k, d in enumerate(reversed(digits))]
    return sum(d - 9 if d > 9 else d for d in doubled) % 10 == 0
