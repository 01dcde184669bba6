"""What the declared algorithm would have admitted of the same arrivals."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
import numpy.typing as npt

from gatebench.oracles.limiter.limit import ON_A_GRID, Limit
from gatebench.oracles.limiter.model import replay
from gatebench.oracles.limiter.over_window import phases
from gatebench.oracles.limiter.spans import Spans

_PHASES: Final = 50


def replayed(limit: Limit, arrivals: Spans) -> npt.NDArray[np.bool_]:
    """Return which arrivals the exact model admits, each taken to arrive in the middle of its span.

    Of windows on a grid, whose place nobody knows, fifty places are tried, and the one that admits least counts: the most
    favourable to a gateway that is asked whether it admitted too little.
    """
    return min(_replays(limit, arrivals), key=lambda admitted: int(admitted.sum()))


def _replays(limit: Limit, arrivals: Spans) -> Iterator[npt.NDArray[np.bool_]]:
    """Yield what is admitted with each place of the grid that is tried; one replay where there is none."""
    middle = (arrivals.lo_ns + arrivals.hi_ns) // 2
    order = np.argsort(middle, kind="stable")
    moments, costs = middle[order].tolist(), arrivals.cost[order].tolist()
    step = limit.period_ns // _PHASES
    for place in range(0, limit.period_ns, max(1, step)) if limit.algorithm in ON_A_GRID else (0,):
        admitted = np.zeros(len(arrivals), np.bool_)
        admitted[order] = replay(limit.model(place), moments, costs)
        yield admitted


def quota_error(limit: Limit, arrivals: Spans, admitted: npt.NDArray[np.bool_]) -> int:
    """Return by how many requests the admitted ones differ from what the exact model admits of the same arrivals.

    Of fixed windows it is the sum over the windows, at the place of the grid at which it is smallest; requests that may
    have been on either side of an edge may have been in either window. Else it is the difference of the totals.
    """
    if limit.algorithm != "fixed-window":
        return min(abs(int(found.sum()) - int(admitted.sum())) for found in _replays(limit, arrivals))
    return min(_window_error(limit, arrivals, admitted, place) for place in phases(arrivals, limit.period_ns))


def _window_error(limit: Limit, arrivals: Spans, admitted: npt.NDArray[np.bool_], phase_ns: int) -> int:
    first, last = ((moments - phase_ns) // limit.period_ns for moments in (arrivals.lo_ns, arrivals.hi_ns))
    origin = int(first.min())
    windows = int(last.max()) - origin + 1
    asked = np.bincount(first - origin, minlength=windows)
    given = np.bincount((first - origin)[admitted], minlength=windows)
    either = first != last
    unsure = np.bincount((first - origin)[either], minlength=windows)
    unsure += np.bincount((last - origin)[either], minlength=windows)
    wrong = np.abs(given - np.minimum(asked, limit.limit)) - unsure
    return int(np.maximum(0, wrong).sum())
