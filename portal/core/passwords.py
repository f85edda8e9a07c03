"""Password rules: a minimum length, and hard to guess even with the user's names.

zxcvbn's lists of words are loaded by the first new password: processes that see none do without their 13 MB.
"""

from __future__ import annotations

import re
import unicodedata
from itertools import accumulate
from math import prod
from threading import Lock

from .errors import N_, InvalidInput
from .text import check_length

SHORTEST = 8
LONGEST = 128

# zxcvbn's scores go from 0 to 4; below 3 a password falls to an offline attack on a slow hash.
GOOD_SCORE = 3
# The start of a password is never harder to guess than the whole, and zxcvbn's time grows with the square of the
# length and with every substitution of signs for letters ("4" and "@" for an a).
JUDGED = 32
MOST_READINGS = 8
_PORTAL = ("tallystick", "installment", "installments")
# zxcvbn keeps the words of the person in a variable of its module.
_one_at_a_time = Lock()

# What zxcvbn says, so that it can be translated.
ADVICE = (
    N_("Use a few words, avoid common phrases."),
    N_("No need for symbols, digits, or uppercase letters."),
    N_("Add another word or two. Uncommon words are better."),
    N_("Straight rows of keys are easy to guess."),
    N_("Short keyboard patterns are easy to guess."),
    N_("Use a longer keyboard pattern with more turns."),
    N_('Repeats like "aaa" are easy to guess.'),
    N_('Repeats like "abcabcabc" are only slightly harder to guess than "abc".'),
    N_("Avoid repeated words and characters."),
    N_('Sequences like "abc" or "6543" are easy to guess.'),
    N_("Avoid sequences."),
    N_("Recent years are easy to guess."),
    N_("Avoid recent years."),
    N_("Avoid years that are associated with you."),
    N_("Dates are often easy to guess."),
    N_("Avoid dates and years that are associated with you."),
    N_("This is a top-10 common password."),
    N_("This is a top-100 common password."),
    N_("This is a very common password."),
    N_("This is similar to a commonly used password."),
    N_("A word by itself is easy to guess."),
    N_("Names and surnames by themselves are easy to guess."),
    N_("Common names and surnames are easy to guess."),
    N_("Capitalization doesn't help very much."),
    N_("All-uppercase is almost as easy to guess as all-lowercase."),
    N_("Reversed words aren't much harder to guess."),
    N_("Predictable substitutions like '@' instead of 'a' don't help very much."),
)


def normal(password: str) -> str:
    """The password as it is hashed: the same however a keyboard composes its letters (NFKC, NIST SP 800-63B)."""
    return unicodedata.normalize("NFKC", password)


def check_password(password: str, again: str, *, name: str, email: str, username: str = "") -> None:
    """Raise ``InvalidInput`` at ``password`` for a weak one, at ``password2`` when the two differ."""
    check_length(password, "password", LONGEST)
    check_length(again, "password2", LONGEST)
    password, again = normal(password), normal(again)
    check_length(password, "password", LONGEST)
    if len(password) < SHORTEST:
        raise InvalidInput.at("password", N_("Use at least %(least)s characters."), least=SHORTEST)
    if any("\ud800" <= c <= "\udfff" or c == "\0" for c in password):
        raise InvalidInput.at("password", N_("Remove control characters."))
    own = {text.casefold() for text in (name, email, email.split("@")[0], username) if text}
    if password.casefold() in own:
        raise InvalidInput.at("password", N_("Choose a password that is not your name or email address."))
    _check_strength(password, own)
    if password != again:
        raise InvalidInput.at("password2", N_("The passwords do not match."))


def _check_strength(password: str, own: set[str]) -> None:
    from zxcvbn import zxcvbn

    words = [*_PORTAL, *own, *(word for text in own for word in re.findall(r"\w{3,}", text))]
    with _one_at_a_time:
        judged = zxcvbn(password[: _judged_length(password)], user_inputs=words)
    if judged["score"] < GOOD_SCORE or password.isdigit():
        said = [judged["feedback"]["warning"], *judged["feedback"]["suggestions"]]
        raise InvalidInput.at(
            "password", N_("This password is easy to guess."), advice=tuple(filter(None, said))
        )


def _judged_length(password: str) -> int:
    """The number of leading characters to estimate, which keeps the estimate within milliseconds."""
    starts = accumulate(password[:JUDGED])
    return max(1, sum(_readings(start) <= MOST_READINGS for start in starts))


def _readings(text: str) -> int:
    """In how many ways zxcvbn reads signs in this text as letters, at most."""
    from zxcvbn import matching

    return prod(max(1, sum(sign in text for sign in signs)) for signs in matching.L33T_TABLE.values())
