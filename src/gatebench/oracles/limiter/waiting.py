"""How long until a refused request would have been admitted, and how far a Retry-After is from that."""

from __future__ import annotations

import math
from typing import Final

from gatebench.oracles.limiter.limit import ON_A_GRID, Limit
from gatebench.oracles.limiter.spans import Spans

_SECOND_NS: Final = 1_000_000_000


def earliest_ns(limit: Limit, admitted: Spans, refused_lo_ns: int, refused_hi_ns: int) -> tuple[int, int]:
    """Return bounds of the wait until the model admits, counted from the refusal, when nobody else comes meanwhile.

    The model is fed with what was admitted before, once as early as possible and refused as late as possible, once the
    other way round. Of windows on a grid, whose place nobody knows, all that is sure is that it takes at most a
    period (two for weighted ones).
    """
    if limit.algorithm in ON_A_GRID:
        return 0, limit.period_ns * (2 if limit.algorithm == "sliding-counter" else 1)
    waits = []
    for moments, asked_ns in ((admitted.lo_ns, refused_hi_ns), (admitted.hi_ns, refused_lo_ns)):
        model = limit.model()
        for moment, cost in sorted(zip(moments.tolist(), admitted.cost.tolist(), strict=True)):
            if moment <= asked_ns:
                model.take(moment, cost)
        waits.append(model.wait_ns(asked_ns))
    return min(waits), max(waits)


def bias_s(retry_after_s: int, least_ns: int, most_ns: int) -> float:
    """Return by how many seconds a Retry-After is later (above 0) or earlier (below 0) than the earliest admission.

    It names whole seconds (RFC 9110 section 10.2.3), so rounding up to the next one is no bias, and 1 for a wait of
    nothing is none either.
    """
    least_s, most_s = least_ns / _SECOND_NS, most_ns / _SECOND_NS
    if retry_after_s < least_s:
        return retry_after_s - least_s
    return max(0.0, retry_after_s - max(1, math.ceil(most_s)))
