"""Money of two currencies is never added or compared, and an amount is never a float."""

import operator

import pytest

from portal.core.money import Money


def test_money_of_one_currency_adds_subtracts_and_compares():
    assert Money(3334, "USD") + Money(3333, "USD") == Money(6667, "USD")
    assert Money(3334, "USD") - Money(3333, "USD") == Money(1, "USD")
    assert Money(3333, "USD") < Money(3334, "USD")
    assert not Money(3334, "USD") < Money(3334, "USD")


@pytest.mark.parametrize("operation", [operator.add, operator.sub, operator.lt, operator.gt])
def test_two_currencies_raise(operation):
    with pytest.raises(ValueError, match="do not mix"):
        operation(Money(1, "USD"), Money(1, "SAR"))


def test_the_same_number_in_two_currencies_is_not_the_same_money():
    assert Money(100, "USD") != Money(100, "JPY")


@pytest.mark.parametrize("amount", [1.0, "1", True, None])
def test_only_an_integer_is_an_amount(amount):
    with pytest.raises(TypeError):
        Money(amount, "USD")


def test_an_unknown_currency_is_refused():
    with pytest.raises(ValueError, match="unknown currency"):
        Money(1, "XXX")
