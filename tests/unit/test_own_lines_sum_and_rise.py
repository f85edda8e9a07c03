"""Amounts and dates chosen one by one: they sum to the total, each is above zero, and the dates rise."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.core.errors import InvalidInput
from portal.core.schedule import Line, own_schedule

TODAY = date(2026, 3, 2)
LATER = TODAY + timedelta(days=10)


def refused(total, *wanted):
    with pytest.raises(InvalidInput) as invalid:
        own_schedule(total, "USD", wanted, TODAY)
    return {name: str(error) for name, error in invalid.value.errors.items()}


@given(st.lists(st.tuples(st.integers(1, 10**6), st.integers(1, 50)), min_size=1, max_size=60))
def test_what_is_right_is_kept_exactly(parts):
    day, wanted = TODAY, []
    for amount, gap in parts:
        day += timedelta(days=gap)
        wanted.append((amount, day))
    lines = own_schedule(sum(amount for amount, _ in wanted), "USD", wanted, TODAY)
    assert lines == tuple(Line(n, *line) for n, line in enumerate(wanted, start=1))


def test_what_is_left_to_place_or_too_much_is_told():
    assert refused(10000, (4000, TODAY), (4800, LATER)) == {"installments": "12.00 still to be assigned."}
    assert refused(8000, (4000, TODAY), (4800, LATER)) == {"installments": "8.00 more than the total."}


@pytest.mark.parametrize("second", [TODAY, TODAY - timedelta(days=1)])
def test_a_date_that_does_not_rise_names_its_line(second):
    words = "Choose a date after the one before it."
    assert refused(8000, (4000, TODAY), (4000, second)) == {"installments.1.due_date": words}


def test_every_fault_is_named_at_once():
    names = refused(0, (0, TODAY), (-1, date(1900, 1, 1)))
    assert set(names) == {
        "total_amount",
        "installments.0.amount",
        "installments.1.amount",
        "installments.1.due_date",
    }


@pytest.mark.parametrize("count", [0, 61])
def test_one_to_sixty_lines(count):
    wanted = [(100, TODAY + timedelta(days=place)) for place in range(count)]
    assert refused(count * 100 or 100, *wanted) == {"installments": "Choose 1 to 60 installments."}
