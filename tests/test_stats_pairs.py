"""Intervals of means and of differences of percentiles, against theory and against chance itself."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import pytest

from gatebench.analysis.cpu import ratio_interval
from gatebench.stats import (
    JUDGED,
    SHOWN,
    Floats,
    block_length,
    block_mean_interval,
    paired_differences,
    percentile,
)

RUNS = 120
LEAST = 0.885  # of 120 intervals at 95 %, fewer than 107 hit in one of 300 trials when each hits with 0.95


def drift(random: np.random.Generator, n: int, memory: float) -> Floats:
    """Return a standard normal series whose neighbours correlate by `memory` (an autoregression of order 1)."""
    steps = random.standard_normal(n + 100) * math.sqrt(1 - memory**2)
    for place in range(1, n + 100):
        steps[place] += memory * steps[place - 1]
    return steps[100:]


def sampled_mean_interval(series: Floats, confidence: float, draws: int) -> tuple[float, float]:
    """Return the moving-block bootstrap interval of a mean by drawing, as textbooks write it."""
    random = np.random.default_rng(3)
    length, n = block_length(series), len(series)
    blocks = math.ceil(n / length)
    starts = random.integers(0, n - length + 1, (draws, blocks, 1))
    means = series[(starts + np.arange(length)).reshape(draws, -1)].mean(axis=1)
    tail = (1 - confidence) / 2
    low, high = np.quantile(means - means.mean(), (tail, 1 - tail))
    return float(series.mean() + low), float(series.mean() + high)


def test_the_convolution_is_what_drawing_approaches() -> None:
    """20 000 drawn resamples end where the computed distribution does, but for the small widening by Student's t."""
    series = np.exp(drift(np.random.default_rng(5), 600, 0.5))
    exact = block_mean_interval(series, SHOWN)
    low, high = sampled_mean_interval(series, SHOWN, 20_000)
    assert exact.high - exact.low == pytest.approx(high - low, rel=0.05)
    assert exact.low == pytest.approx(low, abs=0.1 * (high - low))


@pytest.mark.parametrize("memory", [0.0, 0.5])
def test_the_interval_of_a_mean_covers(memory: float) -> None:
    """Of skewed series with and without memory, about 95 of 100 intervals hold the true mean, e^(1/8)."""
    random = np.random.default_rng(11)
    hits = 0
    for _ in range(RUNS):
        interval = block_mean_interval(np.exp(0.5 * drift(random, 500, memory)), SHOWN)
        hits += interval.low <= math.exp(0.125) <= interval.high
    assert hits / RUNS >= LEAST


def test_an_interval_that_ignored_the_memory_would_not_cover() -> None:
    """The same series cut to pieces (every row its own block) covers far too rarely: the blocks are what carries it."""
    random = np.random.default_rng(11)
    hits = 0
    for _ in range(RUNS):
        series = np.exp(0.5 * drift(random, 500, 0.8))
        reach = 1.96 * float(series.std()) / math.sqrt(len(series))
        hits += abs(float(series.mean()) - math.exp(0.125)) <= reach
    assert hits / RUNS < 0.75


def test_ends_of_the_mean() -> None:
    """Equal rows have no width; more confidence is wider; the value lies inside."""
    flat = block_mean_interval(np.full(60, 2.5), SHOWN)
    assert (flat.low, flat.high) == (2.5, 2.5)
    series = np.random.default_rng(2).lognormal(size=300)
    shown, judged = block_mean_interval(series, SHOWN), block_mean_interval(series, JUDGED)
    assert judged.low < shown.low < series.mean() < shown.high < judged.high


@pytest.mark.parametrize("memory", [0.0, 0.6])
def test_the_interval_of_a_difference_of_percentiles_covers(memory: float) -> None:
    """Two sides that share half of their noise and lie 2 apart: p95 and p99 of them differ by 2, as the intervals say."""
    random = np.random.default_rng(17)
    hits = np.zeros(2)
    for _ in range(RUNS):
        shared = drift(random, 600, memory)
        first, second = (np.exp(0.35 * (shared + drift(random, 600, memory))) for _ in range(2))
        found = paired_differences(first + 2, second, (0.95, 0.99), SHOWN)
        hits += [interval.low <= 2 <= interval.high for interval in found]
    assert (hits / RUNS >= LEAST).all()


def test_pairs_are_narrower_than_two_sides_alone() -> None:
    """What both sides share cancels: drawn together, the difference is known better than drawn apart."""
    random = np.random.default_rng(4)
    shared = random.lognormal(0, 0.5, 1000)
    first, second = shared + random.normal(1, 0.01, 1000), shared + random.normal(0, 0.01, 1000)
    together = paired_differences(first, second, (0.95,), SHOWN)[0]
    apart = paired_differences(first, random.permutation(second), (0.95,), SHOWN)[0]
    assert together.low < 1 < together.high
    assert (together.high - together.low) < (apart.high - apart.low) / 3


def test_the_same_pairs_give_the_same_interval() -> None:
    """A run read twice says the same: the draws are fixed."""
    first, second = np.random.default_rng(8).lognormal(size=(2, 400))
    once, again = (paired_differences(first, second, (0.95, 0.99), SHOWN) for _ in range(2))
    assert once == again
    value = percentile(np.sort(first), 0.95) - percentile(np.sort(second), 0.95)
    assert once[0].low <= value <= once[0].high


def test_the_interval_of_a_ratio_covers() -> None:
    """Seconds with a Poisson count of requests, 1.4 ms of processor time for each, read to the tick of 10 ms."""
    random = np.random.default_rng(23)
    hits = 0
    for _ in range(RUNS):
        requests = random.poisson(40, 31).astype(np.float64)
        ticks = np.floor(np.cumsum(requests * 1.4e-3 + random.normal(0, 2e-3, 31)) / 0.01) * 0.01
        interval = ratio_interval(np.diff(ticks, prepend=0.0), requests, SHOWN)
        hits += interval.low <= 1.4e-3 <= interval.high
    assert hits / RUNS >= LEAST


def test_least_is_what_the_comment_says() -> None:
    """P(fewer than 107 of 120 at 0.95) by the normal approximation with continuity is below 1/300."""
    mean, spread = RUNS * 0.95, math.sqrt(RUNS * 0.95 * 0.05)
    assert NormalDist(mean, spread).cdf(math.ceil(LEAST * RUNS) - 0.5) < 1 / 300
