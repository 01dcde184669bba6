"""When a gate looks, and how much of its error each look may spend."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

ALPHA: Final = 0.01
"""Chance that a gate alarms when nothing became worse, over all its numbers and looks together."""

SPENT: Final = 0.006
"""What is spent of it. The rest is for rounds that remember their neighbours: with an autocorrelation of 0.5 between rounds a
t-test of 24 pairs alarms up to 1.5 times as often as it says (tests/comparing/test_simulation.py, docs/aa.md).
"""

PASSING: Final = 0.05
"""Chance that a number which is worse by its whole tolerance is let pass, over all looks together."""

MISSING: Final = 0.05
"""Chance that a shown interval misses the truth, wherever the gate stops."""

DEFAULT_PAIRS: Final = 24
"""So many a gate may take. On a quiet machine it knows after `LEAST_PAIRS`; on one whose processors are lent to others meanwhile it
takes more than ten to see 10 % at p95 (docs/aa.md).
"""
LEAST_PAIRS: Final = 6
"""No look comes before so many pairs. With four, Student's t is fooled by noise that has two levels (a process that is laid out
well or badly): it alarms in 1.4 % of gates on identical builds instead of at most 1 %, from six pairs on in 0.5 %.
"""
_PARTS: Final = ((0.25, 0.1), (0.5, 0.1), (0.75, 0.25), (1.0, 0.55))


@dataclass(frozen=True)
class Looks:
    """After how many pairs the gate looks, and which share of every allowance that look may spend; shares add up to 1.

    Looking again and again at growing data raises false alarms unless the error is spent like a budget (Lan and DeMets,
    "Discrete Sequential Boundaries for Clinical Trials", Biometrika 70, 1983). The looks add up by Bonferroni's
    inequality, which holds however they depend on each other and on the numbers, and for Student's t with few pairs.
    """

    pairs: tuple[int, ...]
    shares: tuple[float, ...]

    @property
    def most(self) -> int:
        """The pairs of a gate that never stops early."""
        return self.pairs[-1]

    def share(self, pairs: int) -> float:
        """Return the share of the look after `pairs`; 0 where there is none."""
        return dict(zip(self.pairs, self.shares, strict=True)).get(pairs, 0.0)


def plan_looks(pairs: int, *, sequential: bool = True) -> Looks:
    """Return the looks of a gate of at most `pairs` pairs: little is spent early, most at the end (O'Brien and Fleming, "A
    Multiple Testing Procedure for Clinical Trials", Biometrics 35, 1979, have this shape). Looks end whole ABBA quads.
    """
    if not sequential or pairs <= LEAST_PAIRS:
        return Looks((pairs,), (1.0,))
    spent: dict[int, float] = {}
    for part, share in _PARTS:
        after = pairs if part == 1.0 else min(pairs, max(LEAST_PAIRS, 2 * math.ceil(pairs * part / 2)))
        spent[after] = spent.get(after, 0.0) + share
    return Looks(tuple(spent), tuple(spent.values()))
