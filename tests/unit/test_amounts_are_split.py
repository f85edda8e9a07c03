"""A total is split so that the parts sum to it and differ by at most one unit, larger ones first."""

import pytest

from portal.core.money import MAX_AMOUNT, split


@pytest.mark.parametrize(
    ("total", "parts", "expected"),
    [
        (10000, 3, (3334, 3333, 3333)),
        (10001, 3, (3334, 3334, 3333)),
        (9999, 3, (3333, 3333, 3333)),
        (7, 1, (7,)),
        (3, 3, (1, 1, 1)),
        (60, 60, (1,) * 60),
    ],
)
def test_the_first_parts_carry_the_rest(total, parts, expected):
    assert split(total, parts) == expected


def test_the_largest_amount_splits_exactly():
    assert sum(split(MAX_AMOUNT, 7)) == MAX_AMOUNT


@pytest.mark.parametrize(("total", "parts"), [(2, 3), (0, 1), (-1, 1), (5, 0), (5, -1)])
def test_parts_of_zero_and_no_parts_are_refused(total, parts):
    with pytest.raises(ValueError, match="cannot be split"):
        split(total, parts)
