"""When a gateway decided: not known to the nanosecond, but between two moments that are.

A request is decided on after its client began to send it (`lo_ns`) and before its first consequence elsewhere (`hi_ns`):
its arrival at a provider, or else the first byte of its answer. Everything that is concluded here holds whatever
the true moments between the two were, so a gateway is never blamed for the network.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Times = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Spans:
    """Requests of one key, each decided at some moment from `lo_ns` to `hi_ns`, with what it costs."""

    lo_ns: Times
    hi_ns: Times
    cost: Times

    @staticmethod
    def of(lo_ns: npt.ArrayLike, hi_ns: npt.ArrayLike, cost: npt.ArrayLike | None = None) -> Spans:
        """Return spans from anything like an array; without costs each request costs 1."""
        low, high = np.asarray(lo_ns, np.int64), np.asarray(hi_ns, np.int64)
        high = np.maximum(low, high)
        return Spans(low, high, np.ones(len(low), np.int64) if cost is None else np.asarray(cost, np.int64))

    def __len__(self) -> int:
        return len(self.lo_ns)

    @property
    def width_ns(self) -> Times:
        """By how much each moment is unknown."""
        return self.hi_ns - self.lo_ns

    def where(self, chosen: npt.NDArray[np.bool_]) -> Spans:
        """Return some of the requests."""
        return Spans(self.lo_ns[chosen], self.hi_ns[chosen], self.cost[chosen])

    def later(self, by_ns: int) -> Spans:
        """Return the same requests with every latest moment moved: for a gateway that knows the time to `by_ns` only."""
        return Spans(self.lo_ns, self.hi_ns + by_ns, self.cost)


class Sums:
    """Costs summed up by earliest and by latest moment: how much was surely inside a window, and how much may have been."""

    def __init__(self, spans: Spans) -> None:
        first, last = np.argsort(spans.lo_ns, kind="stable"), np.argsort(spans.hi_ns, kind="stable")
        self._lo, self._hi = spans.lo_ns[first], spans.hi_ns[last]
        self._by_lo = np.concatenate(([0], np.cumsum(spans.cost[first])))
        self._by_hi = np.concatenate(([0], np.cumsum(spans.cost[last])))

    def surely(self, start_ns: npt.ArrayLike, end_ns: npt.ArrayLike) -> Times:
        """Return a lower bound of the cost decided in [start, end); exact when no span is as long as the window."""
        done = self._by_hi[np.searchsorted(self._hi, end_ns, side="left")]
        before = self._by_lo[np.searchsorted(self._lo, start_ns, side="left")]
        return np.asarray(done - before, np.int64)

    def possibly(self, start_ns: npt.ArrayLike, end_ns: npt.ArrayLike) -> Times:
        """Return the cost that may have been decided in [start, end]."""
        begun = self._by_lo[np.searchsorted(self._lo, end_ns, side="right")]
        before = self._by_hi[np.searchsorted(self._hi, start_ns, side="left")]
        return np.asarray(begun - before, np.int64)
