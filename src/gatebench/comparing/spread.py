"""What a number does between rounds in which nothing changed: how far it moves, whether it remembers, whether it drifts."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from gatebench.comparing.line import Floats, Measure

LEAST: Final = 4
"""Pairs below which nothing is said."""


@dataclass(frozen=True)
class Spread:
    """The noise of one measure. `level` is the median in the metric's unit; the others are on the scale of
    `Measure.worse`, log-ratios or differences in its unit.

    `rounds`: standard deviation between all rounds. `pairs`: of the differences within pairs, which is what a gate has to
    do with; where the pairs cancel what their rounds share, it is less than √2 times the first. `memory`: autocorrelation
    of neighbouring rounds (lag 1); beyond `memory_limit` it is more than chance. `drift`: from the first round to the
    last, by the median of all slopes (Theil, 1950; Sen, JASA 63, 1968), and the p-value of Kendall's test of a trend
    (Mann, Econometrica 13, 1945). `second`: by how much the second of a pair is worse than the first, with the p-value of
    a t-test.
    """

    level: float
    rounds: float
    pairs: float
    memory: float
    memory_limit: float
    drift: float
    drift_p: float
    second: float
    second_p: float


def spread(measure: Measure, first: Floats, second: Floats) -> Spread | None:
    """Return the noise of a measure in pairs of identical rounds, in order of time; None for fewer than `LEAST` pairs, or
    where a number is missing.
    """
    from scipy.stats import kendalltau, theilslopes, ttest_1samp

    if len(first) < LEAST or not np.isfinite(measure.worse(first, second)).all():
        return None
    values = np.column_stack([first, second]).ravel()
    level = float(np.median(values))
    scale = measure.worse(np.full_like(values, level), values)
    residuals = measure.worse(first, second)
    place = np.arange(len(values))
    still = not np.ptp(scale) or not np.isfinite(scale).all()
    slope = 0.0 if still else float(theilslopes(scale, place)[0])
    trend = 1.0 if still else float(kendalltau(place, scale).pvalue)
    shift = 1.0 if not np.ptp(residuals) else float(ttest_1samp(residuals, 0.0).pvalue)
    return Spread(
        level,
        float(scale.std(ddof=1)),
        float(residuals.std(ddof=1)),
        0.0 if still else memory(scale),
        1.96 / math.sqrt(len(values)),
        slope * (len(values) - 1),
        trend,
        float(residuals.mean()),
        shift,
    )


def memory(series: Floats) -> float:
    """Return the autocorrelation of neighbours (lag 1); 0 of what does not move."""
    centred = series - series.mean()
    total = float(centred @ centred)
    return float(centred[1:] @ centred[:-1]) / total if total > 0 else 0.0
