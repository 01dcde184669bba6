"""The concurrency limit: at most `limit` requests of a key in flight; it knows no time but when they end."""

from __future__ import annotations

import heapq
from collections.abc import Sequence


def replay_in_flight(limit: int, start_ns: Sequence[int], end_ns: Sequence[int]) -> list[bool]:
    """Return which arrivals, in order of time, find fewer than `limit` admitted ones in flight; one that ends then is gone."""
    running: list[int] = []
    admitted = []
    for begins_ns, ends_ns in zip(start_ns, end_ns, strict=True):
        while running and running[0] <= begins_ns:
            heapq.heappop(running)
        admitted.append(len(running) < limit)
        if admitted[-1]:
            heapq.heappush(running, ends_ns)
    return admitted
