"""What the declared algorithm would have admitted of the same arrivals."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from gatebench.oracles.limiter.limit import ON_A_GRID, Limit
from gatebench.oracles.limiter.model import replay
from gatebench.oracles.limiter.spans import Spans

_PHASES: Final = 50


def replayed(limit: Limit, arrivals: Spans) -> npt.NDArray[np.bool_]:
    """Return which arrivals the exact model admits, each taken to arrive in the middle of its span.

    Of windows on a grid, whose place nobody knows, fifty places are tried, and the one that admits least counts: the most
    favourable to a gateway that is asked whether it admitted too little.
    """
    middle = (arrivals.lo_ns + arrivals.hi_ns) // 2
    order = np.argsort(middle, kind="stable")
    moments, costs = middle[order].tolist(), arrivals.cost[order].tolist()
    step = limit.period_ns // _PHASES
    places = range(0, limit.period_ns, max(1, step)) if limit.algorithm in ON_A_GRID else (0,)
    found = min((replay(limit.model(place), moments, costs) for place in places), key=sum)
    admitted = np.zeros(len(arrivals), np.bool_)
    admitted[order] = found
    return admitted
