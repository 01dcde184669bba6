"""Who made the answers, and what arrived at each provider: failover and breakers as seen from upstream."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

from gatebench.analysis.columns import codes_of, numbers, values_of, worded, words_of
from gatebench.analysis.report.charts.bins import rates
from gatebench.analysis.report.charts.chart import NOBODY, Chart, Coded, Data, NoChart, coded
from gatebench.analysis.report.charts.outcomes import bar_bins
from gatebench.analysis.report.words import count, duration, percent
from gatebench.analysis.tables import RunTables
from gatebench.sample import NEVER

SERVED: Final = "Who served"
ARRIVALS: Final = "What reached the providers"
CLIENTS: Final = "requests of clients"


def served(tables: RunTables) -> Chart | NoChart:
    """Return the chart of complete answers by the provider whose stamp they carry."""
    if not tables.has_stamps:
        return NoChart(SERVED, "Answers carry no stamp at this level of evidence, so nobody can say who made them.")
    rows = tables.at_target[tables.at_target["kind"].isin(("load", "warmup"))]
    if rows.empty:
        return NoChart(SERVED, "No request was made.")
    names = words_of(values_of(rows, "provider"))
    codes = codes_of(values_of(rows, "provider"), names)
    codes = np.where(values_of(rows, "complete") & (codes >= 0), codes, len(names)).astype(np.int64)
    made = pd.Series(worded(codes, [*names, NOBODY]), index=rows.index)
    who = coded(made, [*(provider.name for provider in tables.plan.providers), NOBODY])
    bins = bar_bins(tables)
    shares = ", ".join(f"{name} {percent(float((made == name).mean()))}" for name in who.words)
    return Chart(
        id="served",
        kind="stack",
        title=SERVED,
        caption="Complete answers per second by the provider that made them, told by the stamp in each answer, by when "
        f"the request was due, in bins of {duration(bins.width_s)}. “Nobody” are requests without a complete answer.",
        label=f"Answers by provider: {shares}.",
        data=(Data("served", rates(bins, numbers(rows["due_s"]), who, by="provider", counted="requests")),),
        facts={"by": "provider", "words": who.words, "y": "answers per second"},
    )


def arrivals(tables: RunTables) -> Chart | NoChart:
    """Return the chart of attempts that arrived at each provider, canaries left out."""
    attempts = tables.attempts_for_target
    if attempts is None:
        return NoChart(ARRIVALS, "No provider left a ledger, so nobody counted the attempts.")
    rows = attempts[attempts["kind"] != "canary"]
    if rows.empty:
        return NoChart(ARRIVALS, "No attempt arrived at a provider.")
    who = coded(rows["provider"], [provider.name for provider in tables.plan.providers])
    at_s = (numbers(rows["arrived_ns"]) - tables.start_ns) / 1e9
    bins = bar_bins(tables)
    totals = ", ".join(f"{name} {count(int((rows['provider'] == name).sum()))}" for name in who.words)
    sent_ns = tables.at_target["sent_ns"].to_numpy(np.int64)
    sent_s = (sent_ns[sent_ns != NEVER] - tables.start_ns) / 1e9
    clients = Coded([CLIENTS], np.zeros(len(sent_s), np.int64))
    return Chart(
        id="arrivals",
        kind="stack",
        title=ARRIVALS,
        caption="Attempts per second arriving at each provider, canaries left out, in bins of "
        f"{duration(bins.width_s)}, beside the requests that clients sent. Attempts above the requests are retries, hedges or "
        "probes; below them the gateway answered by itself, or refused.",
        label=f"Attempts by provider: {totals}; requests that clients sent: {count(len(sent_s))}.",
        data=(
            Data("arrivals", rates(bins, at_s, who, by="provider", counted="attempts")),
            Data("arrivals-requests", rates(bins, sent_s, clients, by="who", counted="requests")),
        ),
        facts={
            "by": "provider",
            "words": who.words,
            "y": "per second",
            "width_s": bins.width_s,
            "line": CLIENTS,
        },
    )
