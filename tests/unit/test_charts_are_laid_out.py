"""Bars begin at zero, end where their length says, and stay inside the plot, whatever the numbers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.web.charts import LEAST, Chart, Point, Value


def chart(*lengths: int | None, series: int = 1, most: int | None = None) -> Chart:
    points = tuple(
        Point(str(n), str(n), str(n), (Value(length, str(length)),) * series)
        for n, length in enumerate(lengths)
    )
    names = tuple((f"series {n}", None) for n in range(series))
    return Chart("Title", "", "Point", names, points, most=None if most is None else Value(most, "most"))


def bars(drawn: Chart) -> list[tuple[float, float] | None]:
    """Top and height of each point's first bar."""
    found = [drawn.bars(point) for point in drawn.points]
    return [(bars[0].y, bars[0].height) if bars else None for bars in found]


def test_the_longest_bar_fills_the_plot_and_half_of_it_half():
    assert bars(chart(100, 50)) == [(0, 100), (50, 50)]
    assert chart(100, 50).top_words == "100"


def test_what_is_below_zero_hangs_from_it():
    drawn = chart(30, -10)
    assert drawn.zero == 75
    assert bars(drawn) == [(0, 75), (75, 25)]


def test_only_negative_values_hang_from_the_top():
    drawn = chart(-5, -10)
    assert (drawn.zero, drawn.top_words) == (0, None)
    assert bars(drawn) == [(0, 50), (0, 100)]


@pytest.mark.parametrize("lengths", [(0,), (0, 0, 0), (None, None), (None, 0)])
def test_nothing_draws_nothing(lengths):
    drawn = chart(*lengths)
    assert bars(drawn) == [None] * len(lengths)
    assert (drawn.zero, drawn.bottom, drawn.top_words) == (100, 0, None)


def test_a_chart_is_empty_without_amounts_or_rates_but_a_rate_of_zero_is_one():
    assert chart(0, 0).empty and chart(None, None).empty and chart(None, most=100_00).empty
    assert not chart(0, -1).empty
    assert not chart(0, None, most=100_00).empty


def test_one_point_is_a_chart():
    assert bars(chart(7)) == [(0, 100)]


def test_a_fixed_top_is_the_same_for_every_chart():
    drawn = chart(25_00, None, most=100_00)
    assert bars(drawn) == [(75, 25), None]
    assert drawn.top_words == "most"


def test_little_is_still_seen():
    assert bars(chart(1, 1_000_000))[0] == (100 - LEAST, LEAST)


def test_bars_of_a_point_stand_side_by_side_inside_it():
    first, second, third = chart(5, series=3).bars(chart(5, series=3).points[0])
    assert 0 < first.x < first.x + first.width < second.x < second.x + second.width < third.x
    assert third.x + third.width < 100
    assert [bar.series for bar in (first, second, third)] == [1, 2, 3]


@given(st.lists(st.integers(-(10**15), 10**15), min_size=1, max_size=12))
def test_every_bar_is_in_the_plot_on_its_side_of_zero(lengths):
    drawn = chart(*lengths)
    for length, place in zip(lengths, bars(drawn), strict=True):
        if place is None:
            assert length == 0
            continue
        y, height = place
        assert height >= LEAST
        assert -LEAST <= y <= y + height <= 100 + LEAST + 0.02
        assert abs((y + height if length > 0 else y) - drawn.zero) < 0.02
