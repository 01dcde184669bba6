"""Warns where our own processes were so busy, or the machine was taken away so often, that these may have set the pace."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa

from gatebench.analysis.series import processes
from gatebench.plan import Plan
from gatebench.run.folder import RunFolder
from gatebench.run.series import MACHINE, STEAL

BUSY_CORES: Final = 0.9
STOLEN_MOST: Final = 0.01
STOLEN_IN_A_SECOND: Final = 0.1


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
    yield from _stolen(series, folder.load().provenance)
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


def _stolen(series: pd.DataFrame, provenance: Mapping[str, Any]) -> Iterator[str]:
    """Yield a warning when the host took more than a hundredth of the processors away, or a tenth in some second: on a shared
    machine that explains most of what rounds differ by.
    """
    rows = series[(series["process"] == MACHINE) & (series["metric"] == STEAL)].sort_values("at_ns")
    machine = provenance.get("machine")
    cores = machine.get("cores") if isinstance(machine, dict) else None
    if len(rows) < 2 or not cores:
        return
    wall_s, stolen_s = np.diff(rows["at_ns"].to_numpy()) / 1e9, np.diff(rows["value"].to_numpy())
    if not (wall_s > 0).all():
        return
    share, worst = stolen_s.sum() / (wall_s.sum() * cores), (stolen_s / (wall_s * cores)).max()
    if share > STOLEN_MOST or worst > STOLEN_IN_A_SECOND:
        yield (
            f"The machine's host took {share:.1%} of the processors away during the run, {worst:.0%} in the worst second (steal): times "
            "are noisier than the target is. Run it again, or on a machine of its own."
        )
