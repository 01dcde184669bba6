"""Over-admission of one key: how much a gateway admitted beyond what its declared algorithm could have."""

from __future__ import annotations

from typing import Final

from gatebench.oracles.limiter.limit import BUCKETS, Limit
from gatebench.oracles.limiter.over_bucket import over_bucket, perhaps_over_bucket
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

    A bucket: the most that it may have been exceeded by, less what surely was. Of windows that says nothing, as who
    admits the whole limit again and again cannot be told from who does so a moment too soon: what was decided within spans
    wider than a twentieth of the period counts as missed, and what was known better is at most that share of it.
    """
    if len(admitted) == 0:
        return 0.0
    fair = admitted.later(RESOLUTION_NS)
    if limit.algorithm in BUCKETS:
        bucket = (limit.limit, limit.period_ns, limit.burst)
        return max(0.0, perhaps_over_bucket(admitted, *bucket) - over_bucket(fair, *bucket))
    return float(admitted.cost[fair.width_ns > limit.period_ns // 20].sum())
