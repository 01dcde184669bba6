"""Rows that stand side by side but for a few gaps, known by their edges instead of by their positions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

MOST: Final = 2048
"""Of more gaps than this the positions themselves are kept."""
LEAST_ROWS: Final = 1 << 16
"""Of fewer rows the positions are kept as well."""


class Runs:
    """A few stretches of rows, in order; what holds for the positions of rows holds for it."""

    def __init__(self, starts: npt.NDArray[np.int64], stops: npt.NDArray[np.int64]) -> None:
        self._starts, self._stops = starts, stops
        self._before = np.concatenate(([0], np.cumsum(stops - starts)))
        self.nbytes = 0

    def __len__(self) -> int:
        return int(self._before[-1])

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return iter(zip(self._starts.tolist(), self._stops.tolist(), strict=True))

    def __getitem__(self, places: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Return the positions of the rows at some places of these."""
        run = np.searchsorted(self._before, places, side="right") - 1
        return np.asarray(places + (self._starts - self._before[:-1])[run], np.int64)

    def all(self) -> npt.NDArray[np.int64]:
        """Return every position."""
        return np.concatenate([np.arange(start, stop) for start, stop in self])

    def values(self, span: Callable[[int, int], Any]) -> Any:
        """Return a column of these rows, where `span` returns it from one position up to another."""
        first, last = int(self._starts[0]), int(self._stops[-1])
        reach = span(first, last)
        if not isinstance(reach, np.ndarray) and not hasattr(reach, "codes"):
            return reach.take(self.all() - first)  # text, of which pandas has several kinds
        found = [reach[start - first : stop - first] for start, stop in self]
        if isinstance(reach, np.ndarray):
            return np.concatenate(found)
        return pd.Categorical.from_codes(np.concatenate([one.codes for one in found]), dtype=reach.dtype)

    def where(self, mask: npt.NDArray[np.bool_]) -> Runs | None:
        """Return those for which the mask holds, at least one; None when they are strewn."""
        edges = np.flatnonzero(mask[1:] != mask[:-1]) + 1
        if len(edges) > 2 * MOST:
            return None
        edges = np.concatenate((([0] if mask[0] else []), edges, ([len(mask)] if mask[-1] else []))).astype(np.int64)
        cut = np.union1d(edges, self._before)  # a stretch of the mask may reach over a gap
        firsts, lasts = cut[:-1], cut[1:]
        held = mask[firsts]
        if int(held.sum()) > 2 * MOST:
            return None
        starts = self[firsts[held]]
        return Runs(starts, starts + (lasts - firsts)[held])


def side_by_side(start: int, stop: int) -> Runs:
    """Return rows without a gap."""
    return Runs(np.array([start]), np.array([stop]))
