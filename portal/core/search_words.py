"""How the texts of a plan, and what is typed into a search, become the same words on every engine.

A folded word stands after two spaces, so that a search of one or two characters, which find the beginning of a word,
has the three that an index of trigrams needs. Signs of scripts without spaces are words of their own.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from .accounts import shown_email
from .money import decimal_text

BEGINNING = "  "
BETWEEN = "\n"
# Shorter than this, a search would find it in nearly every text.
_WHOLE = 3

_APOSTROPHES = dict.fromkeys(map(ord, "'’‘‛`´ʼʻʹ′＇׳"))
# Characters that people type in two ways, and that Unicode does not take apart.
_SAME = str.maketrans(
    {
        "ø": "o", "ł": "l", "đ": "d", "ð": "d", "ħ": "h", "ı": "i", "æ": "ae", "œ": "oe", "þ": "th",
        "ى": "ي", "ی": "ي", "ک": "ك", "ة": "ه", "ہ": "ه", "ە": "ه", "ـ": None, "٫": ".", "٬": ",",
    }
)  # fmt: skip
# Han, Hiragana and Katakana.
_WITHOUT_SPACES = re.compile(
    "[\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
)
# A number with marks or spaces in it, but not part of a word or an address.
_GROUPED = re.compile(r"(?<=\d) (?=\d{3}(?!\d))")
_NUMBER = re.compile(r"(?<![\w.@])\d+(?:[.,]\d+)+(?![\w@])")
_RECEIPT = re.compile(r"([0-9A-Z]{8})[-‐‑–−]([1-9][0-9]{0,3})")


def words_of(texts: Iterable[str]) -> str:
    """The texts as they are searched."""
    return BETWEEN.join(_words(text) for text in texts)


def words_of_plan(
    *, description: str, email: str, reference: str, amounts: Iterable[str], name: str | None
) -> str:
    """What finds a plan; the customer's ``name`` only once the shop may know it. It stands last, see ``named``."""
    texts = [description, email, shown_email(email), reference, f"{reference[:4]}-{reference[4:]}"]
    found = words_of(dict.fromkeys([*texts, *amounts]))
    return found if name is None else found + named(name)


def amounts_of_plan(total: int, lines: str | None, currency: str) -> list[str]:
    """Each amount once, as decimals; ``lines`` are the installments' minor units with commas between."""
    units = {int(amount) for amount in (lines or "").split(",") if amount}
    return [decimal_text(amount, currency) for amount in (total, *sorted(units - {total}))]


def named(name: str) -> str:
    """What an agreement adds to the words of its plan."""
    return BETWEEN + words_of([name])


def parts_of(search: str) -> tuple[str, ...]:
    """What all has to be in the words of a plan that is found, in any order; none when there is nothing to find."""
    return tuple(dict.fromkeys(filter(None, map(_part, _fold(search).split()))))


def receipt_of(search: str) -> tuple[str, int] | None:
    """The reference and the number, if a whole receipt number was typed, with or without spaces."""
    found = _RECEIPT.fullmatch("".join(unicodedata.normalize("NFKC", search).upper().split()))
    return (found[1], int(found[2])) if found else None


def _part(text: str) -> str:
    part = _words(text)
    if re.search(r"^ +\d+\.\d+$", part) or len(part.strip()) < _WHOLE:
        return part
    first = part.lstrip()
    return part if _is_word(first[0]) else first


def _words(text: str) -> str:
    words, word = [], ""
    for sign in f"{_fold(text)} ":
        alone = _is_word(sign)
        if not alone and (sign in "@._+" or unicodedata.category(sign)[0] in "LNM"):
            word += sign
            continue
        words.append(word.strip("."))
        word = ""
        if alone:
            words.append(sign)
    return "".join(BEGINNING + word for word in words if word)


def _is_word(sign: str) -> bool:
    return not sign.isascii() and (
        _WITHOUT_SPACES.match(sign) is not None or unicodedata.category(sign) == "So"
    )


def _fold(text: str) -> str:
    """Without case, accents, apostrophes and signs of format; numbers in ASCII digits, with a point for decimals."""
    if not text.isascii():
        text = unicodedata.normalize("NFKD", text.translate(_APOSTROPHES))
        text = unicodedata.normalize("NFKD", text.casefold())
        text = "".join(filter(None, map(_plain, text))).translate(_SAME)
        text = unicodedata.normalize("NFC", text)
    text = " ".join(text.casefold().translate(_APOSTROPHES).split())
    return _NUMBER.sub(lambda found: _decimal(found[0]), _GROUPED.sub("", text))


def _plain(sign: str) -> str:
    category = unicodedata.category(sign)
    if category in ("Mn", "Cf"):
        return ""
    return str(unicodedata.decimal(sign)) if category == "Nd" else sign


def _decimal(number: str) -> str:
    """The last mark is that of the decimals, unless three digits follow it."""
    whole, _, rest = number.replace(",", ".").rpartition(".")
    whole = whole.replace(".", "")
    return whole + rest if len(rest) == 3 else f"{whole}.{rest}"
