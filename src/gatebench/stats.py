"""The statistics of a run: exact percentiles, and intervals that say how far a number can be trusted. Pure functions.

Requests of one run are not independent: a slow moment slows its neighbours. Intervals of percentiles therefore come
from the moving-block bootstrap (Künsch, "The Jackknife and the Bootstrap for General Stationary Observations", Annals
of Statistics 17, 1989): whole stretches of neighbouring rows are drawn, not single rows. Its distribution is computed
exactly instead of being sampled, see `BlockBootstrap`; so it has no seed, no noise of its own, and holds at
confidences that thousands of draws could not reach.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from statistics import NormalDist
from typing import Final, cast

import numpy as np
import numpy.typing as npt

SHOWN: Final = 0.95
JUDGED: Final = 0.998
"""Both ends of an interval at this confidence are off by alpha = 0.001 each: what a check is judged by
(`measurement.md` 25).
"""

BEYOND: Final = 10
"""A percentile is known when at least this many samples lie beyond it; p99.9 needs 10 000 rows."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Interval:
    """The ends of an interval, in the unit of the number it belongs to; an end that the data cannot show is
    infinite.
    """

    low: float
    high: float


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
    place = rank(len(values), share) - 1
    return float(np.partition(values, place)[place])


def beyond(n: int, share: float) -> int:
    """Return how many of `n` values lie beyond the percentile `share`."""
    return n - rank(n, share)


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


def block_length(series: Floats) -> int:
    """Return the length of the blocks that keep the dependence of a stationary series, in rows.

    The estimator is that of Politis and White (Econometric Reviews 23, 2004; corrected by Patton, Politis and White,
    28, 2009): (2 G² / D)^(1/3) n^(1/3), with G and D from the flat-top-tapered autocovariances, cut where the
    autocorrelation has stayed small. It is never below n^(1/3) (Hall, Horowitz and Jing, Biometrika 82, 1995), so a
    series without visible dependence keeps some.
    """
    n = len(series)
    least = math.ceil(math.cbrt(n))
    most = max(1, math.ceil(min(3 * math.sqrt(n), n / 3)))
    centred = series - series.mean()
    if n < 8 or not centred.any():
        return min(least, most)
    quiet = max(5, int(math.sqrt(math.log10(n))))
    reach = min(n - 1, math.ceil(math.sqrt(n)) + quiet)
    spectrum = np.fft.rfft(centred, 1 << (2 * n).bit_length())
    covariance = np.fft.irfft(np.abs(spectrum) ** 2)[: reach + 1] / n
    small = np.abs(covariance[1:] / covariance[0]) < 2 * math.sqrt(math.log10(n) / n)
    runs = np.convolve(small, np.ones(quiet), mode="valid") == quiet
    cut = min(2 * max(1, int(np.argmax(runs)) if runs.any() else reach), reach)
    return _chosen_length(covariance, cut, n, least, most)


def _chosen_length(covariance: Floats, cut: int, n: int, least: int, most: int) -> int:
    """Return the length that the autocovariances up to the lag `cut` choose."""
    lag = np.arange(1, cut + 1)
    taper = np.minimum(1.0, 2 * (1 - lag / cut)) * covariance[1 : cut + 1]
    spread = float(covariance[0] + 2 * taper.sum())
    slope = float(2 * (taper * lag).sum())
    if spread <= 0:
        return min(least, most)
    chosen = math.ceil(math.cbrt(1.5 * slope**2 / spread**2 * n))
    return min(max(least, chosen), most)


LATTICE: Final = 1 << 17
MANY: Final = 200_000
"""From so many rows on, what a million of them cannot tell apart is computed in a simpler way."""
MANY_BLOCKS: Final = 100
SKEWED: Final = 0.1
"""Up to this skew a sum is taken as normal, with its skew."""
_CELLS: Final = 64
_STEPS: Final = 4
_BYTE: Final = 8
_WORD: Final = 64


