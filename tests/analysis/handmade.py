"""Tables written by hand, row by row, for metrics whose truth is a few lines long."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pandas as pd

from gatebench.analysis.faults import FaultTimeline
from gatebench.analysis.metrics.registry import Scope
from gatebench.analysis.tables import RunTables
from gatebench.content import Content
from gatebench.plan import PlannedFault
from gatebench.sample import NO_USAGE_IN, NO_USAGE_OUT
from gatebench.traffic import Route, Traffic
from tests.planned import MS, S

CHAT = Route(name="chat", tenants=200)
STREAM = Route(name="chat", tenants=200, stream=True)


@dataclass(frozen=True)
class Played:
    """A request: what its row says beside the usual, and the attempts that were made for it.

    Its answer carries the stamp of the last attempt that completed, unless `by` says which attempt of the run it is, or -1 for
    none. `key` is its group; `body` what it asked for, its own by default.
    """

    row: dict[str, Any] = field(default_factory=dict)
    attempts: tuple[dict[str, Any], ...] = ({},)
    by: int | None = None
    key: int = -1
    keyed: bool = True
    body: int | None = None


def scope_of(
    base: RunTables,
    played: Sequence[Played],
    *,
    route: Route = CHAT,
    declared: dict[str, dict[str, Any]] | None = None,
    phase: str | None = None,
    faults: tuple[FaultTimeline, ...] = (),
) -> Scope:
    """Return a scope that holds exactly these requests, 10 ms apart and each of 50 ms, in the baseline of the run `base`."""
    samples: list[dict[str, Any]] = []
    attempts: list[dict[str, Any]] = []
    for number, one in enumerate(played):
        row = _row(base, number, one.row)
        made_by = -1
        for attempt in one.attempts:
            attempts.append(_attempt(row, number, len(attempts), attempt))
            if attempts[-1]["end"] == "completed":
                made_by = len(attempts) - 1
        row["made_by"] = made_by if one.by is None else one.by
        row["attempts"] = len(one.attempts)
        row["completed"] = sum(attempt.get("end", "completed") == "completed" for attempt in one.attempts)
        if "provider" not in one.row:
            row["provider"] = attempts[row["made_by"]]["provider"] if row["made_by"] >= 0 else None
        samples.append(row)
    plan = base.plan.model_copy(update={"traffic": Traffic(routes=(route,)), "declared": declared or {}})
    tables = replace(
        base,
        record=base.record.model_copy(update={"plan": plan}),
        samples=pd.DataFrame(samples),
        faults=faults,
        attempts=pd.DataFrame(attempts),
    )
    tables.__dict__["ids_arrive"] = True
    tables.__dict__["asked"] = pd.DataFrame(
        {
            "fingerprint": [number if one.body is None else one.body for number, one in enumerate(played)],
            "key": [one.key for one in played],
            "keyed": [one.keyed for one in played],
        }
    )
    return Scope(tables, tables.load, phase)


def flags_set(start_s: float, end_s: float | None, **parameters: Any) -> FaultTimeline:
    """Return flags that were set and taken back at these moments of the load."""
    planned = PlannedFault(
        id="f1",
        name="flags-set",
        on="gateway",
        phase="baseline",
        start_ns=round(start_s * S),
        end_ns=round((start_s if end_s is None else end_s) * S),
        parameters={"weights": "", "tenants": "", "rollback": 0, **parameters},
        definition=Content().fault("flags-set"),
    )
    cleared_ns = None if end_s is None else round(end_s * S)
    return FaultTimeline(planned, acknowledged_ns=round(start_s * S), cleared_ns=cleared_ns)


def _row(base: RunTables, number: int, said: dict[str, Any]) -> dict[str, Any]:
    due_ns = int(said.get("due_ns", base.start_ns + number * 10 * MS))
    complete = said.get("outcome", "ok") == "ok"
    row: dict[str, Any] = {
        "arrival_id": number,
        "ordinal": 0,
        "kind": "load",
        "lane": "target",
        "route": "chat",
        "tenant": f"tenant-{number}",
        "due_ns": due_ns,
        "sent_ns": due_ns,
        "first_byte_ns": due_ns + 10 * MS,
        "first_token_ns": -1,
        "done_ns": due_ns + 50 * MS,
        "outcome": "ok",
        "cause": "",
        "status": 200,
        "bytes_received": 1000,
        "tokens": 0,
        "terminal": 0,
        "gap_max_us": 0,
        "usage_in": NO_USAGE_IN,
        "usage_out": NO_USAGE_OUT,
        "token_flaws": 0,
        "stamp_matches": 3,
        "label": "baseline",
        "complete": complete,
        "good": complete,
        "response_ms": 50.0,
    }
    return row | said


def _attempt(row: dict[str, Any], sample: int, number: int, said: dict[str, Any]) -> dict[str, Any]:
    attempt: dict[str, Any] = {
        "provider": "provider-a",
        "attempt": number + 1,
        "kind": "load",
        "sample": sample,
        "arrived_ns": row["sent_ns"] + MS,
        "first_token_ns": row["sent_ns"] + 9 * MS,
        "ended_ns": row["done_ns"] - MS,
        "end": "completed",
        "status": 200,
        "tokens_in": 40,
        "tokens_out": 24,
        "gap_max_us": 1000,
    }
    return attempt | said
