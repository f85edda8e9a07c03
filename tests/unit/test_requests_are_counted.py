"""Requests are counted window by window, and what is over is forgotten."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from portal.adapters import rate_limits
from portal.adapters.rate_limits import Counts


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    now = [1000.0]
    monkeypatch.setattr(rate_limits, "time", lambda: now[0])
    yield now


def test_a_window_counts_until_it_closes(clock: list[float]) -> None:
    counts = Counts()
    assert [counts.incr("a", 60), counts.incr("b", 60), counts.incr("a", 60)] == [1, 1, 2]
    assert counts.get_expiry("a") == 1060.0
    clock[0] = 1060.0
    assert counts.get("a") == 0
    assert counts.incr("a", 60) == 1


def test_a_key_is_forgotten_alone(clock: list[float]) -> None:
    counts = Counts()
    counts.incr("a", 60)
    counts.incr("b", 60)
    counts.clear("a")
    assert (counts.get("a"), counts.get("b"), counts.reset(), counts.get("b")) == (0, 1, 1, 0)


def test_closed_windows_do_not_pile_up(clock: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_limits, "MOST_KEPT", 10)
    counts = Counts()
    for number in range(10):
        counts.incr(f"guest {number}", 60)
    clock[0] += 61
    counts.incr("next", 60)
    assert counts.reset() == 1


def test_counting_starts_no_thread() -> None:
    counts = Counts()
    before = threading.active_count()
    for _ in range(50):
        counts.incr("a", 60)
    assert threading.active_count() == before
    assert counts.get("a") == 50
