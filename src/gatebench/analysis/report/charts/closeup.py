"""The seconds around the beginning of a fault, request by request: what failover looked like to the users it happened to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pandas as pd

from gatebench.analysis.faults import FaultTimeline
from gatebench.analysis.report.charts.chart import Chart, Column, Data, decimals, words
from gatebench.analysis.report.charts.states import GOOD, asked, states
from gatebench.analysis.report.uses import FaultUse, uses
from gatebench.analysis.report.words import count, duration
from gatebench.analysis.tables import RunTables

REACH_S: Final = 2.0
REACH_LEAST_S: Final = 0.01
DOTS_MOST: Final = 4_000
CLOSEUPS_MOST: Final = 4


def build(tables: RunTables) -> Iterator[Chart]:
    """Yield a close-up of the first window of each fault that was acknowledged, the first ones where there are many."""
    begun = uses([fault for fault in tables.faults if fault.acknowledged_ns is not None])
    for use in begun[:CLOSEUPS_MOST]:
        yield _closeup(tables, use)


def _closeup(tables: RunTables, use: FaultUse) -> Chart:
    fault = use.first
    t0_s = (fault.acknowledged_ns or 0) / 1e9
    reach_s = REACH_S
    rows = asked(tables)
    rows = rows[(rows["due_s"] - t0_s).abs() <= reach_s]
    while len(rows) > DOTS_MOST and reach_s > REACH_LEAST_S:
        reach_s /= 2
        rows = rows[(rows["due_s"] - t0_s).abs() <= reach_s]
    found = states(rows)
    bad = int((found != GOOD).sum())
    data = [Data("closeup-requests", _requests(rows, found, t0_s))]
    attempts = tables.attempts_for_target
    if attempts is not None:
        data.append(Data("closeup-attempts", _attempts(attempts, tables.start_ns, t0_s, reach_s)))
    what = use.what + (f" ({use.ramp})" if use.ramp else "") + (" (by hand)" if fault.planned.manual else "")
    windows = f" This is the first of its {len(use.windows)} windows." if len(use.windows) > 1 else ""
    return Chart(
        id=f"closeup-{fault.planned.id}",
        kind="closeup",
        title=f"Close-up: {what} begins",
        caption=f"Every request that was due within {duration(reach_s)} of the moment at which the engine acknowledged the "
        "fault (0), coloured by the provider that answered; other marks than dots were not good. Ticks below are the "
        f"attempts as they arrived at the providers.{windows}",
        label=f"{count(len(rows))} requests within {duration(reach_s)} of the beginning of {what}; {count(bad)} of them "
        "were not good.",
        data=tuple(data),
        facts={
            "reach_s": reach_s,
            "t0_s": round(t0_s, 4),
            "objective_ms": tables.plan.objective.response_ms,
            "providers": [provider.name for provider in tables.plan.providers],
            "marks": _marks(fault, t0_s),
        },
        switches={"scale": ("log", "linear")},
    )


def _requests(rows: pd.DataFrame, found: pd.Series[str], t0_s: float) -> dict[str, Column]:
    return {
        "since_s": decimals(rows["due_s"] - t0_s, 4),
        "response_ms": decimals(rows["response_ms"], 2),
        "state": words(found),
        "provider": words(rows["provider"]),
        "attempts": rows["attempts"].tolist(),
    }


def _attempts(attempts: pd.DataFrame, start_ns: int, t0_s: float, reach_s: float) -> dict[str, Column]:
    rows = attempts[attempts["kind"] != "canary"]
    since_s = (rows["arrived_ns"] - start_ns) / 1e9 - t0_s
    near = since_s.abs() <= reach_s
    return {
        "since_s": decimals(since_s[near], 4),
        "provider": words(rows.loc[near, "provider"]),
        "end": words(rows.loc[near, "end"]),
    }


def _marks(fault: FaultTimeline, t0_s: float) -> list[dict[str, float | str]]:
    times = (("requested", fault.requested_ns), ("acknowledged", fault.acknowledged_ns), ("proven", fault.proven_ns))
    return [{"what": what, "since_s": round(at_ns / 1e9 - t0_s, 4)} for what, at_ns in times if at_ns is not None]
