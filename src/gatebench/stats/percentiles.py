"""Exact percentiles by nearest rank: values that occurred, never an interpolation."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from gatebench.stats.intervals import Floats

BEYOND: Final = 10
"""A percentile is known when at least this many samples lie beyond it; p99.9 needs 10 000 rows."""


def rank(n: int, share: float) -> int:
    """Return the 1-based nearest rank of the percentile `share` (0 < share ≤ 1) of `n` values: ⌈share · n⌉, at least 1.

    Products such as 0.07 · 100 = 7.000000000000001 are not rounded up to the next rank.
    """
    return min(n, max(1, math.ceil(share * n - 1e-9)))


def percentile(ordered: Floats, share: float) -> float:
    """Return the nearest-rank percentile of values in ascending order: a value that occurred, never an
    interpolation.
    """
    return float(ordered[rank(len(ordered), share) - 1])


def percentile_of(values: Floats, share: float) -> float:
    """Return the nearest-rank percentile of values in any order."""
    return percentile(np.sort(values), share)  # quicker than selecting, where sorting uses vector instructions


def beyond(n: int, share: float) -> int:
    """Return how many of `n` values lie beyond the percentile `share`."""
    return n - rank(n, share)
