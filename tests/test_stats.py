"""The statistics, against working by hand, against other implementations, and against chance itself."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatebench.stats import (
    JUDGED,
    BlockBootstrap,
    Floats,
    beyond,
    block_length,
    block_share_interval,
    clopper_pearson,
    percentile,
    rank,
    rows_needed,
    wilson,
)

SHARES = (0.5, 0.95, 0.99, 0.999)


@pytest.mark.parametrize(
    ("n", "share", "expected"),
    [
        (10, 0.5, 5),  # 0.5 · 10 = 5
        (11, 0.5, 6),  # 5.5 is rounded up
        (100, 0.99, 99),
        (100, 0.07, 7),  # 0.07 · 100 = 7.000000000000001 in floats, yet the rank is 7
        (20, 0.95, 19),
        (1000, 0.999, 999),
        (1, 0.5, 1),  # never below 1
        (3, 0.001, 1),
        (5, 1.0, 5),
    ],
)
def test_rank(n: int, share: float, expected: int) -> None:
    """The nearest rank is ⌈share · n⌉, whatever floats make of the product."""
    assert rank(n, share) == expected


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=400), st.sampled_from(SHARES))
def test_percentile_is_inverted_cdf(values: list[float], share: float) -> None:
    """A percentile is the one numpy calls inverted_cdf, and a value that occurred."""
    ordered = np.sort(np.array(values))
    assert percentile(ordered, share) == np.quantile(ordered, share, method="inverted_cdf")
    assert percentile(ordered, share) in values


@pytest.mark.parametrize(("n", "expected"), [(9_999, 9), (10_000, 10), (6_000, 6)])
def test_beyond(n: int, expected: int) -> None:
    """p99.9 has ten samples beyond it from 10 000 rows on: 10 000 - ⌈9 990⌉ = 10."""
    assert beyond(n, 0.999) == expected


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [
        # Newcombe, Statistics in Medicine 17 (1998), table I, method 3 (score without continuity correction)
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson(successes: int, n: int, low: float, high: float) -> None:
    """Wilson's interval is the one in Newcombe's table of methods."""
    interval = wilson(successes, n)
    assert (round(interval.low, 4), round(interval.high, 4)) == (low, high)


def test_wilson_of_nothing() -> None:
    """Of no rows the interval says nothing; of clean rows it ends at exactly 1."""
    assert (wilson(0, 0).low, wilson(0, 0).high) == (0.0, 1.0)
    assert wilson(7, 7).high == 1.0
    # 7 680 clean requests show 0.9995 at 95 %: n / (n + z²) = 7 680 / 7 683.84
    assert wilson(7_680, 7_680).low >= 0.9995 > wilson(7_670, 7_670).low


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [
        (81, 263, 0.2527, 0.3676),  # Newcombe (1998), table I, method 5
        (0, 20, 0.0000, 0.1684),  # 1 - 0.025^(1/20) = 0.16843
        (20, 20, 0.8316, 1.0000),
    ],
)
def test_clopper_pearson(successes: int, n: int, low: float, high: float) -> None:
    """The exact interval is the one in Newcombe's table."""
    interval = clopper_pearson(successes, n)
    assert (round(interval.low, 4), round(interval.high, 4)) == (low, high)


def test_clopper_pearson_of_nothing() -> None:
    """Of no rows the exact interval says nothing either."""
    interval = clopper_pearson(0, 0)
    assert (interval.low, interval.high) == (0.0, 1.0)


def autoregressive(random: np.random.Generator, n: int, pull: float) -> Floats:
    """Return a stationary series whose neighbours correlate with `pull`."""
    shocks = random.standard_normal(n + 200) * math.sqrt(1 - pull**2)
    values = np.empty(n + 200)
    level = 0.0
    for position, shock in enumerate(shocks):
        level = pull * level + shock
        values[position] = level
    return values[200:]


def test_block_length_grows_with_dependence() -> None:
    """Blocks are about n^(1/3) long for independent rows and longer the more neighbours resemble each other."""
    random = np.random.default_rng(1)
    lengths = [block_length(autoregressive(random, 2000, pull)) for pull in (0.0, 0.5, 0.9)]
    assert lengths[0] == 13  # ⌈2000^(1/3)⌉ = ⌈12.6⌉
    assert lengths[0] <= lengths[1] < lengths[2] <= 135  # ⌈3 √2000⌉
    assert block_length(np.ones(1000)) == 10
    assert block_length(np.array([1.0, 2.0])) == 1


def test_bootstrap_distribution_is_what_sampling_finds() -> None:
    """The computed distribution is the one that drawing blocks a few thousand times approaches."""
    random = np.random.default_rng(2)
    series = autoregressive(random, 1500, 0.7)
    bootstrap = BlockBootstrap(series, 0.95)
    starts = random.integers(0, len(series) - bootstrap.length + 1, (5000, bootstrap.blocks))
    drawn = series[(starts[:, :, None] + np.arange(bootstrap.length)).reshape(5000, -1)]
    sampled = np.quantile(drawn, 0.95, axis=1, method="inverted_cdf")
    for position in np.searchsorted(bootstrap.ordered, np.quantile(sampled, [0.05, 0.3, 0.5, 0.7, 0.95])):
        found = float(np.mean(sampled <= bootstrap.ordered[position]))
        assert bootstrap.chance(int(position)) == pytest.approx(found, abs=0.022)  # 3 √(0.25 / 5000) = 0.0212


