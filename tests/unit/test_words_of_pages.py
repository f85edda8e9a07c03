"""The words of pages: escaped once, in the reader's digits, each language with its own."""

from __future__ import annotations

from datetime import date

import pytest
from babel.support import NullTranslations
from markupsafe import Markup

from portal.web.words import Words

ENGLISH = Words("en", NullTranslations())
EGYPTIAN = Words("ar_EG", NullTranslations())


def test_what_is_filled_in_is_escaped_unless_it_is_markup():
    assert ENGLISH.gettext("Of %(shop)s", shop="<Shop & Co>") == "Of &lt;Shop &amp; Co&gt;"
    assert ENGLISH.gettext("Of %(shop)s", shop=Markup("<b>Shop</b>")) == "Of <b>Shop</b>"


def test_numbers_in_sentences_have_the_digits_of_the_language():
    assert ENGLISH.ngettext("%(num)s day", "%(num)s days", 12) == "12 days"
    assert EGYPTIAN.ngettext("%(num)s day", "%(num)s days", 12) == "١٢ days"
    assert EGYPTIAN.gettext("Line %(line)s", line=3) == "Line ٣"


def test_a_percent_sign_is_written_twice_in_every_sentence():
    assert ENGLISH.gettext("100%% of it") == "100% of it"
    assert ENGLISH.gettext("100%% of %(what)s", what="it") == "100% of it"


def test_values_are_markup_of_one_language_each():
    day = date(2026, 12, 4)
    assert isinstance(ENGLISH.short_day(day), Markup)
    assert ENGLISH.short_day(day) == "4 Dec 2026"
    assert EGYPTIAN.short_day(day) != ENGLISH.short_day(day)
    assert ENGLISH.amount(3334, "USD") == '<bdi class="amount">$33.34</bdi>'
    assert ENGLISH.badge("late") == '<span class="badge badge-bad">Late</span>'


def test_an_amount_is_a_whole_number_of_minor_units():
    with pytest.raises(TypeError):
        ENGLISH.money(33.34, "USD")
    assert ENGLISH.money(1, "USD") == "$0.01"
    with pytest.raises(TypeError):
        ENGLISH.money(1.0, "USD")
