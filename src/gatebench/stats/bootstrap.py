"""The moving-block bootstrap of one percentile, computed exactly instead of being sampled."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cached_property
from statistics import NormalDist
from typing import Final, cast

import numpy as np
import numpy.typing as npt

from gatebench.stats.bits import Bits
from gatebench.stats.blocks import MANY, block_length, block_length_of_many
from gatebench.stats.intervals import Floats, Interval
from gatebench.stats.percentiles import percentile, rank
from gatebench.stats.sums import LATTICE, sum_of

MANY_BLOCKS: Final = 100
SKEWED: Final = 0.1
"""Up to this skew a sum is taken as normal, with its skew."""
_CELLS: Final = 64
_STEPS: Final = 4


class BlockBootstrap:
    """The moving-block bootstrap distribution of one percentile of one series, exactly.

    A resample of `rows` rows (all n unless told) joins m = ⌈rows / L⌉ blocks of L neighbours, each drawn with equal
    chance from all n - L + 1. Its percentile is ≤ x exactly when at least k = ⌈share · m · L⌉ of its rows are ≤ x, and
    that count is a sum of m independent draws from the counts of the blocks. So its chance is the tail of an m-fold
    convolution, which a Fourier transform gives for any x (with L = 1 it is the binomial tail of Maritz and Jarrett,
    JASA 73, 1978). An interval's end is the smallest value whose chance reaches the wanted level.

    Of `MANY` rows and more, blocks begin at every eighth row and are whole bytes long, and where `MANY_BLOCKS` or more are drawn
    the ends follow from the sum's distribution at the percentile itself.
    """

    def __init__(self, series: Floats, share: float, rows: int | None = None, ordered: Floats | None = None) -> None:
        self.series, self.share = series, share
        self.ordered = np.sort(series) if ordered is None else ordered
        self._many = len(series) >= MANY
        at_most = series <= percentile(self.ordered, share)
        self._bits = Bits(at_most) if self._many else None
        self.length = (
            block_length(at_most.astype(np.float64)) if self._bits is None else block_length_of_many(self._bits)
        )
        self.blocks = math.ceil((rows or len(series)) / self.length)
        drawn = self.blocks * self.length
        self.needed = rank(drawn, share)
        self._size = 1 << drawn.bit_length()

    def interval(self, confidence: float) -> Interval:
        """Return the percentile interval (Efron's) at `confidence`.

        An end is infinite when so few rows cannot show one: all n rows lie below the true percentile with chance
        share^n, and above it with (1 - share)^n; where that chance exceeds the error allowed, no row bounds it. At
        JUDGED a p99 needs 688 rows for its upper end, a p95 135.
        """
        tail, n = (1 - confidence) / 2, len(self.series)
        if self._bits is not None and self.blocks >= MANY_BLOCKS:
            return Interval(self._end(tail), self._end(1 - tail))
        low = self._quantile(tail) if (1 - self.share) ** n <= tail else -math.inf
        high = self._quantile(1 - tail) if self.share**n <= tail else math.inf
        return Interval(low, high)

    def _counts(self, at_most: float) -> npt.NDArray[np.int64]:
        """Return for each block how many of its rows are ≤ `at_most`."""
        if self._many:
            return Bits(self.series <= at_most).counts(self.length)
        running = np.concatenate(([0], np.cumsum(self.series <= at_most)))
        return cast("npt.NDArray[np.int64]", running[self.length :] - running[: -self.length])

    @cached_property
    def _chances(self) -> Floats:
        """How often a block holds 0, 1, 2, … rows up to the percentile."""
        counts = self._bits.counts(self.length) if self._bits is not None else self._counts(self._middle)
        return np.bincount(counts, minlength=self.length + 1) / len(counts)

    @cached_property
    def _moments(self) -> tuple[float, float]:
        """The standard deviation and the skew of the sum of all blocks drawn, at the percentile itself."""
        off = np.arange(len(self._chances)) - float(self._chances @ np.arange(len(self._chances)))
        spread = math.sqrt(float(self._chances @ off**2))
        skew = float(self._chances @ off**3) / spread**3 if spread else 0.0
        return spread * math.sqrt(self.blocks), skew / math.sqrt(self.blocks)

    def _reach(self, level: float) -> float:
        """Return by how many standard deviations the sum's quantile at `level` lies off its mean: normal but for a small skew
        (Cornish and Fisher, Revue de l'Institut International de Statistique 5, 1938), else from the sum itself.
        """
        spread, skew = self._moments
        if not spread:
            return 0.0
        if abs(skew) <= SKEWED:
            z = NormalDist().inv_cdf(level)
            return z + skew * (z * z - 1) / 6
        reached, step, mean = self._sum
        return (int(np.argmax(reached >= level)) * step - mean) / spread

    @cached_property
    def _sum(self) -> tuple[Floats, float, float]:
        """The distribution of the sum of all blocks drawn on a lattice, what a step of it is, and its mean."""
        held = np.flatnonzero(self._chances)
        low, width = int(held[0]), max(1, int(held[-1] - held[0]))
        cells = min(width, max(_CELLS, LATTICE // self.blocks))
        place = (held - low) / width * cells
        floor = np.minimum(place.astype(np.int64), cells - 1)
        weight = self._chances[held]
        chances = np.bincount(floor, weight * (1 - (place - floor)), minlength=cells + 1)
        chances += np.bincount(floor + 1, weight * (place - floor), minlength=cells + 1)
        total = self.blocks * cells
        reached = np.cumsum(sum_of(chances.astype(np.float64), self.blocks, 1 << (total + 1).bit_length())[: total + 1])
        step = width / cells
        return np.minimum(reached, 1.0), step, self.blocks * float(weight @ (held - low))

    def _end(self, level: float) -> float:
        """Return the quantile at `level` of the percentile of a resample of very many rows.

        It is at most x when the resample's rows ≤ x, on average `drawn` × F(x), are `needed` or more. Their spread follows F(x)
        as that of a share does, so the end is found by a few steps from the percentile itself.
        """
        n, drawn = len(self.ordered), self.blocks * self.length
        spread, _ = self._moments
        reach, usual, share = self._reach(1 - level), self.share * (1 - self.share), self.share
        for _ in range(_STEPS):
            scale = math.sqrt(share * (1 - share) / usual)
            share = min(1.0, max(0.0, (self.needed - 0.5 - spread * scale * reach) / drawn))
        return float(self.ordered[min(n - 1, max(0, math.ceil(share * n - 1e-9) - 1))])

    @property
    def _middle(self) -> float:
        return percentile(self.ordered, self.share)

    def chance(self, position: int) -> float:
        """Return the chance that a resample's percentile is at most the value at `position` of the ordered series."""
        counts = self._counts(float(self.ordered[position]))
        chances = np.bincount(counts, minlength=self.length + 1) / len(counts)
        summed = sum_of(chances, self.blocks, self._size)
        return float(summed[self.needed :].sum())

    def _near(self, level: float) -> int:
        """Return about where the quantile at `level` stands, by the normal approximation at the percentile itself."""
        n, drawn = len(self.ordered), self.blocks * self.length
        counts = self._counts(float(self.ordered[rank(n, self.share) - 1]))
        reach = NormalDist().inv_cdf(level) * math.sqrt(self.blocks) * float(counts.std())
        return min(n - 1, max(0, round(n * (self.needed + reach) / drawn) - 1))

    def _quantile(self, level: float) -> float:
        """Return the smallest value whose chance reaches `level`: from a near guess outwards until it is surrounded."""
        last = len(self.ordered) - 1
        low = high = self._near(level)
        step = 1
        while low > 0 and self.chance(low) >= level:
            high, low, step = low, max(0, low - step), step * 2
        step = 1
        while high < last and self.chance(high) < level:
            low, high, step = high, min(last, high + step), step * 2
        return float(self.ordered[_first(self.chance, level, low, high)])


def _first(chance: Callable[[int], float], level: float, low: int, high: int) -> int:
    """Return the first position in low…high at which the rising `chance` reaches `level`; `high` when none does."""
    while low < high:
        middle = (low + high) // 2
        if chance(middle) >= level:
            high = middle
        else:
            low = middle + 1
    return low