def test_bootstrap_of_single_rows_is_binomial() -> None:
    """With blocks of one row the chance is the binomial tail of Maritz and Jarrett."""
    bootstrap = BlockBootstrap(np.arange(1.0, 11.0), 0.5)
    bootstrap.length, bootstrap.blocks, bootstrap.needed = 1, 10, 5
    # P(median of a resample ≤ 3) = P(Bin(10, 0.3) ≥ 5) = 0.1503
    assert bootstrap.chance(2) == pytest.approx(0.15027, abs=1e-5)


@pytest.mark.parametrize(("pull", "least"), [(0.0, 0.90), (0.5, 0.86)])
def test_bootstrap_covers(pull: float, least: float) -> None:
    """A 95 % interval of p95 holds the truth about as often as it says, also when neighbours resemble each other."""
    random = np.random.default_rng(3)
    truth = 1.6449  # the 95th percentile of a standard normal
    covered = 0
    for _ in range(150):
        interval = BlockBootstrap(autoregressive(random, 800, pull), 0.95).interval(0.95)
        covered += interval.low <= truth <= interval.high
    assert covered / 150 >= least


def test_single_rows_would_not_cover() -> None:
    """Counterpart: the same intervals from single rows miss the truth far too often when neighbours resemble each other."""
    random = np.random.default_rng(3)
    covered = 0
    for _ in range(100):
        series = autoregressive(random, 800, 0.9)
        bootstrap = BlockBootstrap(series, 0.5)
        bootstrap.length, bootstrap.blocks, bootstrap.needed = 1, 800, 400
        interval = bootstrap.interval(0.95)
        covered += interval.low <= 0.0 <= interval.high
    assert covered < 60


@pytest.mark.parametrize(
    ("n", "share", "shown"),
    [
        (687, 0.99, False),  # 0.99^687 = 0.001004 > 0.001: the largest of so few rows may still lie below the p99
        (688, 0.99, True),  # 0.99^688 = 0.000994
        (134, 0.95, False),  # 0.95^134 = 0.001035
        (135, 0.95, True),
    ],
)
def test_few_rows_have_no_upper_end(n: int, share: float, shown: bool) -> None:
    """Where even the largest row may lie below the percentile, the upper end is infinite instead of the largest row."""
    interval = BlockBootstrap(np.arange(float(n)), share).interval(JUDGED)
    assert math.isfinite(interval.high) is shown
    assert math.isfinite(interval.low)


def test_intervals_nest() -> None:
    """An interval at a higher confidence holds the one at a lower, and both hold the percentile."""
    series = np.random.default_rng(4).lognormal(0, 0.3, 2000)
    bootstrap = BlockBootstrap(series, 0.99)
    narrow, wide = bootstrap.interval(0.95), bootstrap.interval(JUDGED)
    value = percentile(bootstrap.ordered, 0.99)
    assert wide.low <= narrow.low <= value <= narrow.high <= wide.high


def test_smaller_resamples_vary_more() -> None:
    """A percentile of fewer rows has a wider interval, as a window of the series would."""
    series = np.random.default_rng(5).lognormal(0, 0.3, 2000)
    whole = BlockBootstrap(series, 0.95).interval(0.95)
    part = BlockBootstrap(series, 0.95, rows=200).interval(0.95)
    assert part.high - part.low > 1.5 * (whole.high - whole.low)


def test_block_share_interval() -> None:
    """Flags without an exception keep Wilson's room; flags that fail in a row get more than Wilson's."""
    clean = np.ones(2000, dtype=bool)
    assert block_share_interval(clean, 0.95).low == wilson(2000, 2000).low
    clumped = clean.copy()
    clumped[900:1000] = False
    scattered = clean.copy()
    scattered[::20] = False
    assert block_share_interval(clumped, 0.95).low < block_share_interval(scattered, 0.95).low - 0.01
    empty = block_share_interval(np.zeros(0, dtype=bool), 0.95)
    assert (empty.low, empty.high) == (0.0, 1.0)


def test_rows_needed() -> None:
    """The number of rows that would decide is the first doubling at which the bound leaves the interval."""
    # 0.99 with all good needs n ≥ z² · 0.99 / 0.01 = 9.55 · 99 = 945.4 rows: from 182, that is 182 · 8 = 1456
    assert rows_needed(182, 182, 0.99) == 1456
    assert rows_needed(99, 100, 0.99) is None  # the share is the bound itself: no number of rows would tell
    assert rows_needed(0, 0, 0.5) is None
