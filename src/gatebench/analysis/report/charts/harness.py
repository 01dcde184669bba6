"""How well we measured: our own lateness in sending, and how busy every process was."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

from gatebench.analysis.columns import numbers, values_of
from gatebench.analysis.report.charts.bins import P95_LEAST, P99_LEAST, Bins, nice_width_s, spread
from gatebench.analysis.report.charts.chart import Chart, Data, NoChart, decimals, words
from gatebench.analysis.report.charts.latency import BIN_LEAST_S, BINS_MOST
from gatebench.analysis.report.words import duration, milliseconds, percent
from gatebench.analysis.tables import RunTables
from gatebench.stats import percentile_of

DISPATCH: Final = "Dispatch delay"
PROCESSES: Final = "Processors in use"


def dispatch(tables: RunTables) -> Chart | NoChart:
    """Return the chart of sent − due of every request that was sent."""
    rows = tables.samples[~np.isnan(values_of(tables.samples, "dispatch_ms"))]
    if rows.empty:
        return NoChart(DISPATCH, "No request was sent.")
    delay_ms = numbers(rows["dispatch_ms"])
    end_s = max(tables.end_ns / 1e9, 1e-3)
    bins = Bins(nice_width_s(end_s, BINS_MOST, BIN_LEAST_S), end_s)
    judged = numbers(tables.load["dispatch_ms"])
    judged = judged[~np.isnan(judged)]
    told_ms = judged if len(judged) else delay_ms
    limit_ms = tables.plan.load.dispatch_limit_ms
    told = f"p50 {milliseconds(percentile_of(told_ms, 0.5))}, p99 {milliseconds(percentile_of(told_ms, 0.99))}"
    return Chart(
        id="dispatch",
        kind="spread",
        title=DISPATCH,
        caption=f"Sent − due: our own error, and part of every response time. {told}; a run whose p99 is above "
        f"{duration(limit_ms / 1000)} is invalid. Percentiles of all requests due in {duration(bins.width_s)}; a p95 needs "
        f"{P95_LEAST} of them, a p99 {P99_LEAST}.",
        label=f"Dispatch delay: {told}, largest {milliseconds(float(told_ms.max()))}.",
        data=(Data("dispatch-delay", spread(bins, numbers(rows["due_s"]), delay_ms, "ms")),),
        facts={"limit_ms": limit_ms, "y": "dispatch delay, ms"},
    )


def processes(tables: RunTables, series: pd.DataFrame | None) -> Chart | NoChart:
    """Return the chart of the processors that each process kept busy, from its processor seconds."""
    if series is None:
        return NoChart(PROCESSES, "Nobody read the use of processors in this run.")
    rows = series[series["metric"] == "cpu_s"].sort_values(["process", "at_s"], kind="stable")
    by_process = rows.groupby("process", sort=False)
    used = by_process["value"].diff() / by_process["at_s"].diff()
    rows = rows.assign(cores=used)[used.notna() & (used >= 0)]
    if rows.empty:
        return NoChart(PROCESSES, "The use of processors was not read often enough to draw it.")
    busiest = rows.groupby("process")["cores"].max().sort_values(ascending=False)
    told = ", ".join(f"{name} at most {percent(value)}" for name, value in busiest.items())
    return Chart(
        id="processes",
        kind="lines",
        title=PROCESSES,
        caption="Processors that each process and its children kept busy, once a second; 1 is one whole processor.",
        label=f"Share of one processor: {told}.",
        data=(
            Data(
                "processors",
                {
                    "at_s": decimals(rows["at_s"], 2),
                    "process": words(rows["process"]),
                    "cores": decimals(rows["cores"], 3),
                },
            ),
        ),
        facts={"x": "at_s", "y": "cores", "by": "process", "y_label": "processors", "time": True},
    )
