"""Values as words: amounts, days, instants and distances."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from babel.support import NullTranslations

from portal.core.money import EXPONENTS
from portal.presentation import formats


@pytest.mark.parametrize(
    ("minor", "currency", "locale", "words"),
    [
        (3334, "USD", "en", "$33.34"),
        (0, "USD", "en", "$0.00"),
        (-5, "USD", "en", "-$0.05"),
        (5000, "JPY", "en", "¥5,000"),
        (1234567, "KWD", "en", "KWD\xa01,234.567"),
        (50, "SAR", "en", "SAR\xa00.50"),
        (10**12, "USD", "en", "$10,000,000,000.00"),
        (123456, "EUR", "de", "1.234,56\xa0€"),
        (1234567, "TND", "en", "TND\xa01,234.567"),
    ],
)
def test_money_has_the_currencys_own_digits(minor: int, currency: str, locale: str, words: str):
    assert formats.money(minor, currency, locale) == words


@pytest.mark.parametrize("currency", EXPONENTS)
def test_money_is_exact_to_the_last_unit(currency: str):
    digits = re.sub(r"\D", "", formats.money(999_999_999_999, currency, "en"))
    assert digits == "9" * 12


@pytest.mark.parametrize("amount", [33.34, 33.0, Decimal("33"), "33"])
def test_money_takes_integers_only(amount: Any):
    assert (
        formats.money(33, "USD", "en") == "$0.33"
    )  # an equal value that is already known does not let it through
    with pytest.raises(TypeError):
        formats.money(amount, "USD", "en")


@pytest.mark.parametrize(
    ("near", "locale", "words"),
    [
        (date(2026, 12, 4), "en", "Friday 4 December"),
        (date(2027, 1, 4), "en", "Monday 4 January"),
        (date(2025, 12, 4), "en", "Thursday 4 December 2025"),
    ],
)
def test_a_day_within_half_a_year_needs_no_year(near: date, locale: str, words: str):
    assert formats.near_day(near, date(2026, 11, 23), locale) == words


def test_days_and_moments():
    friday = date(2026, 12, 4)
    assert formats.day(friday, "en") == "Friday 4 December 2026"
    assert formats.short_day(friday, "en") == "4 Dec 2026"
    assert formats.short_day(friday, "de") == "04.12.2026"
    instant = datetime(2026, 12, 4, 23, 5, tzinfo=UTC)
    assert formats.moment(instant, "Europe/Paris", "en") == "5 Dec 2026, 00:05 CET"
    assert formats.moment(instant, "Asia/Riyadh", "en") == "5 Dec 2026, 02:05 UTC+03"
    assert formats.moment(instant, "UTC", "en") == "4 Dec 2026, 23:05 UTC"
    with pytest.raises(ValueError, match="time zone"):
        formats.moment(datetime(2026, 12, 4), "UTC", "en")  # noqa: DTZ001


@pytest.mark.parametrize(
    ("due", "words"),
    [
        (4, "today"),
        (5, "tomorrow"),
        (6, "in 2 days"),
        (16, "in 12 days"),
        (3, "1 day late"),
        (1, "3 days late"),
    ],
)
def test_distance(due: int, words: str):
    said = NullTranslations()
    assert formats.distance(date(2026, 12, due), date(2026, 12, 4), said.gettext, said.ngettext) == words


@pytest.mark.parametrize(
    ("minor", "currency", "locale", "words"),
    [
        (123456, "SAR", "ar", "\u200f1,234.56\xa0ر.س.\u200f"),
        (123456, "SAR", "ar_EG", "\u200f١٬٢٣٤٫٥٦\xa0ر.س.\u200f"),
        (1234567, "KWD", "ar_EG", "\u200f١٬٢٣٤٫٥٦٧\xa0د.ك.\u200f"),
        (3334, "USD", "ar", "\u200f33.34\xa0US$\u200e"),
        (-5, "USD", "ar_EG", "\u200f-٠٫٠٥\xa0US$\u200e"),
    ],
)
def test_arabic_amounts_have_the_chosen_digits_and_keep_their_sign_beside_its_emails(
    minor: int, currency: str, locale: str, words: str
):
    assert formats.money(minor, currency, locale) == words


def test_arabic_days_and_moments_have_the_chosen_digits():
    friday, instant = date(2026, 12, 4), datetime(2026, 12, 4, 11, 5, tzinfo=UTC)
    assert formats.day(friday, "ar") == "الجمعة، 4 ديسمبر 2026"
    assert formats.day(friday, "ar_EG") == "الجمعة، ٤ ديسمبر ٢٠٢٦"
    assert formats.short_day(friday, "ar_EG") == "٤ ديسمبر ٢٠٢٦"
    assert formats.moment(instant, "Asia/Riyadh", "ar") == "4 ديسمبر 2026، 14:05 UTC+03"
    assert formats.moment(instant, "UTC", "ar_EG") == "٤ ديسمبر ٢٠٢٦، ١١:٠٥ UTC"
    assert formats.digits("1 of 3", "ar") == formats.digits("1 of 3", "en") == "1 of 3"
