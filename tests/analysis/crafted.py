"""Tables of runs written down request by request, for metrics that no simulation has a knob for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from gatebench.analysis.derived import Cuts, derive, label_rows
from gatebench.analysis.faults import FaultTimeline
from gatebench.analysis.joining import join, makers
from gatebench.analysis.metrics import metrics
from gatebench.analysis.metrics.registry import Measured, OutageMetric, Scope
from gatebench.analysis.tables import RunTables
from gatebench.analysis.windows import edges, outages, windows
from gatebench.plan import Plan
from gatebench.run.assemble import Assembly
from gatebench.run.folder import Clock, RunRecord
from gatebench.sample import ATTEMPT, NEVER, SAMPLE
from tests.planned import LOAD_START_NS, Knobs, make_plan

S = 1_000_000_000


@dataclass
class Tried:
    """One attempt: where, when (seconds from the start), how long (milliseconds), and how it ended."""

    provider: str
    at_s: float
    took_ms: float = 40
    status: int = 200
    end: str = "completed"
    more: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class Asked:
    """One request. With `answered_by`, the place in `tried` of the attempt whose stamp the answer bears."""

    due_s: float
    took_ms: float = 41
    status: int = 200
    outcome: str = ""
    tried: Sequence[Tried] = ()
    answered_by: int | None = -1
    route: str = "chat"
    more: Mapping[str, Any] = field(default_factory=dict)

    def how(self) -> tuple[str, str]:
        """Return outcome and cause, by default those of the status."""
        if self.outcome:
            return self.outcome, "total_timeout" if self.outcome == "timeout" else "eof"
        if self.status == 429:
            return "rejected", "status"
        return ("ok", "") if 200 <= self.status < 300 else ("error", "status")


def craft(
    asked: Sequence[Asked],
    *,
    declared: Mapping[str, Mapping[str, Any]] | None = None,
    fault: Mapping[str, Any] | None = None,
    plan: Mapping[str, Any] | None = None,
    cleared: bool = True,
    **knobs: Any,
) -> RunTables:
    """Return the tables of a run without a warm-up: 8 s baseline, 10 s with a fault on provider-a, 12 s recovery."""
    turned = Knobs(**{"warmup_s": 0, "baseline_s": 8, "fault_s": 10, "recovery_s": 12, "workers": 1, **knobs})
    made = make_plan(turned)
    faults = tuple(one.model_copy(update=dict(fault or {})) for one in made.faults)
    made = made.model_copy(update={"declared": declared or {}, "faults": faults, **(plan or {})})
    end_ns = made.load.duration_ns
    timelines = tuple(
        FaultTimeline(
            planned=one,
            acknowledged_ns=one.start_ns,
            cleared_ns=one.end_ns if cleared else None,
            proven_clear_ns=one.end_ns + 1 if cleared else None,
        )
        for one in made.faults
    )
    found = outages(made, timelines, end_ns)
    phases = windows(made, found, end_ns)
    attempts = _attempts(asked, made)
    samples = _samples(asked, made, attempts)
    derive(samples, made, LOAD_START_NS)
    cuts = Cuts(tuple(edges(timelines)), ())
    label_rows(samples, phases, cuts, LOAD_START_NS, end_ns, own_pace=False)
    join(samples, attempts)
    samples["made_by"] = makers(samples, attempts)
    record = RunRecord(id="crafted", created="", plan=made, clock=Clock(monotonic_ns=0, unix_ns=0))
    assembly = Assembly(len(samples), len(attempts), (), ())
    return RunTables(
        record, assembly, (), {}, LOAD_START_NS, end_ns, timelines, found, phases, made.schedule(), samples, attempts
    )


def _attempts(asked: Sequence[Asked], plan: Plan) -> pd.DataFrame:
    """Return the ledgers; the numbers of attempts follow their arrival at each provider."""
    rows = []
    for arrival, one in enumerate(asked):
        for place, made in enumerate(one.tried):
            arrived_ns = LOAD_START_NS + round(made.at_s * S)
            ended_ns = arrived_ns + round(made.took_ms * 1e6)
            complete = made.end == "completed" and made.status < 300
            row: dict[str, Any] = dict.fromkeys((column.name for column in ATTEMPT.columns), 0)
            row |= {
                "arrival_id": arrival,
                "kind": "load",
                "arrived_ns": arrived_ns,
                "first_token_ns": ended_ns if complete else NEVER,
                "ended_ns": ended_ns,
                "service_ns": ended_ns - arrived_ns,
                "end": made.end,
                "fault": "",
                "status": made.status if made.end == "completed" else 0,
                "tokens_out": 24 if complete else 0,
                "provider": made.provider,
                "place": place,
                **made.more,
            }
            rows.append(row)
    columns = [column.name for column in ATTEMPT.columns] + ["provider", "place"]
    frame = pd.DataFrame(rows, columns=columns).sort_values("arrived_ns", kind="stable", ignore_index=True)
    frame["attempt"] = frame.groupby("provider").cumcount() + 1
    return frame


def _samples(asked: Sequence[Asked], plan: Plan, attempts: pd.DataFrame) -> pd.DataFrame:
    number = {
        (arrival, place): (provider, attempt)
        for arrival, place, provider, attempt in zip(
            attempts["arrival_id"], attempts["place"], attempts["provider"], attempts["attempt"], strict=True
        )
    }
    rows = []
    for arrival, one in enumerate(asked):
        outcome, cause = one.how()
        due_ns = LOAD_START_NS + round(one.due_s * S)
        by = None if one.answered_by is None or not one.tried or outcome != "ok" else one.answered_by % len(one.tried)
        provider, attempt = (None, 0) if by is None else number[arrival, by]
        row: dict[str, Any] = dict.fromkeys((column.name for column in SAMPLE.columns), 0)
        row |= {
            "arrival_id": arrival,
            "kind": "load",
            "lane": "target",
            "phase": "",
            "route": one.route,
            "tenant": "t0",
            "due_ns": due_ns,
            "sent_ns": due_ns,
            "first_byte_ns": due_ns + round(one.took_ms * 1e6) if one.status else NEVER,
            "first_token_ns": NEVER,
            "done_ns": due_ns + round(one.took_ms * 1e6),
            "outcome": outcome,
            "cause": cause,
            "status": 0 if one.outcome == "timeout" else one.status,
            "provider": provider,
            "attempt": attempt,
            "service_ns": NEVER,
            "connection": 1,
            "worker": 0,
            "request_id": f"crafted.{arrival}",
            **one.more,
        }
        rows.append(row)
    return pd.DataFrame(rows)


def measured(tables: RunTables, name: str, phase: str | None = None, route: str | None = None) -> Measured:
    """Return one metric, straight from its function, so that a metric that raises raises."""
    entry = metrics()[name]
    if isinstance(entry, OutageMetric):
        return entry.function(tables, tables.outages[0])
    rows = tables.load if phase is None else tables.load[tables.load["label"] == phase]
    rows = rows if route is None else rows[rows["route"] == route]
    return entry.function(Scope(tables, rows, phase, route))


def shown(tables: RunTables, name: str, phase: str | None = None) -> list[Any]:
    """Return the arrivals of the rows that a failed check on the metric would show."""
    entry = metrics()[name]
    assert entry.offenders is not None
    rows = tables.load if phase is None else tables.load[tables.load["label"] == phase]
    return entry.offenders(Scope(tables, rows, phase, None))["arrival_id"].tolist()
