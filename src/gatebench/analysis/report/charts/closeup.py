"""The seconds around the edges of a fault, request by request: what failover looked like to the users it happened to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
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
BEGINNING: Final = "beginning"
END: Final = "end"


@dataclass(frozen=True)
class _Edge:
    """One edge of a fault, seconds from the start of the load: which one, and what happened around it, from the edge."""

    name: str
    at_s: float
    marks: list[dict[str, float | str]]


def build(tables: RunTables) -> Iterator[Chart]:
    """Yield a close-up of the first window of each fault that was acknowledged, the first ones where there are many."""
    begun = uses([fault for fault in tables.faults if fault.acknowledged_ns is not None])
    for use in begun[:CLOSEUPS_MOST]:
        yield _closeup(tables, use)


def _closeup(tables: RunTables, use: FaultUse) -> Chart:
    fault = use.first
    everything = asked(tables)
    data: list[Data] = []
    edges: dict[str, dict[str, object]] = {}
    told, reaches = [], []
    what = use.what + (f" ({use.ramp})" if use.ramp else "") + (" (by hand)" if fault.planned.manual else "")
    for edge in _edges(fault):
        rows, reach_s = _near(everything, edge.at_s)
        found = states(rows)
        bad, lost = int((found != GOOD).sum()), int((~rows["complete"]).sum())
        place = len(data)
        reaches.append(duration(reach_s))
        data.append(Data(f"closeup-{edge.name}-requests", _requests(rows, found, edge.at_s)))
        attempts = tables.attempts_for_target
        if attempts is not None:
            near = _attempts(attempts, tables.start_ns, edge.at_s, reach_s)
            data.append(Data(f"closeup-{edge.name}-attempts", near))
        edges[edge.name] = {
            "t0_s": round(edge.at_s, 4),
            "reach_s": reach_s,
            "marks": edge.marks,
            "requests": place,
            "attempts": place + 1 if attempts is not None else None,
        }
        told.append(
            f"{count(len(rows))} requests within {duration(reach_s)} of the {edge.name} of {what}; {count(bad)} of them "
            f"were not good, {count(lost)} were lost"
        )
    windows = f" This is the first of its {len(use.windows)} windows." if len(use.windows) > 1 else ""
    return Chart(
        id=f"closeup-{fault.planned.id}",
        kind="closeup",
        title=f"Close-up: {what}",
        caption=f"Every request that was due within {' or '.join(dict.fromkeys(reaches))} of the moment (0) at "
        "which the engine acknowledged that the fault was on, or off. Dots are good answers in the colour of the provider "
        "that made them, diamonds late ones; every other mark is a request that was lost. Ticks below are the attempts as "
        f"they arrived at the providers.{windows}",
        label=". ".join(told) + ".",
        data=tuple(data),
        facts={
            "edges": edges,
            "objective_ms": tables.plan.objective.response_ms,
            "providers": [provider.name for provider in tables.plan.providers],
        },
        switches={"around its": tuple(edges), "scale": ("log", "linear")}
        if len(edges) > 1
        else {"scale": ("log", "linear")},
    )


def _edges(fault: FaultTimeline) -> Iterator[_Edge]:
    """Yield the beginning of a fault, and its end where that was acknowledged."""
    begun = (("requested", fault.requested_ns), ("on", fault.acknowledged_ns), ("proven", fault.proven_ns))
    ended = (("requested", fault.clear_requested_ns), ("off", fault.cleared_ns), ("proven", fault.proven_clear_ns))
    for name, at_ns, times in ((BEGINNING, fault.acknowledged_ns, begun), (END, fault.cleared_ns, ended)):
        if at_ns is not None:
            at_s = at_ns / 1e9
            marks: list[dict[str, float | str]] = [
                {"what": what, "since_s": round(time_ns / 1e9 - at_s, 4)}
                for what, time_ns in times
                if time_ns is not None
            ]
            yield _Edge(name, at_s, marks)


def _near(rows: pd.DataFrame, at_s: float) -> tuple[pd.DataFrame, float]:
    """Return the requests due around a moment, and how far they reach: closer where there are too many for dots."""
    reach_s = REACH_S
    near = rows[(rows["due_s"] - at_s).abs() <= reach_s]
    while len(near) > DOTS_MOST and reach_s > REACH_LEAST_S:
        reach_s /= 2
        near = near[(near["due_s"] - at_s).abs() <= reach_s]
    return near, reach_s


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
