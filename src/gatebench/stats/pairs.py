"""Intervals of the differences of percentiles of pairs."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from gatebench.stats.blocks import block_length
from gatebench.stats.intervals import Floats, Interval
from gatebench.stats.percentiles import percentile, rank

DRAWS: Final = 2_000


def paired_differences(first: Floats, second: Floats, shares: tuple[float, ...], confidence: float) -> list[Interval]:
    """Return for each share the interval of percentile(first) - percentile(second) of pairs in order of time.

    Blocks of pairs are drawn together, so what both sides share (a moment in which the machine is busy) cancels. Unlike
    one percentile, a difference of two has no distribution that can be computed, so `DRAWS` resamples stand for it, the
    same ones each time; that carries an interval of 95 %, and none much beyond.
    """
    n = len(first)
    length = max(
        block_length((side <= percentile(np.sort(side), share)).astype(np.float64))
        for side in (first, second)
        for share in shares
    )
    blocks = math.ceil(n / length)
    places = np.array([rank(blocks * length, share) - 1 for share in shares])
    generator = np.random.default_rng(n)
    offsets = np.arange(length)
    found = []
    step = max(1, 2_000_000 // (blocks * length))
    for start in range(0, DRAWS, step):
        count = min(step, DRAWS - start)
        starts = generator.integers(0, n - length + 1, (count, blocks, 1))
        drawn = (starts + offsets).reshape(count, -1)
        sides = (np.partition(side[drawn], places, axis=1)[:, places] for side in (first, second))
        found.append(next(sides) - next(sides))
    differences = np.concatenate(found)
    tail = (1 - confidence) / 2
    return [Interval(*(float(end) for end in np.quantile(column, (tail, 1 - tail)))) for column in differences.T]
