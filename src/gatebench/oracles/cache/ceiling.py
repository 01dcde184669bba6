"""How many requests no cache of a capacity and a time to live can answer more of, whatever its policy."""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Sequence

import numpy as np

from gatebench.oracles.cache.lifetime import FETCH, Lifetime
from gatebench.oracles.cache.recent import recent


def ceiling(keys: Sequence[int], times_ns: Sequence[int], lifetime: Lifetime, capacity: int | None = None) -> int:
    """Return an upper bound of the requests that are not fetched: the smaller of two.

    One is the cache without a capacity, which is exact there. The other forgets that a time to live counts from the fetch:
    each request may be answered when the request before it for the same key is younger than that, and an entry is kept from
    one to the next. Choosing the most of such stretches, with at most `capacity` of them at any time, is a colouring of
    intervals, solved by dropping the one that ends last (M. C. Carlisle and E. L. Lloyd, "On the k-coloring of intervals",
    Discrete Applied Mathematics 59, 1995). Without a time to live it is what Belady's MIN reaches.
    """
    unlimited = int(np.count_nonzero(recent(keys, times_ns, lifetime) != FETCH))
    if capacity is None:
        return unlimited
    last: dict[int, int] = {}
    free = 0
    stretches: list[tuple[int, int]] = []
    for key, now_ns in zip(keys, times_ns, strict=True):
        before_ns = last.get(key)
        last[key] = now_ns
        if before_ns is None or not lifetime.servable(now_ns - before_ns - lifetime.fetch_ns):
            continue
        if now_ns <= before_ns + lifetime.fetch_ns:
            free += 1  # it can join the fetch, or meets its end: no entry need be kept for it
        else:
            stretches.append((before_ns + lifetime.fetch_ns, now_ns))
    return min(unlimited, free + _most_at_once(sorted(stretches), capacity))


def _most_at_once(stretches: Sequence[tuple[int, int]], capacity: int) -> int:
    """Return how many of the stretches, sorted by their start, can be kept with at most `capacity` at any time."""
    chosen = 0
    ends: list[int] = []
    for start_ns, end_ns in stretches:
        over = bisect_right(ends, start_ns)
        chosen += over
        del ends[:over]
        insort(ends, end_ns)
        if len(ends) > capacity:
            ends.pop()
    return chosen + len(ends)
