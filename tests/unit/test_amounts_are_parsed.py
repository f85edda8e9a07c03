"""What a person types becomes minor units of the currency, or a refusal at the field; nothing is guessed."""

import pytest

from portal.core.errors import InvalidInput
from portal.core.money import EXPONENTS, MAX_AMOUNT, decimal_text, parse_amount, to_decimal


@pytest.mark.parametrize(
    ("text", "currency", "amount"),
    [
        ("100.00", "USD", 10000),
        ("100", "USD", 10000),
        ("100.5", "USD", 10050),
        ("0.01", "USD", 1),
        ("  25.00 ", "SAR", 2500),
        ("007", "USD", 700),
        ("1500", "JPY", 1500),
        ("1.234", "KWD", 1234),
        ("1.2", "KWD", 1200),
        ("0.001", "KWD", 1),
        ("10000000000.00", "USD", MAX_AMOUNT),
        ("1000000000000", "JPY", MAX_AMOUNT),
    ],
)
def test_digits_are_read_in_the_currencys_own_unit(text, currency, amount):
    assert parse_amount(text, currency) == amount


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "-5",
        "+5",
        "5-",
        "1,000.00",
        "1.000,00",
        "1 000",
        "1e3",
        "0x10",
        "NaN",
        "Infinity",
        "-0",
        "5.",
        ".5",
        "$5",
        "5 USD",
        "1.2.3",
        "١٢٣",
        "５",
        "1_000",
        "5\x00",
        "\ud800",
        "9" * 21,
        "1." + "0" * 21,
        "9" * 4000,
    ],
)
def test_anything_but_digits_and_one_point_is_refused_at_the_field(text):
    with pytest.raises(InvalidInput) as refused:
        parse_amount(text, "USD", field="amount")
    assert list(refused.value.errors) == ["amount"]


@pytest.mark.parametrize(("text", "currency"), [("1.001", "USD"), ("1.0", "JPY"), ("1.2345", "KWD")])
def test_more_decimals_than_the_currency_has_are_refused_even_if_they_are_zero(text, currency):
    with pytest.raises(InvalidInput) as refused:
        parse_amount(text, currency)
    assert f"at most {EXPONENTS[currency]} decimals" in str(refused.value.errors["total_amount"])


@pytest.mark.parametrize("text", ["0", "0.00", "10000000000.01", "99999999999999999999"])
def test_zero_and_more_than_the_portal_keeps_are_refused(text):
    with pytest.raises(InvalidInput):
        parse_amount(text, "USD")


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        (3334, "USD", "33.34"),
        (5, "USD", "0.05"),
        (0, "USD", "0.00"),
        (1500, "JPY", "1500"),
        (0, "JPY", "0"),
        (1, "KWD", "0.001"),
        (1234, "KWD", "1.234"),
        (-1667, "USD", "-16.67"),
        (MAX_AMOUNT, "JPY", "1000000000000"),
        (MAX_AMOUNT, "KWD", "1000000000.000"),
    ],
)
def test_minor_units_are_written_with_the_currencys_own_decimals(amount, currency, text):
    assert decimal_text(amount, currency) == text
    assert str(to_decimal(amount, currency)) == text


@pytest.mark.parametrize(("currency", "places"), [("JPY", 0), ("USD", 2), ("SAR", 2), ("KWD", 3)])
def test_the_currencies_have_the_decimals_of_iso_4217(currency, places):
    assert EXPONENTS[currency] == places
