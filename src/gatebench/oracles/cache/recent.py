"""What an LRU cache with a time to live does with a sequence of requests: an exact replay."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from gatebench.oracles.cache.lifetime import FETCH, HIT, JOIN, STALE, Lifetime


def recent(
    keys: Sequence[int],
    times_ns: Sequence[int],
    lifetime: Lifetime,
    capacity: int | None = None,
    *,
    coalescing: bool = True,
) -> npt.NDArray[np.uint8]:
    """Return what became of each request: FETCH, JOIN, HIT or STALE.

    `times_ns` must not fall. The cache holds `capacity` entries (None: all there are). An entry enters it when its fetch
    ends and drives out the one that was used longest ago, expired or not; answering is a use, entering is one, joining a fetch is
    none. With `coalescing` one fetch of a key is under way at a time; without, every request that finds no servable entry
    fetches, and each fetch that ends renews the entry.

    Without a capacity this is the best that any cache can do that fetches on demand: per key, each fetch answers
    everything until its entry expires, and to fetch later than at the first request that needs it is impossible, earlier useless.
    """
    became = np.empty(len(keys), np.uint8)
    entries: OrderedDict[int, int] = OrderedDict()
    under_way: deque[tuple[int, int]] = deque()
    fetching: dict[int, int] = {}
    for place, (key, now_ns) in enumerate(zip(keys, times_ns, strict=True)):
        while under_way and under_way[0][0] <= now_ns:
            ended_ns, fetched = under_way.popleft()
            fetching[fetched] -= 1
            entries[fetched] = ended_ns
            entries.move_to_end(fetched)
            if capacity is not None and len(entries) > capacity:
                entries.popitem(last=False)
        age_ns = None if key not in entries else now_ns - entries[key]
        busy = coalescing and fetching.get(key, 0) > 0
        if age_ns is not None and lifetime.servable(age_ns):
            entries.move_to_end(key)
            became[place] = HIT if lifetime.fresh(age_ns) else STALE
            starts = became[place] == STALE and not fetching.get(key, 0)
        else:
            became[place] = JOIN if busy else FETCH
            starts = not busy
        if starts:
            fetching[key] = fetching.get(key, 0) + 1
            under_way.append((now_ns + lifetime.fetch_ns, key))
    return became
