"""What a cache does that knows the future: Belady's MIN, with a time to live."""

from __future__ import annotations

import heapq
from collections import defaultdict, deque
from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from gatebench.oracles.cache.lifetime import FETCH, HIT, JOIN, STALE, Lifetime

_NO_USE: Final = 2**63 - 1


def farthest(
    keys: Sequence[int], times_ns: Sequence[int], lifetime: Lifetime, capacity: int | None = None
) -> npt.NDArray[np.uint8]:
    """Return what became of each request: FETCH, JOIN, HIT or STALE.

    As `recent`, but a full cache does without the entry whose next use is farthest away, be it the one that would enter; a
    use that comes after the entry has expired is none (L. A. Belady, "A study of replacement algorithms for a virtual-storage
    computer", IBM Systems Journal 5(2), 1966).

    Without a time to live, and without a capacity, no policy answers more. With both this is a policy that knows the future
    and therefore a lower bound of the best: a miss renews an entry's time, so that the nearest use is not always the
    one to keep. `ceiling` is the upper bound.
    """
    uses: defaultdict[int, list[int]] = defaultdict(list)
    for key, now_ns in zip(keys, times_ns, strict=True):
        uses[key].append(now_ns)
    became = np.empty(len(keys), np.uint8)
    entries: dict[int, int] = {}
    next_use: dict[int, int] = {}
    queue: list[tuple[int, int]] = []
    under_way: deque[tuple[int, int]] = deque()
    fetching: set[int] = set()
    asked: defaultdict[int, int] = defaultdict(int)

    def note(key: int, done: int) -> None:
        """Write down when `key`, of whose requests `done` are over, is of use again."""
        following = uses[key][done] if done < len(uses[key]) else _NO_USE
        useful = following != _NO_USE and lifetime.servable(following - entries[key])
        next_use[key] = following if useful else _NO_USE
        heapq.heappush(queue, (-next_use[key], key))

    for place, (key, now_ns) in enumerate(zip(keys, times_ns, strict=True)):
        while under_way and under_way[0][0] <= now_ns:
            ended_ns, fetched = under_way.popleft()
            fetching.discard(fetched)
            entries[fetched] = ended_ns
            note(fetched, asked[fetched])
            while capacity is not None and len(entries) > capacity:
                use, victim = heapq.heappop(queue)
                if victim in entries and next_use[victim] == -use:
                    del entries[victim], next_use[victim]
        age_ns = None if key not in entries else now_ns - entries[key]
        asked[key] += 1
        if age_ns is not None and lifetime.servable(age_ns):
            became[place] = HIT if lifetime.fresh(age_ns) else STALE
            note(key, asked[key])
        else:
            became[place] = JOIN if key in fetching else FETCH
        if became[place] in (FETCH, STALE) and key not in fetching:
            fetching.add(key)
            under_way.append((now_ns + lifetime.fetch_ns, key))
    return became
