"""The smallest change that gates see."""

from __future__ import annotations

import numpy as np
import pytest

from gatebench.comparing.line import Better, Measure
from gatebench.comparing.looks import Looks, plan_looks
from gatebench.comparing.power import detectable, effect_on
from gatebench.comparing.simulation import Identical, simulate
from gatebench.comparing.tolerance import Tolerance


def rounds(sd: float, better: Better = "lower", tolerated: float = 0.05) -> Identical:
    """Forty pairs around 50 with this noise."""
    measure = Measure("m", "m", "ms", better, None, Tolerance("m", relative=tolerated))
    first, second = 50 * np.exp(np.random.default_rng(1).normal(0, sd, (2, 40, 1)))
    return Identical((measure,), first, second)


def find(made: Identical, power: float, pairs: int = 10) -> float | None:
    """The smallest change for this power."""
    return detectable(made, made.measures[0], plan_looks(pairs), power, gates=1000, seed=1)


@pytest.mark.parametrize("better", ["lower", "higher"])
@pytest.mark.parametrize("power", [0.8, 0.95])
def test_the_change_that_is_named_is_seen_as_often_as_it_says(power: float, better: Better) -> None:
    """Gates with another seed alarm at it with that power, and at four fifths of it with less."""
    made = rounds(0.03, better)
    size = find(made, power)
    assert size is not None
    at = [
        simulate(made, plan_looks(10), 4000, 2, [effect_on(made.measures[0], one)]).alarms / 4000
        for one in (size, 0.8 * size)
    ]
    assert at[0] == pytest.approx(power, abs=0.04)
    assert at[1] < power - 0.05


def test_less_noise_and_more_pairs_see_more() -> None:
    """The size falls with both, and never below what is tolerated."""
    noisy, calm, long = find(rounds(0.06), 0.95), find(rounds(0.01), 0.95), find(rounds(0.06), 0.95, pairs=40)
    assert noisy is not None
    assert calm is not None
    assert long is not None
    assert 0.05 < calm < noisy
    assert 0.05 < long < noisy


def test_a_gate_that_cannot_alarm_sees_nothing() -> None:
    """One pair has no spread: no size is named."""
    made = rounds(0.01)
    assert detectable(made, made.measures[0], Looks((1,), (1.0,)), 0.8, gates=200, seed=1) is None


def test_an_amount_is_found_in_its_unit() -> None:
    """A tolerance of 0.1 ms in rounds that vary by 0.02 ms."""
    measure = Measure("overhead", "", "ms", "lower", None, Tolerance("overhead", absolute=0.1))
    first, second = np.random.default_rng(1).normal(1.4, 0.02, (2, 40, 1))
    size = find(Identical((measure,), first, second), 0.8)
    assert size is not None
    assert 0.1 < size < 0.13
