"""What a gate can see: how often it alarms at a change of a given size, and the smallest change that it rarely misses."""

from __future__ import annotations

from typing import Final

import numpy as np

from gatebench.comparing.line import Measure
from gatebench.comparing.looks import Looks
from gatebench.comparing.simulation import Effect, Identical, simulate

STEPS: Final = 6
"""Halvings of the search, once the change lies between a size that is missed and its double: known to 2 % of itself."""

SMALLEST: Final = 1 / 128
"""The search begins at this part of the value, or of what is tolerated."""

DOUBLINGS: Final = 9


def effect_on(measure: Measure, size: float) -> Effect:
    """Return a change of `size` for the worse: a part of the value for a measure with a relative tolerance, else an amount
    in its unit.
    """
    sign = 1.0 if measure.better == "lower" else -1.0
    if measure.relative:
        return Effect(measure.metric, factor=1 + size if sign > 0 else 1 / (1 + size))
    return Effect(measure.metric, added=sign * size)


def detectable(
    rounds: Identical, measure: Measure, looks: Looks, power: float, *, gates: int, seed: int, least: float = 0.0
) -> float | None:
    """Return the smallest change of a measure that `power` of all gates alarm at: a part of its value, or an amount in its
    unit; None when even one of four times the value, or of 32 times tolerance or spread, is not.

    Found by doubling, then halving, on simulated gates. Every step plays the same draws. The search
    begins at `least` where that is known to be missed more often.
    """

    def seen(size: float) -> bool:
        found = simulate(rounds, looks, gates, seed, [effect_on(measure, size)])
        return found.alarms >= power * gates

    tolerated = float(measure.tolerance.absolute or 0.0)
    spread = float(np.std(rounds.residuals[:, rounds.measures.index(measure)]))
    high = SMALLEST if measure.relative else max(tolerated, spread, 1e-6) / 16
    high, low = max(high, least), 0.0
    for _ in range(DOUBLINGS):
        if seen(high):
            break
        low, high = high, high * 2
    else:
        return None
    for _ in range(STEPS):
        middle = (low + high) / 2
        low, high = (low, middle) if seen(middle) else (middle, high)
    return high
