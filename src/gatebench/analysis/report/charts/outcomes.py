"""What became of the requests, second by second: the height is the offered load, the colours are the outcomes."""

from __future__ import annotations

from typing import Final

from gatebench.analysis.columns import numbers
from gatebench.analysis.report.charts.bins import Bins, nice_width_s, rates
from gatebench.analysis.report.charts.chart import Chart, Data, NoChart, coded
from gatebench.analysis.report.charts.states import STATES, states
from gatebench.analysis.report.words import count, duration
from gatebench.analysis.tables import RunTables

TITLE: Final = "Goodput and errors"
BINS_MOST: Final = 120
BIN_LEAST_S: Final = 0.5


def bar_bins(tables: RunTables) -> Bins:
    """Return bins that are wide enough to show rates as bars."""
    end_s = max(tables.end_ns / 1e9, 1e-3)
    return Bins(nice_width_s(end_s, BINS_MOST, BIN_LEAST_S), end_s)


def build(tables: RunTables) -> Chart | NoChart:
    """Return the chart of all headline and warm-up rows, those included that our own side did not send."""
    rows = tables.at_target[tables.at_target["kind"].isin(("load", "warmup"))]
    if rows.empty:
        return NoChart(TITLE, "No request was made.")
    found = states(rows)
    bins = bar_bins(tables)
    who = coded(found, STATES)
    totals = found.value_counts()
    told = ", ".join(f"{count(totals[state])} {state}" for state in who.words if state in totals)
    objective = duration(tables.plan.objective.response_ms / 1000)
    return Chart(
        id="outcomes",
        kind="stack",
        title=TITLE,
        caption=f"Requests per second by when they were due, in bins of {duration(bins.width_s)}. “Good” is a complete "
        f"answer within {objective}, “late” a complete one after it. The stack is as high as the offered load.",
        label=f"Of {count(len(rows))} requests {told}.",
        data=(Data("outcomes", rates(bins, numbers(rows["due_s"]), who, by="state", counted="requests")),),
        facts={"by": "state", "words": who.words, "y": "requests per second"},
    )
