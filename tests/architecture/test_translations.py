"""The Arabic catalogue: whole, in its six plurals, true to what fills its sentences, compiled as it lies here."""

from __future__ import annotations

import io
import re
import subprocess
import sys

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import Translations

from bin.untranslated import PO, arabic, untranslated

KEPT = arabic()
SENTENCES = [message for message in KEPT if message.id]

# Names, addresses and numbers that people or the portal made up, in letters of any direction.
MADE_UP = {
    "buyer",
    "customer",
    "description",
    "email",
    "hash",
    "id",
    "inviter",
    "name",
    "receipt",
    "reference",
    "shop",
    "support",
    "to",
    "what",
}


def forms(said: str | tuple[str, ...] | list[str]) -> list[str]:
    return [said] if isinstance(said, str) else list(said)


def filled_in(text: str) -> set[str]:
    return set(re.findall(r"%\((\w+)\)s", text))


def test_every_sentence_of_the_program_has_arabic_words(tmp_path):
    template = tmp_path / "messages.pot"
    command = [
        "-m",
        "babel.messages.frontend",
        "-q",
        "extract",
        "-F",
        "babel.cfg",
        "-k",
        "_l",
        "-o",
        template,
        ".",
    ]
    subprocess.run([sys.executable, *command], cwd=PO.parents[4], check=True)
    with template.open("rb") as file:
        said = {message.id for message in read_po(file) if message.id}
    assert {message.id for message in SENTENCES} == said, "run make translations"
    assert untranslated(KEPT) == []


def test_a_missing_word_or_plural_and_a_guess_are_found():
    catalogue = Catalog(locale="ar")
    catalogue.add("Plan")
    catalogue.add("Offer", "عرض", flags=["fuzzy"])
    catalogue.add(("%(num)s day", "%(num)s days"), ("", "يوم", "يومان", "أيام", "يومًا", "يوم"))
    catalogue.add("Pay", "ادفع")
    assert len(untranslated(catalogue)) == 3


def misfilled(message: Message) -> bool:
    """Whether a form is filled in with something else than its sentence."""
    asked = set().union(*map(filled_in, forms(message.id)))
    for number, text in enumerate(forms(message.string)):
        # A single one and a pair are words in Arabic, and none is "no" of them.
        dropped = {"num", "day"} if message.pluralizable and number <= 2 else set()
        if not asked - dropped <= filled_in(text) <= asked:
            return True
    return False


def mixed(message: Message) -> bool:
    """Whether what is made up could turn the sentence around it, or be turned by it."""
    return any(
        not filled_in(text) & MADE_UP <= set(re.findall("\u2068%\\((\\w+)\\)s\u2069", text))
        for text in forms(message.string)
    )


def test_a_translation_is_filled_in_as_its_sentence_is():
    assert [message.id for message in SENTENCES if misfilled(message)] == []
    assert misfilled(Message("%(a)s and %(b)s", "%(a)s"))
    assert misfilled(Message("%(a)s", "%(b)s"))


def test_what_is_made_up_keeps_its_own_direction_inside_a_sentence():
    assert [message.id for message in SENTENCES if mixed(message)] == []
    assert mixed(Message("From %(shop)s", "من %(shop)s"))


def test_what_gettext_reads_is_what_the_catalogue_says():
    compiled = io.BytesIO()
    write_mo(compiled, KEPT)
    assert PO.with_suffix(".mo").read_bytes() == compiled.getvalue(), "run make translations"


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (0, "لا أقساط"),
        (1, "قسط واحد"),
        (2, "قسطان"),
        (3, "3 أقساط"),
        (10, "10 أقساط"),
        (11, "11 قسطًا"),
        (60, "60 قسطًا"),
        (99, "99 قسطًا"),
        (100, "100 قسط"),
        (102, "102 قسط"),
        (103, "103 أقساط"),
        (111, "111 قسطًا"),
    ],
)
def test_arabic_counts_in_six_ways(count: int, words: str):
    catalogue = Translations(io.BytesIO(PO.with_suffix(".mo").read_bytes()))
    assert catalogue.ungettext("%(num)s installment", "%(num)s installments", count) % {"num": count} == words
