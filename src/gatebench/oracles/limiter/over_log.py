"""How much more than a sliding log was admitted, provably: what stands above the limit in stretches shorter than a period.

What is above it in stretches that do not overlap adds up; the number is the largest such sum (weighted interval
scheduling: Kleinberg and Tardos, "Algorithm Design", 2005, ch. 6.1).
"""

from __future__ import annotations

import numpy as np

from gatebench.oracles.limiter.spans import Spans, Sums, Times


def in_periods(admitted: Spans, period_ns: int) -> tuple[Times, Times]:
    """Return where periods may begin, and what was surely admitted in each: from the earliest moment of each request on."""
    starts = np.unique(admitted.lo_ns)
    return starts, Sums(admitted).surely(starts, starts + period_ns)


def over_log(admitted: Spans, limit: int, period_ns: int) -> float:
    """Return by how many requests (tokens) the admissions exceed a sliding log; 0 when they conform."""
    if len(admitted) == 0:
        return 0.0
    starts, inside = in_periods(admitted, period_ns)
    excess = np.maximum(0, inside - limit)
    if not excess.any():
        return 0.0
    following = np.searchsorted(starts, starts + period_ns, side="left").tolist()
    best = [0] * (len(starts) + 1)
    for place in range(len(starts) - 1, -1, -1):
        best[place] = max(best[place + 1], int(excess[place]) + best[following[place]])
    return float(best[0])


def most_in_a_period(admitted: Spans, period_ns: int) -> int:
    """Return the most that was surely admitted within some stretch of one period."""
    return int(in_periods(admitted, period_ns)[1].max()) if len(admitted) else 0
