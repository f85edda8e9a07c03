"""Requests are counted window by window, in all processes together, and what is over gives its room to others."""

from __future__ import annotations

import os
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
    assert counts.hit("a", 60) == (1, 1120.0)


def test_a_key_is_forgotten_alone(clock: list[float]) -> None:
    counts = Counts()
    counts.incr("a", 60)
    counts.incr("b", 60)
    counts.clear("a")
    assert (counts.get("a"), counts.get("b")) == (0, 1)
    counts.reset()
    assert counts.get("b") == 0


def test_where_there_is_no_room_the_window_that_closes_first_gives_way(
    clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rate_limits, "SLOTS", rate_limits.PROBED)
    counts = Counts()
    for number in range(rate_limits.PROBED):
        counts.incr(f"guest {number}", 60 + number)
    counts.incr("next", 60)
    assert (counts.get("guest 0"), counts.get("guest 1"), counts.get("next")) == (0, 1, 1)


def test_a_forked_process_counts_with_the_one_that_made_the_counts() -> None:
    counts = Counts()
    counts.incr("a", 60)
    child = os.fork()
    if not child:
        counts.incr("a", 60)
        os._exit(0)
    os.waitpid(child, 0)
    assert counts.get("a") == 2


def test_counting_starts_no_thread() -> None:
    counts = Counts()
    before = threading.active_count()
    for _ in range(50):
        counts.incr("a", 60)
    assert threading.active_count() == before
    assert counts.get("a") == 50
