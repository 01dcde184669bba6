"""Over-admission of one key: how much a gateway admitted beyond what its declared algorithm could have."""

from __future__ import annotations

from typing import Final

import numpy as np

from gatebench.oracles.limiter.limit import BUCKETS, Limit
from gatebench.oracles.limiter.over_bucket import over_bucket
from gatebench.oracles.limiter.over_counter import over_counter
from gatebench.oracles.limiter.over_log import over_log
from gatebench.oracles.limiter.over_window import over_window
from gatebench.oracles.limiter.spans import Spans

RESOLUTION_NS: Final = 1_000_000
"""Gateways may know the time to a millisecond only, as nginx, HAProxy and Redis' expiries do: nobody is blamed for that."""


def over_admission(limit: Limit, admitted: Spans) -> float:
    """Return the requests (tokens) admitted beyond the limit, at least; 0 when the admissions conform.

    A concurrency limit has no such number of moments: see `over_flight`.
    """
    fair = admitted.later(RESOLUTION_NS)
    match limit.algorithm:
        case "sliding-log":
            return over_log(fair, limit.limit, limit.period_ns)
        case "sliding-counter":
            return over_counter(fair, limit.limit, limit.period_ns, whole=limit.whole)
        case "fixed-window":
            return over_window(fair, limit.limit, limit.period_ns)
        case "token-bucket" | "gcra":
            return over_bucket(fair, limit.limit, limit.period_ns, limit.burst)
    raise ValueError("a concurrency limit is judged by its requests in flight")


def error(limit: Limit, admitted: Spans) -> float:
    """Return how much the number may be too low, because moments are known within their spans only.

    A bucket: a window is at most two spans too long, worth rate · 2 · width, and requests whose span is wider than
    that is worth are left out altogether; the cheapest such division counts. Other limits: what was decided within spans
    wider than a twentieth of the period may have been missed, the rest at most one request at each edge of a window.
    """
    if len(admitted) == 0:
        return 0.0
    width = admitted.width_ns + RESOLUTION_NS
    if limit.algorithm not in BUCKETS:
        return float(admitted.cost[width > limit.period_ns // 20].sum())
    order = np.argsort(width)
    wider = admitted.cost.sum() - np.cumsum(admitted.cost[order])
    worth = 2 * width[order] * limit.limit / limit.period_ns
    return float(min(admitted.cost.sum(), (worth + wider).min()))
