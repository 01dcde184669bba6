"""Processor time of the target: what one request costs it."""

from __future__ import annotations

from gatebench.analysis.metrics.registry import Measured, Scope, known, metric, unknown
from gatebench.analysis.windows import TRANSITION
from gatebench.stats import SHOWN


@metric(unit="µs/request", better="lower", title="Processor time a request", quiet=True)
def cpu_us_per_request(scope: Scope) -> Measured:
    """Processor time of the target's own processes and their children together, its stores left out, ÷ the requests that were
    sent to it; what it uses while idle is part of it. Read once a second; the interval comes from blocks of seconds.
    """
    from gatebench.analysis.cpu import target_cost

    if scope.route is not None or scope.phase == TRANSITION:
        return unknown("processor time is that of all routes")
    if scope.tables.series is None or scope.tables.plan.target.definition is None:
        return unknown("nobody read the processor time of the target's processes")
    windows = [window for window in scope.tables.windows if window.role != "warmup"]
    windows = [window for window in windows if window.name == scope.phase or scope.phase is None]
    if not windows:
        return unknown("the warm-up is left out")
    cost = target_cost(scope.tables, windows[0].start_ns, windows[-1].end_ns)
    if cost.value is None:
        return unknown(cost.why, cost.requests)
    return known(cost.value, cost.requests, shown=cost.shown, judged=cost.judged, confidence=SHOWN)
