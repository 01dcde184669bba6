"""What share of the traffic each variant should get, and whether chance alone explains what it got."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from gatebench.stats import JUDGED, SHOWN, Interval, clopper_pearson

_WHOLE: Final = 1.0


class Deviation(NamedTuple):
    """The variant that is furthest from its share: its name, observed - configured, and how much of it chance leaves open.

    `shown` and `judged` are intervals of |observed - configured|; `beyond` is the distance of the configured share from the
    judged interval of the observed one, 0 when it lies within.
    """

    variant: str
    difference: float
    shown: Interval
    judged: Interval
    beyond: float


def shares(weights: Mapping[str, float]) -> dict[str, float]:
    """Return the share of each variant; at least one has a weight above 0."""
    total = sum(weights.values())
    return {name: weight / total for name, weight in weights.items()}


def worst_deviation(counts: Mapping[str, int], configured: Mapping[str, float]) -> Deviation:
    """Return the variant whose observed share is furthest from the configured one; `counts` holds at least one.

    The intervals are Clopper's and Pearson's, so they cover at least as often as they say at any n; with k variants each
    gets 1 / (k - 1) of the error (Bonferroni; with two variants the second is the complement of the first).
    """
    n = sum(counts.values())
    names = sorted({*counts, *configured})
    tests = max(1, len(names) - 1)
    found = []
    for name in names:
        count, share = counts.get(name, 0), configured.get(name, 0.0)
        shown, judged = (
            clopper_pearson(count, n, _WHOLE - (_WHOLE - confidence) / tests) for confidence in (SHOWN, JUDGED)
        )
        beyond = max(0.0, share - judged.high, judged.low - share)
        found.append(Deviation(name, count / n - share, _distance(shown, share), _distance(judged, share), beyond))
    return max(found, key=lambda deviation: (deviation.beyond, abs(deviation.difference)))


def _distance(interval: Interval, share: float) -> Interval:
    """Return the interval of |x - share| for x in `interval`."""
    ends = (abs(interval.low - share), abs(interval.high - share))
    inside = interval.low <= share <= interval.high
    return Interval(0.0 if inside else min(ends), max(ends))
