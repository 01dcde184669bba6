"""Refusals that the declared limiter cannot have made: 429 while it had room for the request, and one more, to spare.

The model is fed with what the gateway really admitted. As nobody knows the exact moments, each refusal is held against
the fullest that the limiter can have been at that time: everything that may have been admitted before it counts, as late
as possible. The request to spare keeps gateways out that count in another way at the edge.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from gatebench.oracles.limiter.limit import BUCKETS, Limit
from gatebench.oracles.limiter.over_admission import RESOLUTION_NS
from gatebench.oracles.limiter.spans import Spans, Sums, Times

SPARE: Final = 1
_PLACES: Final = 50


def false_refusals(limit: Limit, admitted: Spans, refused: Spans) -> npt.NDArray[np.bool_]:
    """Tell for each refused request whether the limiter surely had room for it and one more of its cost.

    Nobody knows where windows lie. All that is held against a fixed one is what may have been admitted within the last
    period, in which its own count lies; a weighted one gets the place at which its estimate is highest.
    """
    wanted = (1 + SPARE) * refused.cost
    fair = admitted.later(RESOLUTION_NS)
    if limit.algorithm in BUCKETS:
        owed = _owed(limit, fair, refused)
        return np.asarray(owed <= (limit.burst - wanted).astype(np.float64))
    sums = Sums(fair)
    if limit.algorithm == "sliding-counter":
        return np.asarray(_estimate(limit, sums, refused) <= limit.limit - wanted)
    recent = sums.possibly(refused.lo_ns - limit.period_ns - RESOLUTION_NS, refused.hi_ns)
    return np.asarray(recent <= limit.limit - wanted)


def false_refusals_in_flight(
    limit: int, admitted_lo_ns: Times, released_ns: Times, refused: Spans
) -> npt.NDArray[np.bool_]:
    """Tell the same of a concurrency limit: `released_ns` is when each admitted request was surely over."""
    begun = np.searchsorted(np.sort(admitted_lo_ns), refused.hi_ns, side="right")
    over = np.searchsorted(np.sort(released_ns), refused.lo_ns, side="left")
    return np.asarray(begun - over <= limit - 1 - SPARE)


def _estimate(limit: Limit, sums: Sums, refused: Spans) -> npt.NDArray[np.float64]:
    """Return an upper bound of a sliding counter's estimate at each refusal, wherever its windows lie.

    The place of the edge before it is cut into `_PLACES` stretches; within one, each window reaches as far as it can.
    """
    highest = np.zeros(len(refused))
    step_ns = limit.period_ns // _PLACES
    for place in range(_PLACES):
        nearest_ns, farthest_ns = place * step_ns, (place + 1) * step_ns + RESOLUTION_NS
        now = sums.possibly(refused.lo_ns - farthest_ns, refused.hi_ns)
        before = sums.possibly(refused.lo_ns - farthest_ns - limit.period_ns, refused.hi_ns - nearest_ns)
        highest = np.maximum(highest, now + before * (1 - nearest_ns / limit.period_ns))
    return highest


def _owed(limit: Limit, admitted: Spans, refused: Spans) -> npt.NDArray[np.float64]:
    """Return the most that the bucket can have lacked of being full when each request was refused.

    What surely came before drains from its latest moment on; what may have come before counts whole.
    """
    order = np.argsort(admitted.hi_ns, kind="stable")
    hi_ns, cost = admitted.hi_ns[order], admitted.cost[order]
    owed = np.zeros(len(hi_ns))
    level, before_ns = 0.0, 0
    rate = limit.limit / limit.period_ns
    for place, (moment, spent) in enumerate(zip(hi_ns.tolist(), cost.tolist(), strict=True)):
        level = max(0.0, level - (moment - before_ns) * rate) + spent
        owed[place], before_ns = level, moment
    last = np.searchsorted(hi_ns, refused.lo_ns, side="right") - 1
    drained = np.zeros(len(refused))
    there = last >= 0
    if there.any():
        waited_ns = refused.lo_ns[there] - RESOLUTION_NS - hi_ns[last[there]]
        drained[there] = np.maximum(0.0, owed[last[there]] - np.maximum(0, waited_ns) * rate)
    return np.asarray(drained + Sums(admitted).possibly(refused.lo_ns + 1, refused.hi_ns), np.float64)
