"""The prompts of a route: one of its own for every arrival, or drawn from a pool, so that a cache can be asked twice."""

from __future__ import annotations

import hashlib
from array import array
from bisect import bisect_right
from functools import lru_cache
from typing import Final

from gatebench.traffic.draw import Draw, shares
from gatebench.traffic.route import Route
from gatebench.traffic.words import prompt

_RANK: Final = 2
"""The place of the popularity's own word in a draw."""
_MOST_KEPT: Final = 65_536


class Prompts:
    """The prompt of each arrival, a function of (seed, arrival id). A pool is the same for all tenants.

    Of a pool of `prompts`, the k-th most popular is asked for in proportion to 1 / k ** `skew` (Zipf's law). Every `churn`
    arrivals the next prompt of the pool, in their order, makes way for a new one.
    """

    def __init__(self, route: Route, seed: int) -> None:
        self._words = route.prompt_words
        self._pool = route.prompts
        self._churn = route.churn
        self._ends = zipf(route.prompts, route.skew) if route.prompts else array("d")
        self._name = f"{seed}/{route.name}"
        self.needs_bytes = 0 if route.prompts else route.prompt_words
        self._kept: dict[tuple[int, int], str] = {}

    def text(self, draw: Draw) -> str:
        """Return the prompt of an arrival."""
        if not self._pool:
            return prompt(draw.bytes(self.needs_bytes), draw.arrival_id)
        place = bisect_right(self._ends, draw.unit(_RANK))
        version = 0
        if self._churn:
            replaced = draw.arrival_id // self._churn
            version = max(0, (replaced - place + self._pool - 1) // self._pool)
        kept = self._kept.get((place, version))
        if kept is None:
            if len(self._kept) >= _MOST_KEPT:
                self._kept.clear()
            kept = self._kept[place, version] = self._pooled(place, version)
        return kept

    def _pooled(self, place: int, version: int) -> str:
        drawn = hashlib.shake_128(f"{self._name}/{place}/{version}".encode()).digest(self._words)
        return prompt(drawn, place) + (f".{version}" if version else "")


@lru_cache(maxsize=8)
def zipf(count: int, skew: float) -> array[float]:
    """Return the upper ends of each rank's share under Zipf's law, eight bytes each."""
    return array("d", shares([(rank + 1) ** -skew for rank in range(count)]))
