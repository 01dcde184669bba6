"""What a gate can see: how often it alarms at a change of a given size, and the smallest change that it rarely misses."""

from __future__ import annotations

from typing import Final

import numpy as np

from gatebench.comparing.line import Measure
from gatebench.comparing.looks import Looks
from gatebench.comparing.simulation import Effect, Identical, simulate

STEPS: Final = 9
"""Halvings of the search: the answer is known to a part in 500 of the range that was searched."""

MOST_RELATIVE: Final = 2.0
"""Beyond three times the base nothing is searched; what is not seen then is not a question of size."""


def effect_on(measure: Measure, size: float) -> Effect:
    """Return a change of `size` for the worse: a part of the value for a measure with a relative tolerance, else an amount
    in its unit.
    """
    sign = 1.0 if measure.better == "lower" else -1.0
    if measure.relative:
        return Effect(measure.metric, factor=1 + size if sign > 0 else 1 / (1 + size))
    return Effect(measure.metric, added=sign * size)


def detectable(
    rounds: Identical, measure: Measure, looks: Looks, power: float, *, gates: int, seed: int
) -> float | None:
    """Return the smallest change of a measure that `power` of all gates alarm at: a part of its value, or an amount in its
    unit; None when even the largest that makes sense is not.

    Found by bisection on simulated gates. Every step plays the same draws, so the power only grows with the change.
    """

    def seen(size: float) -> bool:
        found = simulate(rounds, looks, gates, seed, [effect_on(measure, size)])
        return found.alarms >= power * gates

    low, high = 0.0, _largest(rounds, measure)
    if not seen(high):
        return None
    for _ in range(STEPS):
        middle = (low + high) / 2
        low, high = (low, middle) if seen(middle) else (middle, high)
    return high


def _largest(rounds: Identical, measure: Measure) -> float:
    """Return the largest change that is tried: three times the value, or forty times tolerance and spread together."""
    place = rounds.measures.index(measure)
    if measure.relative:
        return MOST_RELATIVE
    spread = float(np.std(rounds.residuals[:, place]))
    reach = 40 * (float(measure.tolerance.absolute or 0.0) + spread)
    return min(reach, 1.0) if measure.unit == "share" else reach
