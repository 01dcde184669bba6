"""Intervals of shares of independent draws."""

from __future__ import annotations

import math
from statistics import NormalDist

from gatebench.stats.intervals import JUDGED, SHOWN, Interval


def wilson(successes: int, n: int, confidence: float = SHOWN) -> Interval:
    """Return Wilson's score interval of a share (Wilson, JASA 22, 1927); 0 to 1 when `n` is 0."""
    if n == 0:
        return Interval(0.0, 1.0)
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share = successes / n
    middle = share + z * z / (2 * n)
    reach = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    low = 0.0 if successes == 0 else max(0.0, (middle - reach) / scale)
    high = 1.0 if successes == n else min(1.0, (middle + reach) / scale)
    return Interval(low, high)


def clopper_pearson(successes: int, n: int, confidence: float = SHOWN) -> Interval:
    """Return the exact interval of a share (Clopper and Pearson, Biometrika 26, 1934); 0 to 1 when `n` is 0.

    Its ends are quantiles of beta distributions; it covers at least as often as it says, at any `n`.
    """
    from scipy.special import betaincinv

    tail = (1 - confidence) / 2
    low = 0.0 if successes == 0 else float(betaincinv(successes, n - successes + 1, tail))
    high = 1.0 if successes == n else float(betaincinv(successes + 1, n - successes, 1 - tail))
    return Interval(low, high)


def rows_needed(successes: int, n: int, bound: float, confidence: float = JUDGED) -> int | None:
    """Return how many rows at the same share would move `bound` out of Wilson's interval; None when no number would."""
    if n == 0 or successes / n == bound:
        return None
    rows = n
    for _ in range(24):
        rows *= 2
        interval = wilson(round(successes / n * rows), rows, confidence)
        if not interval.low < bound < interval.high:
            return rows
    return None
