"""Lines of text that people type: cleaned, and refused when too long, unreadable or misleading."""

from __future__ import annotations

import re
import unicodedata

from .card_numbers import holds_card_number
from .errors import N_, InvalidInput

# Composing (NFC) makes at most four characters one, and takes quadratic time in a run of combining marks.
# So the length is checked first; no script needs longer runs than this.
MOST_COMPOSED = 4
MOST_MARKS = 10
# How many times as long as allowed a text is kept for its author to shorten.
MOST_KEPT = 8

# Unicode's spaces (Zs). Line breaks and tabs at an end are refused like any others.
_SPACES = " \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
# The joiners that Persian and Indic words and emoji need, and the two marks that give a line its direction.
_ALLOWED_FORMATS = frozenset("\u200c\u200d\u200e\u200f")
# Unicode counts these among letters, marks or symbols, but nothing is drawn for them.
_INVISIBLE = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
_WEB_ADDRESS = re.compile(r"://|\bwww\.|\w\.[^\W\d_]{2,}|\d+(\.\d+){3}", re.IGNORECASE)

# What a summary of many errors can say of a field without naming it.
_MISSING = {
    "name": N_("Enter a name."),
    "email": N_("Enter an email address."),
    "customer_email": N_("Enter the customer's email address."),
    "support_email": N_("Enter an email address."),
    "description": N_("Enter what is bought."),
    "template_name": N_("Enter a name."),
}


def clean_line(text: str, field: str, *, longest: int, required: bool = True) -> str:
    """One line of text, composed and without surrounding space; raises ``InvalidInput`` at ``field``."""
    line = text.strip(_SPACES)
    check_length(line, field, longest * MOST_COMPOSED, shown=longest)
    _check_signs(line, field)
    line = unicodedata.normalize("NFC", line)
    check_length(line, field, longest)
    if required and not line:
        raise InvalidInput.at(field, _MISSING.get(field, N_("This field cannot be empty.")))
    if required and not any(unicodedata.category(c)[0] in "LN" for c in line):
        raise InvalidInput.at(field, N_("Use at least one letter or digit."))
    if holds_card_number(line):
        raise InvalidInput.at(field, N_("This looks like a card number. Never enter one here."))
    return line


def clean_name(text: str, longest: int) -> str:
    """What a person or a shop is called in emails; web addresses would become links there."""
    name = clean_line(text, "name", longest=longest)
    if _WEB_ADDRESS.search(unicodedata.normalize("NFKC", name)):
        raise InvalidInput.at(
            "name", N_("Leave web addresses out of the name, or put a space after each full stop.")
        )
    return name


def check_length(text: str, field: str, longest: int, *, shown: int | None = None) -> None:
    """Raise ``InvalidInput`` for more than ``longest`` characters, naming ``shown`` as the limit."""
    if len(text) > longest:
        raise InvalidInput.at(field, N_("Use at most %(most)s characters."), most=shown or longest)


def at_most(text: str, longest: int) -> str:
    """Cut text that is far longer than ``longest``, to keep answers small; what is left is still too long."""
    most = longest * MOST_KEPT
    line = text.strip(_SPACES)
    # Its last character is no space, so the text stays too long.
    return text if len(text) <= most else line[:most] + line[most:][-1:]


def _check_signs(line: str, field: str) -> None:
    marks = 0
    for sign in line:
        category = unicodedata.category(sign)
        if category in ("Cc", "Cs", "Zl", "Zp"):
            raise InvalidInput.at(field, N_("Remove line breaks and control characters."))
        if sign in _INVISIBLE or (category == "Cf" and sign not in _ALLOWED_FORMATS):
            raise InvalidInput.at(field, N_("Remove invisible formatting characters."))
        marks = marks + 1 if category[0] == "M" else 0
        if marks > MOST_MARKS:
            raise InvalidInput.at(field, N_("Remove the accents that are stacked on one letter."))


def fold(text: str) -> str:
    """The text as it is compared: NFKC, without case (Unicode's NFKC_Casefold, UAX 31, as far as letters go)."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
