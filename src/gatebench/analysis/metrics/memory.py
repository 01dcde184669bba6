"""Memory of the target: how far it grows under what a scenario does to it."""

from __future__ import annotations

from typing import Final

from gatebench.analysis.columns import numbers
from gatebench.analysis.metrics.registry import Measured, Scope, known, metric, unknown
from gatebench.analysis.windows import TRANSITION

LEAST_READINGS: Final = 5
_BYTES_PER_MB: Final = 1e6


@metric(unit="MB", better="lower", title="Memory growth", judged="exact", quiet=True)
def memory_growth_mb(scope: Scope) -> Measured:
    """Highest resident memory of the target's own processes together, its stores left out, - the lowest reading before
    that; read once a second, in 10⁶ bytes. At least 5 readings. A gateway that takes in what its clients do not read yet,
    instead of holding the provider back, grows by it.
    """
    series, definition = scope.tables.series, scope.tables.plan.target.definition
    if scope.route is not None or scope.phase == TRANSITION:
        return unknown("memory is that of all routes")
    if series is None or definition is None:
        return unknown("nobody read the memory of the target's processes")
    names = [process.name for process in definition.gateways]
    windows = [window for window in scope.tables.windows if window.name == scope.phase or scope.phase is None]
    at_ns = series["at_ns"] - scope.tables.start_ns
    inside = (at_ns >= windows[0].start_ns) & (at_ns < windows[-1].end_ns)
    rows = series[(series["metric"] == "rss_bytes") & series["process"].isin(names) & inside]
    together = numbers(rows.groupby("at_ns")["value"].sum().sort_index())
    if len(together) < LEAST_READINGS:
        return unknown(f"it takes {LEAST_READINGS} readings; here were {len(together)}", len(together))
    highest = int(together.argmax())
    return known(float(together[highest] - together[: highest + 1].min()) / _BYTES_PER_MB, len(together))
