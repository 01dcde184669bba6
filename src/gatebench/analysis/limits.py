"""Warns where our own processes were so busy that they, not the target, may have set the pace."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pyarrow as pa

from gatebench.analysis.series import processes
from gatebench.plan import Plan
from gatebench.run.folder import RunFolder

BUSY_CORES: Final = 0.9


def harness_limits(folder: RunFolder, plan: Plan) -> Iterator[str]:
    """Yield a warning for each process of ours, load workers left out, that used more than 0.9 of a core over the run.

    A load worker that busy makes the run invalid instead (`validity`); the target's own processes may be as busy as
    they like.
    """
    if not folder.series.exists():
        return
    try:
        series = processes(folder.series)
    except (OSError, pa.ArrowException):
        return  # damaged: the requests stand without it
    used = series[series["metric"] == "cpu_s"]
    theirs = {process.name for process in plan.target.definition.process} if plan.target.definition else set()
    for name, rows in used.groupby("process", observed=True):
        if str(name) in theirs or str(name).startswith("load") or len(rows) < 2:
            continue
        ordered = rows.sort_values("at_ns")
        wall_s = float(ordered["at_ns"].iloc[-1] - ordered["at_ns"].iloc[0]) / 1e9
        cores = float(ordered["value"].iloc[-1] - ordered["value"].iloc[0]) / wall_s if wall_s > 0 else 0.0
        if cores > BUSY_CORES:
            yield (
                f"{name} used {cores:.0%} of a core: what was measured may be limited by the harness, not by the target. "
                "Read capacities as lower bounds, or lower the rate."
            )
