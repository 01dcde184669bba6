"""Cuts the time of a run into bins, each with exact figures of every row in it: nothing is averaged, no row is left out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from gatebench.analysis.columns import parts
from gatebench.analysis.report.charts.chart import Coded, Column, decimals
from gatebench.stats import percentile

P95_LEAST = 20
P99_LEAST = 100

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Bins:
    """Equal bins over [0, end): the last one may be cut short."""

    width_s: float
    end_s: float

    @property
    def number(self) -> int:
        """How many there are."""
        return max(1, int(np.ceil(self.end_s / self.width_s - 1e-9)))

    def index(self, at_s: Floats) -> npt.NDArray[np.int32]:
        """Return the bin of each time; times beyond the end fall into the last bin, times before 0 into the first."""
        found = np.empty(len(at_s), np.int32)
        for part in parts(len(at_s)):
            found[part] = np.clip(np.floor(at_s[part] / self.width_s), 0, self.number - 1)
        return found

    def edges(self, index: npt.NDArray[np.integer[Any]]) -> tuple[Floats, Floats]:
        """Return the beginning and the end of bins, in seconds."""
        begin_s = index.astype(np.float64) * self.width_s
        return begin_s, np.minimum(begin_s + self.width_s, self.end_s).astype(np.float64)


def nice_width_s(length_s: float, most: int, least_s: float) -> float:
    """Return the smallest round width, not below `least_s`, that cuts `length_s` into at most `most` bins."""
    for width in (0.1, 0.25, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800):
        if width >= least_s and length_s / width <= most:
            return float(width)
    return length_s / most


def spread(bins: Bins, at_s: Floats, values: Floats, unit: str) -> dict[str, Column]:
    """Return the columns of a table with one row a bin that holds values: its n, smallest, percentiles and largest.

    Percentiles are nearest-rank over all values of the bin; p95 and p99 are None where they would only repeat the largest.
    """
    index = bins.index(at_s)
    if (index[1:] < index[:-1]).any():
        order = np.argsort(index, kind="stable")
        index, values = index[order], values[order]
    found, starts = np.unique(index, return_index=True)
    groups = [np.sort(group) for group in np.split(values, starts[1:])]  # sorted one by one, which a cache holds
    begin_s, end_s = bins.edges(found)

    def shares(share: float, least: int) -> list[float | None]:
        return decimals([percentile(group, share) if len(group) >= least else np.nan for group in groups], 3)

    return {
        "from_s": decimals(begin_s, 3),
        "to_s": decimals(end_s, 3),
        "requests": [len(group) for group in groups],
        f"min_{unit}": decimals([group[0] for group in groups], 3),
        f"p50_{unit}": shares(0.50, 1),
        f"p95_{unit}": shares(0.95, P95_LEAST),
        f"p99_{unit}": shares(0.99, P99_LEAST),
        f"max_{unit}": decimals([group[-1] for group in groups], 3),
    }


def rates(bins: Bins, at_s: Floats, who: Coded, *, by: str, counted: str) -> dict[str, Column]:
    """Return the columns of a table with one row a bin and word: how many rows fell there, and the rate per second.

    `by` names the column of the words, `counted` that of the counts.
    """
    many = len(who.words)
    counts, index = np.zeros(bins.number * many, np.int64), bins.index(at_s)
    for part in parts(len(index)):
        counts += np.bincount(index[part] * many + who.codes[part], minlength=len(counts))
    begin_s, end_s = bins.edges(np.repeat(np.arange(bins.number), many))
    kept = counts > 0
    return {
        "from_s": decimals(begin_s[kept], 3),
        "to_s": decimals(end_s[kept], 3),
        by: {"words": who.words, "codes": np.tile(np.arange(many), bins.number)[kept].tolist()},
        counted: counts[kept].tolist(),
        "per_s": decimals((counts / np.maximum(end_s - begin_s, 1e-9))[kept], 2),
    }
