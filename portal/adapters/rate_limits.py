"""Request counts per time window, kept in this process's memory; the caller decides what is refused.

The storage that ``limits`` brings starts a thread for almost every request, to forget what is over. Here the request
that opens a window forgets, when many have piled up.
"""

from __future__ import annotations

from threading import Lock
from time import time
from typing import ClassVar

from limits.storage import Storage

URI = "counts://"
MOST_KEPT = 10_000


class Counts(Storage):
    """Fixed windows: how often each key was counted since its window opened, and when that closes."""

    STORAGE_SCHEME: ClassVar = ["counts"]
    base_exceptions = ValueError

    def __init__(self, uri: str | None = None, wrap_exceptions: bool = False, **options: float | str | bool):
        super().__init__(uri, wrap_exceptions, **options)
        self._lock = Lock()
        self._windows: dict[str, tuple[int, float]] = {}

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        now = time()
        with self._lock:
            count, closes_at = self._windows.get(key, (0, 0.0))
            if closes_at <= now:
                count, closes_at = 0, now + expiry
                self._forget(now)
            self._windows[key] = count + amount, closes_at
            return count + amount

    def get(self, key: str) -> int:
        count, closes_at = self._windows.get(key, (0, 0.0))
        return count if closes_at > time() else 0

    def get_expiry(self, key: str) -> float:
        return self._windows.get(key, (0, time()))[1]

    def check(self) -> bool:
        return True

    def reset(self) -> int:
        with self._lock:
            forgotten = len(self._windows)
            self._windows.clear()
        return forgotten

    def clear(self, key: str) -> None:
        with self._lock:
            self._windows.pop(key, None)

    def _forget(self, now: float) -> None:
        if len(self._windows) >= MOST_KEPT:
            self._windows = {key: kept for key, kept in self._windows.items() if kept[1] > now}
