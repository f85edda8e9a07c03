"""Whatever the amount, the count and the currency: splits lose nothing, and text and units are the same amount."""

from hypothesis import given
from hypothesis import strategies as st

from portal.core.money import EXPONENTS, MAX_AMOUNT, decimal_text, parse_amount, split
from portal.core.schedule import MAX_INSTALLMENTS

amounts = st.integers(1, MAX_AMOUNT)
currencies = st.sampled_from(sorted(EXPONENTS))


@given(amounts, st.integers(1, MAX_INSTALLMENTS))
def test_a_split_sums_to_its_total_and_its_parts_are_alike_and_never_zero(total, parts):
    if total < parts:
        total += parts
    amounts = split(total, parts)
    assert len(amounts) == parts
    assert sum(amounts) == total
    assert max(amounts) - min(amounts) <= 1
    assert min(amounts) >= 1
    assert list(amounts) == sorted(amounts, reverse=True)


@given(st.integers(1, 200), st.integers(1, MAX_INSTALLMENTS))
def test_small_totals_split_or_are_refused_exactly_when_a_part_would_be_zero(total, parts):
    try:
        assert min(split(total, parts)) >= 1
    except ValueError:
        assert total < parts


@given(amounts, currencies)
def test_what_is_written_is_read_back_as_the_same_amount(amount, currency):
    assert parse_amount(decimal_text(amount, currency), currency) == amount


@given(amounts, currencies)
def test_decimals_that_are_zero_may_be_left_out(amount, currency):
    text = decimal_text(amount, currency)
    shorter = text.rstrip("0").rstrip(".") if "." in text else text
    assert parse_amount(shorter, currency) == amount
