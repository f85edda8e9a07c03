"""What people type as an amount is read as they mean it, or refused where they may mean two amounts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.core.errors import InvalidInput
from portal.core.languages import LANGUAGES
from portal.core.money import EXPONENTS, MAX_AMOUNT, decimal_text
from portal.core.typed_amounts import SIGNS, read_amount
from portal.presentation import formats


def read(text, currency="USD", decimal_mark="."):
    return read_amount(text, currency, "amount", decimal_mark)


def refusal(text, currency="USD", decimal_mark="."):
    with pytest.raises(InvalidInput) as refused:
        read(text, currency, decimal_mark)
    assert list(refused.value.errors) == ["amount"]
    return str(refused.value.errors["amount"])


@pytest.mark.parametrize(
    ("text", "minor"),
    [
        ("249.90", 24990),
        ("249,90", 24990),
        ("249,9", 24990),
        ("1,250.00", 125000),
        ("1.250,00", 125000),
        ("1.250.000,50", 125000050),
        ("12,34,567.00", 123456700),
        ("1 250", 125000),
        ("1\u00a0250,00", 125000),
        ("1\u202f250.5", 125050),
        ("1'250.00", 125000),
        ("1\u2019250.00", 125000),
        ("1,250,000", 125000000),
        ("1.250.000", 125000000),
        ("$1 250", 125000),
        ("US$ 1,250.00", 125000),
        ("1,250.00 USD", 125000),
        ("usd 1250", 125000),
        ("1250,000", 125000),
        ("0.250", 25),
        ("١٢٣٤٫٥٠", 123450),
        ("١٬٢٣٤٫٥٠", 123450),
        ("۱۲۳۴٫۵۰", 123450),
        ("١٬٢٣٤", 123400),
        ("١٢٣،٥", 12350),
        ("１，２５０．００", 125000),
        ("\u200f1,250.00\u00a0US$\u200e", 125000),
        (" 007 ", 700),
    ],
)
def test_it_is_read_as_it_is_meant(text, minor):
    assert read(text) == minor
    assert read(text, decimal_mark=",") == minor


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("500.00", "JPY", 500),
        ("500,0", "JPY", 500),
        ("¥1,500", "JPY", 1500),
        ("￥1500", "JPY", 1500),
        ("1.250", "KWD", 1250),
        ("1,250", "KWD", 1250),
        ("1,250.500", "KWD", 1250500),
        ("12,5 د.ك.", "KWD", 12500),
        ("1.250,00 zł", "PLN", 125000),
        ("CHF 1'250.-5", "CHF", None),
        ("€ 12,50", "EUR", 1250),
        ("R1 250", "ZAR", 125000),
        ("1 250 kr.", "DKK", 125000),
    ],
)
def test_each_currency_has_its_own_decimals_and_signs(text, currency, minor):
    if minor is None:
        assert "in digits" in refusal(text, currency)
    else:
        assert read(text, currency) == minor


def test_one_mark_before_three_digits_is_read_by_the_readers_language():
    assert read("1,250") == read("1.250", decimal_mark=",") == 125000
    assert read("1,250", "JPY") == 1250


@pytest.mark.parametrize(("text", "mark"), [("1.250", "."), ("1,250", ","), ("$1.250", ".")])
def test_where_two_amounts_may_be_meant_both_are_named(text, mark):
    said = refusal(text, decimal_mark=mark)
    assert "1250.00" in said and "1.250" in said
    assert "1250 or" in refusal("1.250", "JPY")


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "-5",
        "+5",
        "5-",
        "5.",
        ".5",
        ",5",
        "1e3",
        "0x10",
        "NaN",
        "five",
        "1.2.3",
        "1,25,0",
        "1,2345,678",
        "1,250.000.00",
        "1 250 00",
        "1.250 000",
        "1٫250٫00",
        "1٬25",
        "0,250,000",
        "1_000",
        "€5",
        "£5",
        "5 EUR",
        "5 AUD",
        "$$5",
        "5 5",
        "5\0",
        "½",
        "②½",
        "\ud800",
        "," * 300,
    ],
)
def test_what_is_no_amount_or_another_currencys_is_refused(text):
    assert "in digits" in refusal(text)


@pytest.mark.parametrize(
    ("text", "currency", "part"),
    [
        ("1.2345", "USD", "at most 2 decimals"),
        ("1,250.005", "USD", "at most 2 decimals"),
        ("1234,567", "USD", "at most 2 decimals"),
        ("500.5", "JPY", "at most 0 decimals"),
        ("1.2345", "KWD", "at most 3 decimals"),
        ("0", "USD", "above zero"),
        ("0,00", "USD", "above zero"),
        ("9" * 40, "USD", "at most"),
    ],
)
def test_too_many_decimals_nothing_and_too_much_have_their_own_words(text, currency, part):
    assert part in refusal(text, currency)


def test_every_currency_has_its_signs():
    assert SIGNS.keys() == EXPONENTS.keys()


@given(st.integers(1, MAX_AMOUNT), st.sampled_from(sorted(EXPONENTS)), st.sampled_from(sorted(LANGUAGES)))
def test_whatever_the_portal_shows_is_read_back(minor, currency, language):
    shown = formats.money(minor, currency, language)
    mark = formats.decimal_mark(language)
    assert read(shown, currency, mark) == minor
    assert read(decimal_text(minor, currency), currency, mark) == minor
    assert mark in (".", ",")


@given(st.text(max_size=60) | st.text("0123456789.,' ٫٬$", max_size=20), st.sampled_from(sorted(EXPONENTS)))
def test_any_text_is_an_amount_or_refused_at_its_field(text, currency):
    for mark in (".", ","):
        try:
            assert 0 < read(text, currency, mark) <= MAX_AMOUNT
        except InvalidInput as invalid:
            assert list(invalid.errors) == ["amount"]
