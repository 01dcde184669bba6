"""Intervals of long series are those of short ones: the quicker way is held against the exact one where both can go."""

from __future__ import annotations

import numpy as np
import pytest

from gatebench.stats import (
    JUDGED,
    SHOWN,
    Bits,
    BlockBootstrap,
    Floats,
    block_length,
    block_length_of_many,
    bootstrap,
    percentile,
    percentile_of,
)

N = 60_000


def series(kind: str, n: int = N) -> Floats:
    """Return independent values, or values of which each depends on the one before."""
    random = np.random.default_rng(1)
    noise = random.normal(size=n)
    if kind == "dependent":
        for place in range(1, n):
            noise[place] += 0.7 * noise[place - 1]
    return np.exp(0.2 * noise) * 45


@pytest.mark.parametrize("kind", ["independent", "dependent"])
@pytest.mark.parametrize("share", [0.5, 0.95, 0.99])
def test_the_quick_ends_are_the_exact_ones(kind: str, share: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Within three hundredths of the interval's width, both at 95 % and at what checks are judged by."""
    values = series(kind)
    exact = BlockBootstrap(values, share)
    monkeypatch.setattr(bootstrap, "MANY", N)
    quick = BlockBootstrap(values, share)
    assert quick.length == -(-exact.length // 8) * 8
    for confidence in (SHOWN, JUDGED):
        wanted, found = exact.interval(confidence), quick.interval(confidence)
        width = wanted.high - wanted.low
        assert found.low == pytest.approx(wanted.low, abs=0.03 * width)
        assert found.high == pytest.approx(wanted.high, abs=0.03 * width)


@pytest.mark.parametrize("n", [1000, 1001, 4096, 4103])
def test_bits_count_what_flags_say(n: int) -> None:
    """Autocovariances and counts by block, whatever is left over at the end."""
    flags = np.random.default_rng(n).random(n) < 0.3
    bits, centred = Bits(flags), flags - flags.mean()
    for lag in (0, 1, 7, 8, 63, 64, 65, 200):
        assert bits.covariance(lag) == pytest.approx(float(centred[: n - lag] @ centred[lag:]) / n, abs=1e-12)
    wanted = [int(flags[start : start + 24].sum()) for start in range(0, n // 8 * 8 - 23, 8)]
    assert bits.counts(24).tolist() == wanted


def test_the_length_of_blocks_is_the_same() -> None:
    """But for being rounded up to whole bytes."""
    values = series("dependent", 20_000)
    flags = values <= np.quantile(values, 0.9)
    assert block_length_of_many(Bits(flags)) == -(-block_length(flags.astype(np.float64)) // 8) * 8


@pytest.mark.parametrize("share", [0.001, 0.5, 0.99, 1.0])
def test_a_percentile_needs_no_sorting(share: float) -> None:
    """The same value as of the sorted series."""
    values = series("independent", 999)
    assert percentile_of(values, share) == percentile(np.sort(values), share)
