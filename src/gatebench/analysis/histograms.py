"""Percentiles of a histogram that a server keeps in buckets: what can be said of times that nobody wrote down one by one.

Within a bucket times are taken to lie evenly, as Prometheus' histogram_quantile() does
(https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile). That is an assumption: all that is known is the
bucket, and so every estimate has its bucket beside it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from gatebench.analysis.series import Line, Source, increases

COARSE: Final = 0.25
"""A bucket within which an estimate may be off by more than this share of itself is coarse."""


@dataclass(frozen=True)
class Estimate:
    """A percentile: somewhere between `low` and `high`, at `value` if times lie evenly. `high` is infinite beyond the last bound."""

    value: float
    low: float
    high: float

    @property
    def is_beyond(self) -> bool:
        """Whether it lies beyond the last bucket that has an end, so that `value` is only the least that it can be."""
        return math.isinf(self.high)

    @property
    def is_coarse(self) -> bool:
        """Whether the bucket says too little."""
        return self.is_beyond or max(self.high - self.value, self.value - self.low) > COARSE * abs(self.value)


def quantile(share: float, bounds: Sequence[float], cumulative: Sequence[float]) -> Estimate | None:
    """Return the `share`-quantile of a histogram; None without an observation, or when the buckets are none.

    `bounds` are the upper ends in ascending order, the last infinite, and `cumulative` how many observations are at most each of
    them. Counts that shrink from one bucket to the next, as those of a page that changes while it is written do, are lifted.
    """
    if len(bounds) < 2 or not math.isinf(bounds[-1]) or len(bounds) != len(cumulative):
        return None
    counts = np.maximum.accumulate(np.maximum(np.asarray(cumulative, np.float64), 0.0))
    if not np.isfinite(counts).all() or counts[-1] <= 0:
        return None
    wanted = share * counts[-1]
    place = int(np.searchsorted(counts, wanted, side="left"))
    if place == len(bounds) - 1:
        return Estimate(bounds[-2], bounds[-2], math.inf)
    high, before = bounds[place], float(counts[place - 1]) if place else 0.0
    if place == 0 and high <= 0:
        return Estimate(high, -math.inf, high)
    low = bounds[place - 1] if place else 0.0
    inside = float(counts[place]) - before
    return Estimate(low + (high - low) * ((wanted - before) / inside if inside else 1.0), low, high)


@dataclass(frozen=True)
class Histogram:
    """What a histogram counted between two readings, all its label sets (`parts` of them) together."""

    family: str
    bounds: tuple[float, ...]
    cumulative: tuple[float, ...]
    parts: int

    @property
    def count(self) -> float:
        """How many observations there were."""
        return max(self.cumulative, default=0.0)

    def quantile(self, share: float) -> Estimate | None:
        """Return a percentile."""
        return quantile(share, self.bounds, self.cumulative)


def families(source: Source) -> dict[str, list[Line]]:
    """Return the buckets of every histogram by its name."""
    found: dict[str, list[Line]] = {}
    for line in source.lines.values():
        if line.family.endswith("_bucket") and _bound(line) is not None:
            found.setdefault(line.family.removesuffix("_bucket"), []).append(line)
    return found


def between(source: Source, family: str, buckets: Sequence[Line], start_ns: int, end_ns: int) -> Histogram | None:
    """Return what was counted between the first and the last reading in [start, end]; None with fewer than two.

    Label sets whose buckets end elsewhere than those of the first are left out, for they cannot be added.
    """
    readings = source.readings_ns[(source.readings_ns >= start_ns) & (source.readings_ns <= end_ns)]
    if len(readings) < 2:
        return None
    sets: dict[tuple[tuple[str, str], ...], dict[float, float]] = {}
    for line in buckets:
        bound = _bound(line)
        rest = tuple(sorted((name, value) for name, value in line.labels.items() if name != "le"))
        if bound is not None:
            sets.setdefault(rest, {})[bound] = grown(line, int(readings[0]), int(readings[-1]))
    own: Mapping[float, float] = next(iter(sets.values()), {})
    alike = [counts for counts in sets.values() if counts.keys() == own.keys()]
    bounds = tuple(sorted(own))
    return Histogram(family, bounds, tuple(sum(counts[bound] for counts in alike) for bound in bounds), len(alike))


def grown(line: Line, start_ns: int, end_ns: int) -> float:
    """Return how much a counter grew between two readings; one that first appears between them began at nothing."""
    inside = (line.at_ns >= start_ns) & (line.at_ns <= end_ns)
    values = line.values[inside]
    if not len(values):
        return 0.0
    new = int(line.at_ns[0]) > start_ns  # on a page a counter that is not there has counted nothing yet
    found = float(increases(values).sum() + (values[0] if new else 0.0))
    return found if math.isfinite(found) else 0.0


def _bound(line: Line) -> float | None:
    try:
        bound = float(line.labels["le"])
    except (KeyError, ValueError):
        return None
    return None if math.isnan(bound) else bound
