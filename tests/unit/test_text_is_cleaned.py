"""A line of text is trimmed and normal; control characters, emptiness, length and card numbers are refused."""

import pytest

from portal.core.errors import InvalidInput
from portal.core.text import clean_line, holds_card_number


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


# The numbers that card schemes publish for testing; they pass the Luhn check and belong to nobody.
CARDS = ["4111111111111111", "4222222222222", "5500000000000004", "378282246310005", "6304000000000000000"]


@pytest.mark.parametrize("number", CARDS)
@pytest.mark.parametrize("text", ["{}", "my card {} thanks", "no.{}!", "({})", "x{}x"])
def test_a_card_number_is_found_in_any_text(number, text):
    assert holds_card_number(text.format(number))
    assert "card number" in refused(text.format(number))


@pytest.mark.parametrize(
    "text",
    [
        "4111 1111 1111 1111",
        "4111-1111-1111-1111",
        "3782 822463 10005",
        "４１１１１１１１１１１１１１１１",
        "4111\u00a01111\u00a01111\u00a01111",
        "4111\u20131111\u20131111\u20131111",
        "4111.1111.1111.1111",
        "4111 - 1111 - 1111 - 1111",
        "4111  1111  1111  1111",
    ],
)
def test_a_card_number_is_found_in_groups_and_in_other_digits(text):
    assert holds_card_number(text)


@pytest.mark.parametrize(
    "text",
    [
        "2 4111 1111 1111 1111",
        "4111 1111 1111 1111 12 27",
        "2026-11-22 4111111111111111",
        "4111111111111111 - 123 456 789",
    ],
)
def test_other_numbers_beside_a_card_number_do_not_hide_it(text):
    assert holds_card_number(text)


@pytest.mark.parametrize(
    "text",
    [
        "4111111111111112",
        "4111 1111 1111 1112",
        "411111111111",
        "4111111111111111" + "0" * 4,
        "2026-11-22",
        "+1 202 555 0143",
        "order 12345, 3 of 7",
        "26.11.2026 to 31.12.2026",
        "",
    ],
)
def test_other_numbers_are_let_be(text):
    assert not holds_card_number(text)
