"""Text that people type: trimmed, and refused when it holds control characters, card numbers or is too long."""

from __future__ import annotations

import re
import unicodedata

from .errors import N_, InvalidInput

# Runs of 13 to 19 digits, perhaps in groups, are what payment cards look like (ISO/IEC 7812).
_CARD = re.compile(r"(?<!\d)\d(?:[ -]?\d){12,18}(?!\d)")


def clean_line(text: str, field: str, *, longest: int, required: bool = True) -> str:
    """One line of text without surrounding space; raises ``InvalidInput`` at ``field``."""
    if any(unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") for c in text):
        raise InvalidInput.at(field, N_("Remove line breaks and control characters."))
    line = unicodedata.normalize("NFC", text).strip()
    if required and not line:
        raise InvalidInput.at(field, N_("This field cannot be empty."))
    if len(line) > longest:
        raise InvalidInput.at(field, N_("Use at most %(most)s characters."), most=longest)
    if holds_card_number(line):
        raise InvalidInput.at(field, N_("This looks like a card number. Never enter one here."))
    return line


def holds_card_number(text: str) -> bool:
    """Whether the text holds digits that pass the Luhn check of payment cards (ISO/IEC 7812-1)."""
    return any(_luhn(re.sub(r"\D", "", match[0])) for match in _CARD.finditer(text))


def _luhn(digits: str) -> bool:
    doubled = [int(d) * (1 + k % 2) for k, d in enumerate(reversed(digits))]
    return sum(d - 9 if d > 9 else d for d in doubled) % 10 == 0
