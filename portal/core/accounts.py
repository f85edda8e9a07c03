"""Rules for an account's names and address, and the normal form in which they are stored and compared."""

from __future__ import annotations

import hashlib
import unicodedata

import idna
from email_validator import EmailNotValidError, validate_email

from .errors import N_, InvalidInput
from .text import check_length, clean_line, fold

NAME_LONGEST = 120
CSV_SEPARATORS = (",", ";")
ACCOUNT_NUMBER_LONGEST = 20
EMAIL_LONGEST = 254
USERNAME_LONGEST = 150
# Characters of a code of the second factor: a recovery code with spaces between them.
CODE_LONGEST = 40

# The first word of a letter's name in Unicode is its script; Japanese is written in these together.
_JAPANESE = frozenset(("CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "IDEOGRAPHIC"))


def clean_email(text: str, field: str = "email") -> str:
    """The address in the one spelling that is stored: ASCII, lower case. Raises ``InvalidInput`` at ``field``.

    Addresses are unique without regard to case, so that there is one account per mailbox.
    """
    line = clean_line(text, field, longest=EMAIL_LONGEST)
    try:
        parts = validate_email(line, check_deliverability=False, allow_smtputf8=False, test_environment=True)
    except EmailNotValidError:
        raise InvalidInput.at(field, N_("Enter an email address, such as name@example.com.")) from None
    return str(parts.ascii_email).lower()


def shown_email(address: str) -> str:
    """A stored address as people write it: a domain in their own script, not in the ASCII of the name system."""
    if "xn--" not in address:
        return address
    try:
        return str(validate_email(address, check_deliverability=False, test_environment=True).normalized)
    except EmailNotValidError:
        return address


def searched_email(text: str) -> str:
    """Part of an address as it is stored: whole labels of a domain in another script become ASCII."""
    if text.isascii() or "." not in text:
        return text
    name, at, domain = text.rpartition("@")
    try:
        return name + at + idna.encode(domain, uts46=True).decode()
    except idna.IDNAError:
        return text


def clean_username(text: str, field: str = "username") -> str:
    """A username: letters of one script, digits and ``. _ + -``, and no @, which belongs to addresses."""
    line = clean_line(text, field, longest=USERNAME_LONGEST)
    if not all(c.isalnum() or c in "._+-" or unicodedata.category(c)[0] == "M" for c in line):
        raise InvalidInput.at(field, N_("Use letters, digits and . _ + - only."))
    check_length(fold(line), field, EMAIL_LONGEST, shown=USERNAME_LONGEST)
    if len(set(map(_script, filter(str.isalpha, fold(line))))) > 1:
        raise InvalidInput.at(field, N_("Use the letters of one script only."))
    return line


def sign_in_key(text: str, field: str = "email") -> str:
    """The normal form of an address or username typed at sign-in. Raises ``InvalidInput``."""
    line = clean_line(text, field, longest=EMAIL_LONGEST)
    if "@" in line:
        try:
            return clean_email(line)
        except InvalidInput:
            pass
    return fold(line)


def _script(letter: str) -> str:
    script = unicodedata.name(letter, "UNKNOWN").split()[0]
    return "JAPANESE" if script in _JAPANESE else script


def attempts_key(text: str) -> str:
    """How attempts name an account or a browser without telling which."""
    return hashlib.sha256(text.encode()).hexdigest()
