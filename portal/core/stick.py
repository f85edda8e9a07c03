"""A plan's own tally stick: where its notches are and how deep, from the hash of the accepted terms alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from itertools import count

# The stick's length and the height of a half, in units of its drawing.
LENGTH = 720
HALF = 36
# How deep a notch goes into its half, and how wide it is at the split, as shares of the half and of its part.
DEPTHS = (0.25, 0.85)
WIDTHS = (0.3, 0.8)
# A part is as wide as the others, but where there are few a notch is no wider than in a part of this length.
WIDEST_PART = 96


@dataclass(frozen=True, slots=True)
class Part:
    """One installment's part of the stick, from ``start`` to ``end``, with its notch, in units of the drawing.

    The notch is the same on both halves: ``depth`` into each, ``width`` at the split, around ``middle``.
    """

    start: int
    end: int
    middle: int
    depth: int
    width: int


def parts(terms_hash: str, installments: int) -> tuple[Part, ...]:
    """The parts of a plan's stick. The same hash gives the same stick, and another hash another one.

    ``terms_hash`` is 64 hexadecimal digits. Raises ``ValueError`` for another text and without an installment.
    """
    if len(terms_hash) != 64 or installments < 1:
        raise ValueError("A stick needs a SHA-256 and at least one installment.")
    stream = _bytes(bytes.fromhex(terms_hash))
    made = []
    for number in range(installments):
        start, end = (LENGTH * number // installments, LENGTH * (number + 1) // installments)
        depth, width = _between(DEPTHS, next(stream)), _between(WIDTHS, next(stream))
        across = 2 * round(width * min(end - start, WIDEST_PART) / 2)
        made.append(Part(start, end, (start + end) // 2, round(depth * HALF), across))
    return tuple(made)


def _bytes(digest: bytes) -> Iterator[int]:
    """The hash's own bytes, then those of the hash with a number, for plans of more than sixteen installments."""
    yield from digest
    for block in count(1):
        yield from sha256(digest + block.to_bytes(2, "big")).digest()


def _between(ends: tuple[float, float], byte: int) -> float:
    return ends[0] + (ends[1] - ends[0]) * byte / 255
