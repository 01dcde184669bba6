"""The noise of a number: known series, known figures."""

from __future__ import annotations

import math

import numpy as np
import pytest

from gatebench.comparing.line import Measure
from gatebench.comparing.spread import memory, spread
from gatebench.comparing.tolerance import Tolerance

TIME = Measure("p95", "p95", "ms", "lower", None, Tolerance("p95", relative=0.05))
COUNT = Measure("lost", "lost", "requests", "lower", None, Tolerance("lost", absolute=1))


def test_known_noise_is_found() -> None:
    """3 % between rounds are √2 · 3 % between the two of a pair, without memory, drift or order."""
    first, second = 50 * np.exp(np.random.default_rng(1).normal(0, 0.03, (2, 400)))
    found = spread(TIME, first, second)
    assert found is not None
    assert found.level == pytest.approx(50, rel=0.01)
    assert found.rounds == pytest.approx(0.03, rel=0.1)
    assert found.pairs == pytest.approx(math.sqrt(2) * 0.03, rel=0.1)
    assert abs(found.memory) < 2 * found.memory_limit
    assert min(found.drift_p, found.second_p) > 0.01


def test_what_a_pair_shares_is_not_its_noise() -> None:
    """A slow moment that hits both rounds of a pair is in the rounds, and not in the pairs."""
    generator = np.random.default_rng(2)
    shared = generator.normal(0, 0.1, 400)
    first, second = 50 * np.exp(shared + generator.normal(0, 0.01, (2, 400)))
    found = spread(TIME, first, second)
    assert found is not None
    assert found.rounds > 5 * found.pairs
    assert found.memory > found.memory_limit


def test_drift_is_found_from_first_to_last() -> None:
    """Forty rounds that become 10 % slower, in noise of 1 %."""
    values = 50 * np.exp(np.linspace(0, 0.1, 40) + np.random.default_rng(3).normal(0, 0.01, 40))
    found = spread(TIME, values[0::2], values[1::2])
    assert found is not None
    assert found.drift == pytest.approx(0.1, abs=0.02)
    assert found.drift_p < 0.001


def test_the_second_of_a_pair_may_be_slower() -> None:
    """By 2 %, which a test of the pairs sees."""
    generator = np.random.default_rng(4)
    first, second = 50 * np.exp(generator.normal(0, 0.01, (2, 40)))
    found = spread(TIME, first, second * 1.02)
    assert found is not None
    assert found.second == pytest.approx(0.02, abs=0.006)
    assert found.second_p < 0.001


def test_what_never_moves_has_no_noise() -> None:
    """Zeros in every round: all of it 0, and nothing beyond chance."""
    found = spread(COUNT, np.zeros(10), np.zeros(10))
    assert found is not None
    assert (found.rounds, found.pairs, found.memory, found.drift, found.second) == (0, 0, 0, 0, 0)
    assert (found.drift_p, found.second_p) == (1, 1)


def test_too_little_says_nothing() -> None:
    """Three pairs, or a number that is missing."""
    assert spread(TIME, np.ones(3), np.ones(3)) is None
    assert spread(TIME, np.array([1.0] * 9 + [np.nan]), np.ones(10)) is None


@pytest.mark.parametrize("kept", [-0.6, 0.0, 0.6])
def test_memory_is_the_autocorrelation_of_neighbours(kept: float) -> None:
    """That of an autoregression is what it keeps."""
    noise = np.random.default_rng(5).normal(0, 1, 20_000)
    series = noise.copy()
    for place in range(1, len(series)):
        series[place] += kept * series[place - 1]
    assert memory(series) == pytest.approx(kept, abs=0.03)
