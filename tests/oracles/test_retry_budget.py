"""Retry budgets over every window, and the shape of pauses, by arithmetic."""

from __future__ import annotations

import numpy as np
import pytest

from gatebench.oracles.retries import budget_excess, spread, synchrony

MS = 1_000_000


@pytest.mark.parametrize(
    ("asked", "retried", "ratio", "reserve", "excess"),
    [
        ([], [1, 2, 3], 0.1, 2, 1),  # three retries, two saved up
        ([1, 2, 3, 4], [5, 6, 7], 0.5, 1, 2),  # requests before a crowd of retries help nobody: 3 - 1
        ([1, 3, 5], [2, 4, 6], 0.5, 0, 2),  # from 2 to 6: 3 retries - 0.5 × 2 requests
        ([1, 3, 5], [2, 4, 6], 1.0, 1, 0),  # never above the reserve
        (range(0, 1000, 10), range(5, 1000, 100), 0.1, 1, 0),  # one retry in ten requests for ever
        # 20 retries - 0.1 × 95 requests between them - 1
        (range(0, 1000, 10), range(5, 1000, 50), 0.1, 1, 9.5),
    ],
)
def test_budget(asked: list[int], retried: list[int], ratio: float, reserve: float, excess: float) -> None:
    """The worst window's retries beyond reserve + ratio × requests."""
    found = budget_excess(np.array(asked, np.int64), np.array(retried, np.int64), ratio, reserve)
    assert found == pytest.approx(excess)


@pytest.mark.parametrize("seed", range(50))
def test_the_worst_window_is_the_worst_of_all(seed: int) -> None:
    """The walk finds what looking at every window finds."""
    random = np.random.default_rng(seed)
    asked, retried = np.sort(random.integers(0, 200, 60)), np.sort(random.integers(0, 200, 25))
    worst = max(
        ((retried >= start) & (retried < end)).sum() - 0.3 * ((asked > start) & (asked < end)).sum()
        for start in retried
        for end in retried + 1
        if end > start
    )
    assert budget_excess(asked, retried, 0.3, 1) == pytest.approx(max(0, worst - 1))


def test_a_correct_budget_never_exceeds_itself() -> None:
    """A budget as the reference gateway keeps it, played three hundred times over: never above 0."""
    random = np.random.default_rng(3)
    for _ in range(300):
        saved, asked, retried = 10.0, list[int](), list[int]()
        for at in np.sort(random.integers(0, 10**6, 500)).tolist():
            saved, asked = min(10, saved + 0.1), [*asked, at]
            if random.random() < 0.5 and saved >= 1:
                saved, retried = saved - 1, [*retried, at]
        assert budget_excess(np.array(asked), np.array(retried, np.int64), 0.1, 10) < 1e-9


def test_spread() -> None:
    """Full jitter 1, equal jitter 1/3, a fixed pause 0."""
    even = np.linspace(0, 1, 10_001)
    assert spread(even) == pytest.approx(1, abs=1e-3)
    assert spread(0.5 + even / 2) == pytest.approx(1 / 3, abs=1e-3)
    assert spread(np.full(9, 0.2)) == 0


def test_synchrony() -> None:
    """Retries at one tick are crowded, those of a fixed pause as what failed, jittered ones less than a burst of failures."""
    random = np.random.default_rng(1)
    failed = np.sort(random.integers(0, 10_000 * MS, 1000))
    ticks = (failed // (500 * MS) + 1) * 500 * MS
    assert synchrony(failed, ticks) > 5
    assert synchrony(failed, failed + 100 * MS) == pytest.approx(1)
    burst = np.full(200, 100 * MS)
    assert synchrony(burst, burst + random.integers(0, 1000 * MS, 200)) < 0.1
