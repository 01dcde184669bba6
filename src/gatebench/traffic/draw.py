"""Seeded draws: everything random about one arrival's request is a function of (seed, arrival id)."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Sequence
from itertools import accumulate

_HEAD = 16  # bytes: four for the route, four for the tenant, four for the kind, four for the group
_RANGE = 2.0**32
_head_words = struct.Struct("<4I").unpack_from
_whole_number = struct.Struct(">Q").pack


class Draw:
    """The random bytes of one arrival: SHAKE128 (FIPS 202) over (seed, arrival id), of which a prefix is what a shorter one is."""

    __slots__ = ("_bytes", "_words", "arrival_id")

    def __init__(self, digest: bytes, arrival_id: int) -> None:
        self._bytes = digest
        self._words: tuple[int, int, int, int] = _head_words(digest)
        self.arrival_id = arrival_id

    def unit(self, place: int) -> float:
        """Return a number in [0, 1) from one of the four words at the head: 0 route, 1 tenant, 2 the kind's own, 3 the group's."""
        return self._words[place] / _RANGE

    def bytes(self, count: int) -> bytes:
        """Return `count` random bytes, the same ones each time."""
        return self._bytes[_HEAD : _HEAD + count]


class Draws:
    """Makes the draw of each arrival; `most` is the largest number of bytes that any request asks for."""

    def __init__(self, seed: int, most: int) -> None:
        self._prefix = hashlib.shake_128(seed.to_bytes(16, "big", signed=True))
        self._length = _HEAD + most

    def of(self, arrival_id: int) -> Draw:
        """Return the draw of `arrival_id`."""
        state = self._prefix.copy()
        state.update(_whole_number(arrival_id))
        return Draw(state.digest(self._length), arrival_id)


def shares(weights: Sequence[float]) -> list[float]:
    """Return the upper ends in (0, 1] of each weight's share, for `bisect_right` at a unit draw."""
    total = sum(weights)
    ends = [end / total for end in accumulate(weights)]
    ends[-1] = 1.0
    return ends
