"""Emails in the reader's language: words, days, amounts, digits and direction; English where there are no words."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo

from portal.presentation.emails import EmailRenderer
from tests.integration.email_cases import BASE, SECRET
from tests.integration.test_emails import KINDS, TEMPLATES, described, emails, message

__all__ = ["emails"]  # a fixture


# What a customer agreed to is kept in the language in which it was shown.
AGREED = {"text": "№ 0042"}


def in_capitals(said: str) -> str:
    return re.sub(r"(%\(\w+\)s)|(\w+)", lambda match: match[1] or match[2].upper(), said)


def translated(folder: Path, language: str) -> EmailRenderer:
    """Emails with a catalogue of this language that has every message of the templates, in capitals."""
    catalogue = Catalog(locale=language)
    for _, _, said, _, _ in extract_from_dir(TEMPLATES, [("**.j2", "jinja2.ext:babel_extract")]):
        catalogue.add(said, in_capitals(said) if isinstance(said, str) else tuple(map(in_capitals, said)))
    path = folder / language / "LC_MESSAGES/messages.mo"
    path.parent.mkdir(parents=True)
    with path.open("wb") as file:
        write_mo(file, catalogue)
    return EmailRenderer(BASE, SECRET, folder)


@pytest.mark.parametrize("kind", KINDS)
def test_a_catalogue_reaches_every_word(tmp_path: Path, kind: str):
    facts = described(kind, "DESK") | AGREED
    email = translated(tmp_path, "de").write(
        message(kind, language="de", facts=facts, name="ROSA", sender="OAK")
    )
    days = r"Dezember|Januar|Freitag|Sonntag|Montag|Mittwoch|und|Visa"
    words = re.sub(rf"https://\S+|\S+@\S+|\b({days})\b", "", f"{email.subject} {email.text}")
    assert re.findall(r"\w*[a-z]\w*", words) == []


def test_the_language_decides_days_amounts_and_direction(tmp_path: Path):
    german = translated(tmp_path, "de").write(message("offer_sent", language="de"))
    assert "Freitag, 4. Dezember 2026" in german.text
    assert "100,00\xa0$" in german.text
    assert '<html lang="de" dir="ltr">' in german.html
    arabic = translated(tmp_path, "ar").write(message("offer_sent", language="ar"))
    assert '<html lang="ar" dir="rtl">' in arabic.html


@pytest.mark.parametrize("kind", KINDS)
def test_every_email_speaks_arabic_from_right_to_left(emails: EmailRenderer, kind: str):
    facts = described(kind, "طاولة") | AGREED
    email = emails.write(message(kind, language="ar", facts=facts, name="روزا", sender="متجر البلوط"))
    assert '<html lang="ar" dir="rtl">' in email.html
    words = re.sub(
        r"https://\S+|\S+@\S+|US\$|7KQ2MW4X|Tallystick|UTC|Visa|Stripe", "", f"{email.subject} {email.text}"
    )
    assert re.findall(r"[A-Za-z]+", words) == []


def test_an_arabic_email_counts_in_the_chosen_digits(emails: EmailRenderer):
    text = emails.write(message("payment_received", language="ar_EG")).text
    assert "٦٦٫٦٧" in text and "١ و٢ من ٣" in text
    text = emails.write(message("due_soon", language="ar_EG")).text
    assert "القسط: ٢\n" in text and "٤ يناير ٢٠٢٧" in text
    assert "القسط: 2\n" in emails.write(message("due_soon", language="ar")).text
    assert "٢ | ٤ نوفمبر ٢٠٢٦ | " in emails.write(message("refund_made", language="ar_EG")).text


@pytest.mark.parametrize("language", ["fr", "xx", ""])
def test_without_a_catalogue_all_is_english(emails: EmailRenderer, language: str):
    assert emails.write(message("due_soon", language=language)) == emails.write(message("due_soon"))
