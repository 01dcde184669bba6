"""Who made the answers, and what arrived at each provider: failover and breakers as seen from upstream."""

from __future__ import annotations

from typing import Final

import numpy as np

from gatebench.analysis.columns import numbers
from gatebench.analysis.report.charts.bins import Bins, nice_width_s, rates
from gatebench.analysis.report.charts.chart import Chart, Data, NoChart
from gatebench.analysis.report.charts.outcomes import BIN_LEAST_S, BINS_MOST
from gatebench.analysis.report.words import count, duration, percent
from gatebench.analysis.tables import RunTables

SERVED: Final = "Who served"
ARRIVALS: Final = "What reached the providers"
NOBODY: Final = "nobody"


def _bins(tables: RunTables) -> Bins:
    return Bins(nice_width_s(tables.end_ns / 1e9, BINS_MOST, BIN_LEAST_S), max(tables.end_ns / 1e9, 1e-3))


def served(tables: RunTables) -> Chart | NoChart:
    """Return the chart of complete answers by the provider whose stamp they carry."""
    if not tables.has_stamps:
        return NoChart(SERVED, "Answers carry no stamp at this level of evidence, so nobody can say who made them.")
    rows = tables.samples[tables.samples["kind"].isin(("load", "warmup"))]
    if rows.empty:
        return NoChart(SERVED, "No request was made.")
    names = [provider.name for provider in tables.plan.providers] + [NOBODY]
    who = rows["provider"].astype(object).where(rows["complete"] & rows["provider"].notna(), NOBODY)
    codes = who.map({name: code for code, name in enumerate(names)}).to_numpy(dtype=np.int64)
    bins = _bins(tables)
    shares = ", ".join(f"{name} {percent(float((codes == code).mean()))}" for code, name in enumerate(names))
    return Chart(
        id="served",
        kind="stack",
        title=SERVED,
        caption=f"Complete answers per second by the provider that made them, told by the stamp in each answer, by when the request "
        f"was due, in bins of {duration(bins.width_s)}. “Nobody” are requests without a complete answer.",
        label=f"Answers by provider: {shares}.",
        data=(Data("served", rates(bins, numbers(rows["due_s"]), codes, names, "provider", "requests")),),
        facts={"by": "provider", "words": names, "y": "answers per second"},
    )


def arrivals(tables: RunTables) -> Chart | NoChart:
    """Return the chart of attempts that arrived at each provider, canaries left out."""
    if tables.attempts is None:
        return NoChart(ARRIVALS, "No provider left a ledger, so nobody counted the attempts.")
    rows = tables.attempts[tables.attempts["kind"] != "canary"]
    if rows.empty:
        return NoChart(ARRIVALS, "No attempt arrived at a provider.")
    names = [provider.name for provider in tables.plan.providers]
    codes = (
        rows["provider"]
        .astype(str)
        .map({name: code for code, name in enumerate(names)})
        .fillna(0)
        .to_numpy(dtype=np.int64)
    )
    at_s = (numbers(rows["arrived_ns"]) - tables.start_ns) / 1e9
    bins = _bins(tables)
    totals = ", ".join(f"{name} {count(int((codes == code).sum()))}" for code, name in enumerate(names))
    return Chart(
        id="arrivals",
        kind="steps",
        title=ARRIVALS,
        caption=f"Attempts per second arriving at each provider, canaries left out, in bins of {duration(bins.width_s)}. Single attempts at a "
        "provider that fails are what a breaker's probes look like; what lies above the offered load are retries.",
        label=f"Attempts by provider: {totals}.",
        data=(Data("arrivals", rates(bins, at_s, codes, names, "provider", "attempts")),),
        facts={"by": "provider", "words": names, "y": "attempts per second", "width_s": bins.width_s},
    )
