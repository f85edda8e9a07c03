"""What an account's name, address and password have to be; refuses the common, the short and the guessable."""

from __future__ import annotations

import re

from email_validator import EmailNotValidError, validate_email
from zxcvbn.frequency_lists import FREQUENCY_LISTS

from .errors import N_, InvalidInput
from .text import clean_line

PASSWORD_SHORTEST = 8
PASSWORD_LONGEST = 128
NAME_LONGEST = 120
EMAIL_LONGEST = 254

_COMMON = frozenset(FREQUENCY_LISTS["passwords"])


def clean_email(text: str, field: str = "email") -> str:
    """The address in the one spelling that is stored: ASCII, lower case. Raises ``InvalidInput`` at ``field``.

    Addresses are unique whatever their case, so that nobody can open a second account beside another's.
    """
    line = clean_line(text, field, longest=EMAIL_LONGEST)
    try:
        parts = validate_email(line, check_deliverability=False, allow_smtputf8=False, test_environment=True)
    except EmailNotValidError:
        raise InvalidInput.at(field, N_("Enter an email address, such as name@example.com.")) from None
    return str(parts.ascii_email).lower()


def clean_username(text: str, field: str = "username") -> str:
    """A user name of one's own: letters, digits and ``. _ + -``, and no @, which belongs to addresses."""
    line = clean_line(text, field, longest=150)
    if not re.fullmatch(r"[\w.+-]+", line):
        raise InvalidInput.at(field, N_("Use letters, digits and . _ + - only."))
    return line


def check_password(password: str, again: str, *, name: str, email: str, username: str = "") -> None:
    """Raise ``InvalidInput`` at ``password`` for a weak one, at ``password2`` when the two differ."""
    own = {name.casefold(), email.casefold(), email.split("@")[0].casefold(), username.casefold()} - {""}
    if len(password) < PASSWORD_SHORTEST:
        raise InvalidInput.at("password", N_("Use at least %(least)s characters."), least=PASSWORD_SHORTEST)
    if len(password) > PASSWORD_LONGEST:
        raise InvalidInput.at("password", N_("Use at most %(most)s characters."), most=PASSWORD_LONGEST)
    if any("\ud800" <= c <= "\udfff" or c == "\0" for c in password):
        raise InvalidInput.at("password", N_("Remove control characters."))
    if password.lower() in _COMMON or password.isdigit():
        raise InvalidInput.at("password", N_("This password is easy to guess. Choose a less common one."))
    if password.casefold() in own:
        raise InvalidInput.at("password", N_("Choose a password that is not your name or email address."))
    if password != again:
        raise InvalidInput.at("password2", N_("The passwords do not match."))
