"""Response time over the run: every request a dot where they can be told apart, exact percentiles of each bin where not."""

from __future__ import annotations

from typing import Final

import pandas as pd

from gatebench.analysis.columns import is_any, numbers, values_of
from gatebench.analysis.report.charts.bins import P95_LEAST, P99_LEAST, Bins, nice_width_s, spread
from gatebench.analysis.report.charts.chart import Chart, Column, Data, NoChart, decimals, words
from gatebench.analysis.report.charts.states import asked, states
from gatebench.analysis.report.words import count, duration, milliseconds
from gatebench.analysis.tables import RunTables
from gatebench.stats import percentile_of

TITLE: Final = "Response time over the run"
DOTS_MOST: Final = 8_000
BINS_MOST: Final = 240
BIN_LEAST_S: Final = 0.25


def build(tables: RunTables) -> Chart | NoChart:
    """Return the chart of all headline and warm-up rows."""
    rows = asked(tables)
    if rows.empty:
        return NoChart(TITLE, "No request was made.")
    length_s = max(tables.end_ns / 1e9, float(rows["due_s"].max()))
    bins = Bins(nice_width_s(length_s, BINS_MOST, BIN_LEAST_S), length_s)
    binned = Data("response-time-bins", spread(bins, numbers(rows["due_s"]), numbers(rows["response_ms"]), "ms"))
    dots = len(rows) <= DOTS_MOST
    each = (
        "Each dot is one request at the moment it was due; other marks are requests that were not good."
        if dots
        else f"{count(len(rows))} requests are too many for dots: the bands reach from the smallest to the largest of "
        "each bin, and from its p50 to its p95."
    )
    return Chart(
        id="latency",
        kind="latency",
        title=TITLE,
        caption=f"{each} Lines are nearest-rank percentiles of all requests due in {duration(bins.width_s)}; nothing is "
        f"averaged or left out. A p95 needs {P95_LEAST} requests in its bin, a p99 {P99_LEAST}. Requests without an answer "
        "stand at their deadline.",
        label=_label(tables, rows),
        data=(binned, Data("requests", _dots(rows))) if dots else (binned,),
        facts={"objective_ms": tables.plan.objective.response_ms, "dots": dots},
        switches={"scale": ("log", "linear")},
    )


def _dots(rows: pd.DataFrame) -> dict[str, Column]:
    return {
        "due_s": decimals(rows["due_s"], 4),
        "response_ms": decimals(rows["response_ms"], 2),
        "state": words(states(rows)),
        "provider": words(rows["provider"]),
    }


def _label(tables: RunTables, rows: pd.DataFrame) -> str:
    """Return the medians and the largest response times by phase, in words."""
    parts = []
    for window in tables.windows:
        times = numbers(rows.loc[is_any(values_of(rows, "label"), (window.name,)), "response_ms"])
        if len(times):
            parts.append(
                f"{window.name}: median {milliseconds(percentile_of(times, 0.5))}, largest {milliseconds(float(times.max()))}"
            )
    return (
        f"Response time of {count(len(rows))} requests over {duration(tables.end_ns / 1e9)}. " + "; ".join(parts) + "."
    )
