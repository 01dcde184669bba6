"""How much more than a sliding window counter was admitted, provably.

As with fixed windows the most favourable grid counts; and because such counters begin a new grid after a rest of two
periods (when nothing is left of the one before), it is looked for in each stretch between two rests. A window's count
counts for the next one as far as it conforms. Some counters work in whole numbers and round what is left of the window
before down, so that up to one request more fits; that is part of what they declare.
"""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import numpy as np

from gatebench.oracles.limiter.over_log import most_in_a_period
from gatebench.oracles.limiter.over_window import phases
from gatebench.oracles.limiter.spans import Spans


def over_counter(admitted: Spans, limit: int, period_ns: int, *, whole: bool = False) -> float:
    """Return by how many requests (tokens) the admissions exceed a sliding window counter at its most favourable place.

    `whole` says that what is left of the window before is rounded down.
    """
    rested = stretches(admitted, 2 * period_ns)
    return float(sum(_over_stretch(stretch, limit, period_ns, whole) for stretch in rested))


def stretches(admitted: Spans, rest_ns: int) -> list[Spans]:
    """Return the admissions cut where nothing was admitted for `rest_ns`, in order of their latest moments."""
    if len(admitted) == 0:
        return []
    order = np.argsort(admitted.hi_ns, kind="stable")
    sorted_ = Spans(admitted.lo_ns[order], admitted.hi_ns[order], admitted.cost[order])
    cuts = np.flatnonzero(sorted_.lo_ns[1:] - np.maximum.accumulate(sorted_.hi_ns)[:-1] >= rest_ns) + 1
    edges = [0, *cuts.tolist(), len(sorted_)]
    places = np.arange(len(sorted_))
    return [sorted_.where((places >= start) & (places < end)) for start, end in pairwise(edges)]


def _over_stretch(admitted: Spans, limit: int, period_ns: int, whole: bool) -> int:
    if most_in_a_period(admitted, 2 * period_ns) <= limit:
        return 0
    least: int | None = None
    for phase_ns in phases(admitted, period_ns):
        excess = over_weighted(admitted, limit, period_ns, phase_ns, whole=whole)
        least = excess if least is None else min(least, excess)
        if least == 0:
            break
    return least or 0


def over_weighted(admitted: Spans, limit: int, period_ns: int, phase_ns: int, *, whole: bool = False) -> int:
    """Return the excess on a grid at `phase_ns`; `admitted` in order of their latest moments.

    Each request counts at its latest moment, when most of the window before is forgotten. One that may have been on either
    side of an edge belongs to the window before, where it weighs least afterwards, as long as there is room.
    """
    first = (admitted.lo_ns - phase_ns) // period_ns
    last = (admitted.hi_ns - phase_ns) // period_ns
    inside, either = first == last, last == first + 1
    window, cost = first[inside], admitted.cost[inside]
    left_ns = (window + 1) * period_ns + phase_ns - admitted.hi_ns[inside]
    straddling = Counter[int]()
    for number, spent in zip(first[either].tolist(), admitted.cost[either].tolist(), strict=True):
        straddling[number] += spent
    edges = [0, *(np.flatnonzero(np.diff(window)) + 1).tolist(), len(window)]
    groups = {int(window[start]): slice(start, end) for start, end in pairwise(edges) if start < end}
    excess = before = carried = 0
    previous: int | None = None
    for number in sorted({*groups, *straddling}):
        if previous is not None and number > previous + 1:
            excess += max(0, carried - limit)
            before, carried = 0, 0
        counted, over = carried, 0
        if number in groups:
            chosen = groups[number]
            sums = np.cumsum(cost[chosen]) + carried
            weighted = before * left_ns[chosen]
            allowed = limit - (weighted // period_ns if whole else -(-weighted // period_ns))
            over = max(0, int((sums - allowed).max()))
            counted = int(sums[-1])
        excess += over
        kept = counted - over
        absorbed = min(straddling[number], max(0, limit - kept))
        before, carried, previous = kept + absorbed, straddling[number] - absorbed, number
    return excess + max(0, carried - limit)
