"""How much more than a fixed window was admitted, provably.

Nobody outside knows where the gateway's windows lie. So every place of the grid is tried (only those at which some request
changes its window matter), and windows that begin with a request as well, and the one that is most favourable to the
gateway counts. A request that may have been on either side of an edge is put where there is room.
"""

from __future__ import annotations

import numpy as np

from gatebench.oracles.limiter.over_log import most_in_a_period
from gatebench.oracles.limiter.spans import Spans, Times


def over_window(admitted: Spans, limit: int, period_ns: int) -> float:
    """Return by how many requests (tokens) the admissions exceed fixed windows at their most favourable place."""
    if len(admitted) == 0 or most_in_a_period(admitted, period_ns) <= limit:
        return 0.0
    least = over_anchored(admitted, limit, period_ns)
    for phase_ns in phases(admitted, period_ns):
        if least == 0:
            break
        least = min(least, over_grid(admitted, limit, period_ns, phase_ns))
    return float(least)


def phases(admitted: Spans, period_ns: int) -> list[int]:
    """Return the places of a grid that differ in which window holds which request."""
    return [int(place) for place in np.unique(np.concatenate((admitted.lo_ns, admitted.hi_ns + 1)) % period_ns)]


def over_grid(admitted: Spans, limit: int, period_ns: int, phase_ns: int) -> int:
    """Return the excess on a grid at `phase_ns`: over all windows, what was inside beyond the limit."""
    first = (admitted.lo_ns - phase_ns) // period_ns
    last = (admitted.hi_ns - phase_ns) // period_ns
    number = first - int(first.min())
    sure = np.bincount(number, weights=admitted.cost * (first == last)).astype(np.int64)
    either = np.bincount(number, weights=admitted.cost * (last == first + 1)).astype(np.int64)
    if not either.any():
        return int(np.maximum(0, sure - limit).sum())
    excess = carried = 0
    for inside, open_end in zip(sure.tolist(), either.tolist(), strict=True):
        there = inside + carried
        excess += max(0, there - limit)
        carried = max(0, open_end - max(0, limit - there))
    return excess + max(0, carried - limit)


def over_anchored(admitted: Spans, limit: int, period_ns: int) -> int:
    """Return the excess over windows that each begin with the first request after the one before."""
    order = np.argsort(admitted.lo_ns, kind="stable")
    began: tuple[int, int] | None = None
    excess = inside = 0
    for lo_ns, hi_ns, cost in _rows(admitted, order):
        if began is not None and hi_ns < began[0] + period_ns:
            excess += max(0, inside + cost - limit) - max(0, inside - limit)
            inside += cost
        elif began is not None and lo_ns < began[1] + period_ns and inside + cost <= limit:
            inside += cost  # it may have been the last of this window as well
        else:
            began = (lo_ns if began is None else max(lo_ns, began[0] + period_ns), hi_ns)
            excess += max(0, cost - limit)
            inside = cost
    return excess


def _rows(admitted: Spans, order: Times) -> list[tuple[int, int, int]]:
    columns = (admitted.lo_ns, admitted.hi_ns, admitted.cost)
    return list(zip(*(column[order].tolist() for column in columns), strict=True))
