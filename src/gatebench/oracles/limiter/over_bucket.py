"""How much more than a token bucket (or GCRA, which is one) was admitted, provably.

Within any window of length d a bucket admits at most burst + rate · d, and a sequence of admissions is one that a
bucket could have made exactly when that holds in every window between two of them (the arrival curve of Cruz, "A calculus
for network delay", IEEE Transactions on Information Theory 37, 1991). What is above it in windows that do not overlap
adds up: in each of them the bucket may be full again, which is what counting the burst in each allows.

The number is the largest such sum, over all sets of windows: by duality the least number of admissions (or tokens) that
would have to be taken back for the rest to conform. A window reaches from the earliest moment of its first request to the
latest of its last one, so only what was surely inside counts, over a time that is surely not too short.
"""

from __future__ import annotations

import numpy as np

from gatebench.oracles.limiter.spans import Spans, Sums, Times

_START, _END = 0, 1


def over_bucket(admitted: Spans, limit: int, period_ns: int, burst: int) -> float:
    """Return by how many requests (tokens) the admissions surely exceed the bucket; 0 when they may conform."""
    return _most(admitted.lo_ns, admitted.hi_ns, admitted.cost, (limit, period_ns, burst))


def perhaps_over_bucket(admitted: Spans, limit: int, period_ns: int, burst: int) -> float:
    """Return by how many the admissions exceed the bucket at most: windows as short, and as full, as they may have been.

    What may have come at one and the same moment is a window of no length.
    """
    if len(admitted) == 0:
        return 0.0
    at_once = Sums(admitted).possibly(admitted.lo_ns, admitted.lo_ns).max() - burst
    return max(float(at_once), _most(admitted.hi_ns, admitted.lo_ns, admitted.cost, (limit, period_ns, burst)))


def _most(starts_ns: Times, ends_ns: Times, cost: Times, bucket: tuple[int, int, int]) -> float:
    """Return the largest sum of excesses over windows from some of `starts_ns` to some of `ends_ns`; walks once over all.

    Two values are carried along, in token-nanoseconds: the best sum so far with no window open, and with one open.
    """
    limit, period_ns, burst = bucket
    count = len(cost)
    if count == 0:
        return 0.0
    moments = np.concatenate((starts_ns, ends_ns))
    kinds = np.repeat((_START, _END), count)
    costs = np.concatenate((cost, cost))
    order = np.lexsort((kinds, moments))
    origin = int(moments.min())
    closed, opened = 0, None
    begun = ended = 0
    for moment, kind, spent in zip(
        (moments[order] - origin).tolist(), kinds[order].tolist(), costs[order].tolist(), strict=True
    ):
        if kind == _START:
            fresh = closed - burst * period_ns - begun * period_ns + limit * moment
            opened = fresh if opened is None else max(opened, fresh)
            begun += spent
        else:  # also before any window is open: who may have been decided early ends before he begins
            ended += spent
            if opened is not None:
                closed = max(closed, opened + ended * period_ns - limit * moment)
    return closed / period_ns
