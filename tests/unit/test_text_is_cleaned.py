"""A line of text is trimmed and composed; what is too long, invisible, misleading or empty is refused."""

import time
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from portal.core.errors import InvalidInput
from portal.core.text import at_most, clean_line, clean_name, fold


def refused(text, **options):
    with pytest.raises(InvalidInput) as refusal:
        clean_line(text, "description", **({"longest": 200} | options))
    assert list(refusal.value.errors) == ["description"]
    return str(refusal.value.errors["description"])


def test_space_around_is_dropped_and_letters_are_composed():
    assert clean_line("  Cafe\u0301 table ", "description", longest=10) == "Café table"


@pytest.mark.parametrize(
    "sign", ["\0", "\n", "\r", "\t", "\x1b", "\x7f", "\x85", "\u2028", "\u2029", "\ud800", "\udfff"]
)
def test_control_characters_and_lone_surrogates_are_refused(sign):
    assert "control characters" in refused(f"so{sign}fa")


def test_empty_is_refused_only_where_something_is_needed():
    assert refused("   ") == "Enter what is bought."
    with pytest.raises(InvalidInput) as empty:
        clean_line("   ", "anything_else", longest=10)
    assert str(empty.value.errors["anything_else"]) == "This field cannot be empty."
    assert clean_line("   ", "description", longest=10, required=False) == ""


def test_length_counts_after_trimming():
    assert clean_line(" " + "x" * 200 + " ", "description", longest=200) == "x" * 200
    assert "200" in refused("x" * 201)


def test_markup_and_other_scripts_are_text_like_any():
    for text in ("<b>1 & 2</b>", "أريكة جديدة", "=SUM(A1)", "🛋️ sofa"):
        assert clean_line(text, "description", longest=200) == text


@pytest.mark.parametrize(
    "sign",
    ["\u202e", "\u2066", "\u200b", "\u2060", "\ufeff", "\u00ad", "\u061c", "\u3164", "\u115f", "\U000e0041"],
)
def test_what_makes_text_read_differently_or_shows_nothing_is_refused(sign):
    assert "formatting characters" in refused(f"Table {sign}$90.00")
    assert refused(sign * 3)


@pytest.mark.parametrize(
    "text", ["می\u200cخواهم", "क्\u200dष", "👩\u200d🚀 poster", "قميص XL\u200f", "A\u200e ב"]
)
def test_joiners_and_direction_marks_that_writing_needs_are_kept(text):
    assert clean_line(text, "description", longest=200) == text


@pytest.mark.parametrize("text", ["...", "🛋️", "\u200d", "-", "´", "\u0301"])
def test_where_something_is_needed_a_letter_or_digit_is(text):
    assert refused(text) == "Use at least one letter or digit."
    assert clean_line(text, "description", longest=200, required=False)


def test_marks_that_are_stacked_are_refused_and_those_that_languages_use_are_not():
    assert "stacked" in refused("e" + "\u0301" * 11)
    for text in ("Việt Nam".encode().decode(), "שָׁלוֹם", "བསྒྲུབས", "ក្ស្ត្រា"):
        assert clean_line(unicodedata.normalize("NFD", text), "description", longest=200)


@pytest.mark.parametrize(
    "text",
    [
        "\u0301" * 400_000,
        "e\u0301" * 200_000,
        " " * 1_000_000,
        "4" * 1_000_000,
        "4 " * 500_000,
        "\u202e" * 300_000,
    ],
)
def test_the_length_is_looked_at_before_anything_that_takes_time(text):
    def seconds():
        began = time.process_time()
        refused(text)
        return time.process_time() - began

    assert any(seconds() < 0.05 for _attempt in range(5))


def test_a_text_that_fits_once_it_is_composed_is_taken():
    assert clean_line("\u03b1\u0313\u0300\u0345" * 50, "description", longest=50) == "\u1f82" * 50


@given(st.text(max_size=300) | st.text(" a\u0301\u2003", max_size=300), st.integers(1, 20))
@example("a" + " " * 200 + "b", 10)
def test_what_is_cut_for_a_form_is_still_refused(text, longest):
    def answer(given):
        try:
            return clean_line(given, "description", longest=longest)
        except InvalidInput as invalid:
            return str(invalid.errors["description"])

    assert len(at_most(text, longest)) <= 8 * longest + 1
    assert answer(at_most(text, longest)) == answer(text)


@pytest.mark.parametrize(
    "name",
    [
        "evil.example",
        "Shop https://x",
        "www.shop",
        "Pay at BANK.com now",
        "münchen.example",
        "bank．com",
        "10.0.0.1/x",
    ],
)
def test_a_web_address_is_no_name(name):
    with pytest.raises(InvalidInput) as refusal:
        clean_name(name, 120)
    assert "web addresses" in str(refusal.value.errors["name"])


@pytest.mark.parametrize(
    "name", ["Dr. Smith", "J. R. R. Tolkien", "No.1 Shop", "St. Pauli", "A.B.", "Ann & Co."]
)
def test_a_name_may_have_full_stops(name):
    assert clean_name(name, 120) == name


@given(st.text(max_size=50))
def test_what_is_compared_is_the_same_in_every_case_width_and_composition(text):
    for other in (
        text.upper(),
        text.lower(),
        *(unicodedata.normalize(form, text) for form in ("NFD", "NFKC", "NFKD")),
    ):
        assert fold(fold(other)) == fold(other)
    for form in ("NFC", "NFD", "NFKC", "NFKD"):
        assert fold(unicodedata.normalize(form, text)) == fold(text)
