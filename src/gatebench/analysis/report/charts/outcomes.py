"""What became of the requests, second by second: the height is the offered load, the colours are the outcomes."""

from __future__ import annotations

from typing import Final

import numpy as np

from gatebench.analysis.columns import numbers
from gatebench.analysis.report.charts.bins import Bins, nice_width_s, rates
from gatebench.analysis.report.charts.chart import Chart, Data, NoChart
from gatebench.analysis.report.charts.states import GOOD, STATES, states
from gatebench.analysis.report.words import count, duration
from gatebench.analysis.tables import RunTables

TITLE: Final = "Goodput and errors"
BINS_MOST: Final = 120
BIN_LEAST_S: Final = 0.5


def build(tables: RunTables) -> Chart | NoChart:
    """Return the chart of all headline and warm-up rows, those included that our own side did not send."""
    rows = tables.samples[tables.samples["kind"].isin(("load", "warmup"))]
    if rows.empty:
        return NoChart(TITLE, "No request was made.")
    found = states(rows)
    bins = Bins(nice_width_s(tables.end_ns / 1e9, BINS_MOST, BIN_LEAST_S), max(tables.end_ns / 1e9, 1e-3))
    codes = found.map({state: code for code, state in enumerate(STATES)}).to_numpy(dtype=np.int64)
    totals = found.value_counts()
    told = ", ".join(f"{count(totals[state])} {state}" for state in STATES if state in totals)
    return Chart(
        id="outcomes",
        kind="stack",
        title=TITLE,
        caption=f"Requests per second by when they were due, in bins of {duration(bins.width_s)}. “Good” is a complete answer within "
        f"{duration(tables.plan.objective.response_ms / 1000)}, “late” a complete one after it. The stack is as high as the offered load.",
        label=f"Of {count(len(rows))} requests {told}.",
        data=(Data("outcomes", rates(bins, numbers(rows["due_s"]), codes, list(STATES), "state", "requests")),),
        facts={"by": "state", "words": list(STATES), "first": GOOD, "y": "requests per second"},
    )