class Bits:
    """A long series of truth values, eight to a byte: what neighbours have in common is counted 64 rows at a time."""

    def __init__(self, flags: npt.NDArray[np.bool_]) -> None:
        self.n = len(flags)
        packed = np.packbits(flags, bitorder="little")
        self._bytes = np.bitwise_count(packed)
        padded = np.zeros(-(-len(packed) // _BYTE) * _BYTE, np.uint8)
        padded[: len(packed)] = packed
        self._words = padded.view("<u8")
        self._flags = flags
        self.total = int(self._bytes.sum(dtype=np.int64))

    def covariance(self, lag: int) -> float:
        """Return the autocovariance at a lag: the mean over all rows of (x[i] - mean)(x[i + lag] - mean)."""
        words, shift = divmod(lag, _WORD)
        later = self._words[words:]
        if shift:
            following = np.append(later[1:], np.uint64(0))
            later = (later >> np.uint64(shift)) | (following << np.uint64(_WORD - shift))
        both = int(np.bitwise_count(self._words[: len(later)] & later).sum(dtype=np.int64))
        mean = self.total / self.n
        outside = int(np.count_nonzero(self._flags[:lag])) + int(np.count_nonzero(self._flags[self.n - lag :]))
        return (both - mean * (2 * self.total - outside) + (self.n - lag) * mean * mean) / self.n

    def counts(self, length: int) -> npt.NDArray[np.int64]:
        """Return how many are true in each block of `length` rows, a multiple of 8, that begins at every eighth row."""
        whole = self._bytes[: self.n // _BYTE]
        running = np.concatenate(([0], np.cumsum(whole, dtype=np.int64)))
        step = length // _BYTE
        return cast("npt.NDArray[np.int64]", running[step:] - running[:-step])


def block_length_of_many(bits: Bits) -> int:
    """Return `block_length` of a long series of truth values, rounded up to whole bytes: lag by lag, and no further than the
    rule looks.
    """
    n = bits.n
    least = math.ceil(math.cbrt(n))
    most = max(1, math.ceil(min(3 * math.sqrt(n), n / 3)))
    if bits.total in (0, n):
        return _whole_bytes(min(least, most))
    quiet = max(5, int(math.sqrt(math.log10(n))))
    reach = min(n - 1, math.ceil(math.sqrt(n)) + quiet)
    covariance = [bits.covariance(0)]
    limit = 2 * math.sqrt(math.log10(n) / n) * covariance[0]
    still, cut = 0, reach
    for lag in range(1, reach + 1):
        covariance.append(bits.covariance(lag))
        still = still + 1 if abs(covariance[-1]) < limit else 0
        if still == quiet:
            cut = min(2 * max(1, lag - quiet), reach)
            break
    covariance += [bits.covariance(lag) for lag in range(len(covariance), cut + 1)]
    return _whole_bytes(_chosen_length(np.array(covariance), cut, n, least, most))


def _whole_bytes(length: int) -> int:
    return -(-length // _BYTE) * _BYTE


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
        reached = np.cumsum(
            _sum_of(chances.astype(np.float64), self.blocks, 1 << (total + 1).bit_length())[: total + 1]
        )
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
        summed = _sum_of(chances, self.blocks, self._size)
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


def _sum_of(chances: Floats, draws: int, size: int) -> Floats:
    """Return the distribution of the sum of `draws` independent draws from 0…len(chances) - 1, padded to `size`."""
    factor = np.fft.rfft(chances, size)
    product = np.ones_like(factor)
    while draws:  # by squaring: numpy's complex power is ten times slower
        if draws & 1:
            product *= factor
        factor *= factor
        draws >>= 1
    return np.fft.irfft(product, size)


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
    reached = np.cumsum(_sum_of(chances, blocks, 1 << drawn.bit_length())[: drawn + 1])
    tail = (1 - confidence) / 2
    # Rounding leaves the last chance a little off 1; the small slack keeps the upper level reachable.
    low, high = (int(np.argmax(reached >= level)) / drawn for level in (tail, 1 - tail - 1e-12))
    return Interval(min(low, plain.low), max(high, plain.high))


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


DRAWS: Final = 2_000


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
    summed = _sum_of(chances / len(means), blocks, 1 << (blocks * cells + 1).bit_length())
    reached = np.cumsum(summed[: blocks * cells + 1])
    tail = (1 - confidence) / 2
    wider = float(stdtrit(blocks - 1, 1 - tail)) / NormalDist().inv_cdf(1 - tail)
    wider *= math.sqrt(blocks * length / n)
    ends = (low + reach * int(np.argmax(reached >= level)) / (cells * blocks) for level in (tail, 1 - tail - 1e-12))
    below, above = (value + wider * (end - float(means.mean())) for end in ends)
    return Interval(below, above)


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
