"""How many more than a concurrency limit were in flight, provably."""

from __future__ import annotations

import numpy as np

from gatebench.oracles.limiter.spans import Times


def over_flight(since_ns: Times, until_ns: Times, limit: int) -> int:
    """Return the least number of requests without which never more than `limit` were in flight at once.

    `since_ns` and `until_ns` bound the time in which a request surely was in flight; where the first is not before the
    second nothing is sure. Whenever there are too many, the one that would stay longest is taken out, which is
    optimal (interval scheduling on `limit` machines: Faigle and Nawijn, 1995).
    """
    sure = since_ns < until_ns
    order = np.argsort(since_ns[sure], kind="stable")
    running: list[int] = []
    taken_out = 0
    for begins_ns, ends_ns in zip(since_ns[sure][order].tolist(), until_ns[sure][order].tolist(), strict=True):
        running = [end for end in running if end > begins_ns]
        running.append(ends_ns)
        if len(running) > limit:
            running.remove(max(running))
            taken_out += 1
    return taken_out


def most_in_flight(since_ns: Times, until_ns: Times) -> int:
    """Return the most that were surely in flight at once."""
    sure = since_ns < until_ns
    moments = np.concatenate((since_ns[sure], until_ns[sure]))
    steps = np.concatenate((np.ones(int(sure.sum()), np.int64), -np.ones(int(sure.sum()), np.int64)))
    order = np.lexsort((steps, moments))  # an end before a beginning at the same moment
    return int(np.cumsum(steps[order]).max()) if len(order) else 0


def unsure(since_ns: Times, until_ns: Times, begun_ns: Times, released_ns: Times, limit: int) -> int:
    """Return how many requests may have been one too many without being counted by `over_flight`.

    Such a one was not surely in flight at any moment, and while it may have been (from `begun_ns` to `released_ns`) as many
    others as the limit allows may have been in flight too.
    """
    maybe = np.flatnonzero(since_ns >= until_ns)
    first, last = np.sort(begun_ns), np.sort(released_ns)
    beside = np.searchsorted(first, released_ns[maybe]) - np.searchsorted(last, begun_ns[maybe], side="right") - 1
    return int((beside >= limit).sum())
