"""Intervals of the mean of a series, and of the share of its true flags, by the moving-block bootstrap."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from gatebench.stats.bits import Bits
from gatebench.stats.blocks import MANY, block_length, block_length_of_many
from gatebench.stats.intervals import Floats, Interval
from gatebench.stats.shares import wilson
from gatebench.stats.sums import LATTICE, sum_of


def block_share_interval(flags: npt.NDArray[np.bool_], confidence: float, rows: int | None = None) -> Interval:
    """Return the interval of the share of true flags in a series: the moving-block bootstrap's or Wilson's, whichever
    reaches further at each end.

    The bootstrap keeps the dependence of neighbours and may resample fewer `rows` than there are; Wilson's keeps what a
    bootstrap cannot see: that flags without an exception need not stay so.
    """
    n = len(flags)
    plain = wilson(int(flags.sum()), n, confidence)
    if n == 0:
        return plain
    if n >= MANY:
        bits = Bits(flags)
        length = block_length_of_many(bits)
        counts = bits.counts(length)
    else:
        length = block_length(flags.astype(np.float64))
        running = np.concatenate(([0], np.cumsum(flags)))
        counts = running[length:] - running[:-length]
    blocks = math.ceil((rows or n) / length)
    chances = np.bincount(counts, minlength=length + 1) / len(counts)
    drawn = blocks * length
    reached = np.cumsum(sum_of(chances, blocks, 1 << drawn.bit_length())[: drawn + 1])
    tail = (1 - confidence) / 2
    # Rounding leaves the last chance a little off 1; the small slack keeps the upper level reachable.
    low, high = (int(np.argmax(reached >= level)) / drawn for level in (tail, 1 - tail - 1e-12))
    return Interval(min(low, plain.low), max(high, plain.high))


def block_mean_interval(series: Floats, confidence: float) -> Interval:
    """Return the moving-block bootstrap interval of the mean of a series in order of time (Künsch, 1989).

    The mean of m drawn blocks is a sum of independent draws, so its distribution is a convolution here as well, on a
    lattice fine enough not to show: each block's mean is shared between its two neighbours so that the mean itself stays
    exact. Deviations are taken from the mean of the blocks (Lahiri, "Resampling Methods for Dependent Data", 2003, ch. 2)
    and widened as Student's t is beyond the normal for m blocks, without which few blocks cover too rarely.
    """
    from scipy.special import stdtrit

    n, value = len(series), float(series.mean())
    length = block_length(series)
    blocks = math.ceil(n / length)
    running = np.concatenate(([0.0], np.cumsum(series - value)))
    means = (running[length:] - running[:-length]) / length
    low, reach = float(means.min()), float(np.ptp(means))
    if blocks < 2 or reach == 0:
        return Interval(value, value) if reach == 0 else Interval(-math.inf, math.inf)
    cells = max(64, LATTICE // blocks)
    place = (means - low) / reach * cells
    floor = np.minimum(place.astype(np.int64), cells - 1)
    chances = np.bincount(floor, 1 - (place - floor), minlength=cells + 1)
    chances += np.bincount(floor + 1, place - floor, minlength=cells + 1)
    summed = sum_of(chances / len(means), blocks, 1 << (blocks * cells + 1).bit_length())
    reached = np.cumsum(summed[: blocks * cells + 1])
    tail = (1 - confidence) / 2
    wider = float(stdtrit(blocks - 1, 1 - tail)) / NormalDist().inv_cdf(1 - tail)
    wider *= math.sqrt(blocks * length / n)
    ends = (low + reach * int(np.argmax(reached >= level)) / (cells * blocks) for level in (tail, 1 - tail - 1e-12))
    below, above = (value + wider * (end - float(means.mean())) for end in ends)
    return Interval(below, above)
