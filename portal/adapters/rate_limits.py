"""Request counts per time window, one for all web processes of a machine; the caller decides what is refused.

They stand in memory that is shared with the processes that are forked from the one that made it, as Gunicorn's are.
Two processes that count the same key at the same moment may count once, which a fence against floods can bear.
"""

from __future__ import annotations

import secrets
from hashlib import blake2b
from mmap import mmap
from struct import Struct
from threading import Lock
from time import time
from typing import ClassVar

from limits.storage import Storage

URI = "counts://"
SLOTS = 1 << 16
# A key has its place in one of so many slots; when all are taken, the one that ends first gives way.
PROBED = 8
# The key's digest, when its window closes, and how often it was counted.
_SLOT = Struct("<QdQ")


class Counts(Storage):
    """Fixed windows: how often each key was counted since its window opened, and when that closes."""

    STORAGE_SCHEME: ClassVar = ["counts"]
    base_exceptions = ValueError

    def __init__(self, uri: str | None = None, wrap_exceptions: bool = False, **options: float | str | bool):
        super().__init__(uri, wrap_exceptions, **options)
        self._lock = Lock()
        # Nobody can choose keys that share their slots with another's.
        self._secret = secrets.token_bytes(16)
        self._memory = mmap(-1, SLOTS * _SLOT.size)

    def hit(self, key: str, seconds: int, amount: int = 1) -> tuple[int, float]:
        """Count the key; returns how often it was counted in its window, and when that closes."""
        now = time()
        with self._lock:
            place, digest, closes_at, count = self._find(key, now)
            if closes_at <= now:
                closes_at, count = now + seconds, 0
            count += amount
            _SLOT.pack_into(self._memory, place, digest, closes_at, count)
        return count, closes_at

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        return self.hit(key, expiry, amount)[0]

    def get(self, key: str) -> int:
        now = time()
        _place, _digest, closes_at, count = self._find(key, now)
        return count if closes_at > now else 0

    def get_expiry(self, key: str) -> float:
        now = time()
        return max(self._find(key, now)[2], now)

    def check(self) -> bool:
        return True

    def reset(self) -> int | None:
        with self._lock:
            self._memory[:] = bytes(len(self._memory))
        return None

    def clear(self, key: str) -> None:
        with self._lock:
            place, *_ = self._find(key, time())
            _SLOT.pack_into(self._memory, place, 0, 0.0, 0)

    def _find(self, key: str, now: float) -> tuple[int, int, float, int]:
        """The key's slot as it is, or the one that it may have: its place, the key's digest, closing and count."""
        digest = int.from_bytes(blake2b(key.encode(), digest_size=8, key=self._secret).digest(), "little")
        free = (0, float("inf"))
        for probe in range(PROBED):
            place = (digest + probe) % SLOTS * _SLOT.size
            found, closes_at, count = _SLOT.unpack_from(self._memory, place)
            if found == digest and closes_at > now:
                return place, digest, closes_at, count
            if closes_at < free[1]:
                free = place, closes_at
        return free[0], digest, 0.0, 0
