"""Makes run folders of millions of samples in seconds: a failover outage, drawn column by column with numpy.

The world is the one of `tests/simulated.py` (two providers, the first drops everything for a while, the gateway's breaker
opens and probes), without its knobs. What the processes would have left in `parts/` is written as streams, row for row in the
order of their ends, so everything behind a run works on it. `python -m tests.bench.many DIR ROWS` makes one.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from gatebench.plan import Plan
from gatebench.run.folder import Clock, RunFolder, RunRecord
from gatebench.sample import (
    ATTEMPT,
    CAUSE,
    COMPLETED,
    DROPPED,
    ERROR,
    FAILED,
    FIXED_VOCABULARIES,
    NEVER,
    NO_WORD,
    OK,
    SAMPLE,
    Table,
)
from tests.factory import CREATED_UNIX_NS, PROVIDERS
from tests.planned import LOAD_START_NS, MS, Knobs, S, make_plan

RATE_PER_S: Final = 2500
NOTICE_NS: Final = 80 * MS
OPEN_NS: Final = 2 * S
PAUSE_NS: Final = 200_000
BATCH_ROWS: Final = 50_000
CANARIES: Final = 6
BROKEN: Final = 0.001
_SHARES: Final = {"warmup_s": 0.04, "baseline_s": 0.4, "fault_s": 0.2, "recovery_s": 0.36}

Columns = dict[str, npt.NDArray[Any]]
Times = npt.NDArray[np.int64]


def make_many(root: Path, rows: int, seed: int = 7) -> RunFolder:
    """Write a run of about `rows` requests below `root`, and return its folder."""
    lasting_s = rows / RATE_PER_S
    parts: dict[str, Any] = {name: lasting_s * part for name, part in _SHARES.items()}
    knobs = Knobs(seed=seed, rate_per_s=RATE_PER_S, **parts)
    plan = make_plan(knobs)
    folder = RunFolder.create(root, plan)
    fault = plan.faults[0]
    edges = (LOAD_START_NS + fault.start_ns + 3 * MS, LOAD_START_NS + fault.end_ns + 4 * MS)
    samples, attempts = _play(plan, edges, np.random.default_rng(seed))
    end_ns = LOAD_START_NS + plan.load.duration_ns + 100 * MS
    hits = int((attempts[0]["end"] == DROPPED).sum())
    _stream(SAMPLE, folder.parts / "samples-0.arrow", samples, plan, {"worker": 0})
    del samples
    for name, columns in zip(PROVIDERS, attempts, strict=True):
        _stream(ATTEMPT, folder.parts / f"attempts-{name}.arrow", columns, plan, {"provider": name})
    _worker(folder, end_ns)
    _events(folder, plan, edges, end_ns, hits)
    _record(folder, plan, end_ns)
    _series(folder, end_ns)
    return folder


def _play(plan: Plan, edges: tuple[int, int], random: np.random.Generator) -> tuple[Columns, list[Columns]]:
    """Return the columns of the samples, and those of each provider's attempts, in order of arrival."""
    due_ns = plan.schedule().due_ns + LOAD_START_NS
    n = len(due_ns)
    sent_ns = due_ns + (0.15 * MS * random.lognormal(0, 0.3, n)).astype(np.int64)
    asked_ns = sent_ns + 2 * PAUSE_NS
    down = (asked_ns >= edges[0]) & (asked_ns < edges[1])
    first = ~down | _tried(asked_ns, edges)
    failed = down & first
    reached_ns = np.where(failed, asked_ns + NOTICE_NS + PAUSE_NS, asked_ns)
    took_ns = (45 * MS * random.lognormal(0, 0.2, n)).astype(np.int64)
    done_ns = reached_ns + took_ns + 2 * PAUSE_NS
    provider = down.astype(np.uint8)
    phase = np.searchsorted([one.end_ns for one in plan.phases], due_ns - LOAD_START_NS, side="right").astype(np.uint8)
    broken = random.random(n) < BROKEN
    arrivals, prints = np.arange(n, dtype=np.uint32), random.integers(1, 1 << 63, n, np.uint64)
    drawn = _Drawn(arrivals, prints, asked_ns, reached_ns, took_ns, failed, broken, provider, phase)
    books = [_attempts(number, drawn, edges) for number in (0, 1)]
    number = np.zeros(n, np.uint32)
    for book in books:
        made = (book["end"] == COMPLETED) & (book["kind"] < 2)
        number[book["arrival_id"][made]] = book["attempt"][made]
    samples: Columns = {
        "arrival_id": arrivals,
        "kind": (phase == 0).astype(np.uint8),
        "phase": phase,
        "tenant": random.integers(0, 5, n).astype(np.uint16),
        "due_ns": due_ns,
        "sent_ns": sent_ns,
        "first_byte_ns": done_ns - 100_000,
        "first_token_ns": np.full(n, NEVER),
        "done_ns": done_ns,
        "outcome": np.where(broken, ERROR, OK).astype(np.uint8),
        "cause": np.where(broken, CAUSE["status"], CAUSE[""]).astype(np.uint8),
        "status": np.where(broken, 502, 200).astype(np.uint16),
        "bytes_sent": np.full(n, 480, np.uint32),
        "bytes_received": np.full(n, 690, np.uint32),
        "connection": arrivals % 24 + 1,
        "reused": (arrivals >= 24).astype(np.uint8),
        "provider": np.where(broken, NO_WORD["u1"], provider).astype(np.uint8),
        "attempt": number,
        "service_ns": np.where(broken, NEVER, took_ns),
        "stamp_matches": np.where(broken, 0, 3).astype(np.uint8),
    }
    return samples, books


def _tried(asked_ns: Times, edges: tuple[int, int]) -> npt.NDArray[np.bool_]:
    """Tell which requests go to the provider that is down: until its failures are noticed, then a probe each open time."""
    opened_ns = edges[0] + NOTICE_NS
    tried = asked_ns < opened_ns
    probe_ns = np.arange(opened_ns + OPEN_NS, edges[1], OPEN_NS + NOTICE_NS)
    tried[np.searchsorted(asked_ns, probe_ns)] = True
    return tried


@dataclass(frozen=True)
class _Drawn:
    """What was drawn for each request; `failed` at the first provider before `served` answered, `broken` in the end."""

    arrivals: npt.NDArray[np.uint32]
    prints: npt.NDArray[np.uint64]
    asked_ns: Times
    reached_ns: Times
    took_ns: Times
    failed: npt.NDArray[np.bool_]
    broken: npt.NDArray[np.bool_]
    served: npt.NDArray[np.uint8]
    phase: npt.NDArray[np.uint8]


def _attempts(provider: int, drawn: _Drawn, edges: tuple[int, int]) -> Columns:
    """Return the attempts at one provider, its canaries among them, in order of arrival."""
    good = np.flatnonzero(drawn.served == provider)
    bad = np.flatnonzero(drawn.failed) if provider == 0 else good[:0]
    own = np.concatenate((good, bad))
    dropped = np.arange(len(own)) >= len(good)
    arrived_ns = np.where(dropped, drawn.asked_ns[own], drawn.reached_ns[own])
    canary_ns = np.array(
        [start + number * 15 * MS for start in (LOAD_START_NS - S, edges[1] + 2 * MS) for number in range(CANARIES)]
    )
    canary_ns = canary_ns if provider == 0 else canary_ns[:0]
    arrived_ns = np.concatenate((arrived_ns, canary_ns))
    order = np.argsort(arrived_ns, kind="stable")
    more = len(canary_ns)

    def column(values: npt.NDArray[Any], of_canary: int = 0) -> npt.NDArray[Any]:
        return np.concatenate((values, np.full(more, of_canary, values.dtype)))[order]

    took_ns = column(np.where(dropped, NOTICE_NS, drawn.took_ns[own]), 45 * MS)
    arrived_ns = arrived_ns[order]
    broken = column(drawn.broken[own] & ~dropped)
    dropped = column(dropped)
    return {
        "attempt": np.arange(1, len(order) + 1, dtype=np.uint32),
        "arrival_id": column(drawn.arrivals[own]),
        "kind": column((drawn.phase[own] == 0).astype(np.uint8), 2),
        "seen": np.ones(len(order), np.uint16),
        "arrived_ns": arrived_ns,
        "first_token_ns": np.where(dropped | broken, NEVER, arrived_ns + took_ns - MS),
        "ended_ns": arrived_ns + took_ns,
        "service_ns": took_ns,
        "end": np.select([dropped, broken], [DROPPED, FAILED], COMPLETED).astype(np.uint8),
        "fault": dropped.astype(np.uint8),
        "status": np.select([dropped, broken], [0, 500], 200).astype(np.uint16),
        "fingerprint": column(drawn.prints[own]),
        "tenant": np.full(len(order), NO_WORD["u2"], np.uint16),
        "connection": (1 + np.arange(len(order)) % 8).astype(np.uint32),
        "tokens_in": np.full(len(order), 40, np.uint32),
        "tokens_out": np.where(dropped | broken, 0, 24).astype(np.uint32),
    }


def _stream(table: Table, path: Path, columns: Columns, plan: Plan, facts: dict[str, Any]) -> None:
    """Write columns as the stream that a process would have left: in order of their ends, with its end mark."""
    words = {**FIXED_VOCABULARIES, **plan.vocabularies()}
    head = {"gatebench": json.dumps({"table": table.name, "vocabularies": words, "facts": facts})}
    fields = [pa.field(column.name, pa.from_numpy_dtype(np.dtype(column.type))) for column in table.columns]
    schema = pa.schema(fields, metadata=head)
    ended = "done_ns" if table is SAMPLE else "ended_ns"
    order = np.argsort(columns[ended], kind="stable")
    with path.open("wb") as file, pa.ipc.new_stream(file, schema) as stream:
        for start in range(0, len(order), BATCH_ROWS):
            rows = order[start : start + BATCH_ROWS]
            arrays = [
                pa.array(columns[name][rows].astype(kind) if name in columns else np.zeros(len(rows), kind))
                for name, kind in ((column.name, "<" + column.type) for column in table.columns)
            ]
            stream.write_batch(pa.RecordBatch.from_arrays(arrays, schema=schema))


def _worker(folder: RunFolder, end_ns: int) -> None:
    wall_s = (end_ns - LOAD_START_NS) / S
    facts = {
        "worker": 0,
        "stopped_ns": None,
        "cpu_s": wall_s * 0.35,
        "wall_s": wall_s,
        "cpu_share": 0.35,
        "resend_check": {"requests_handed_over": 1000, "requests_written": 1000},
        "local_errors": {},
        "defect": None,
    }
    (folder.parts / "load-0.json").write_text(json.dumps(facts))


def _events(folder: RunFolder, plan: Plan, edges: tuple[int, int], end_ns: int, hits: int) -> None:
    fault = plan.faults[0]
    facts = {"fault": fault.id, "name": fault.name, "on": fault.on}
    found: list[tuple[int, str, dict[str, Any]]] = [
        (LOAD_START_NS - 500 * MS, "target.ready", {}),
        (LOAD_START_NS - 200 * MS, "load.started", {"t0_ns": LOAD_START_NS}),
        (edges[0] - 2 * MS, "fault.requested", facts),
        (edges[0], "fault.acknowledged", facts),
        (edges[0] + 100 * MS, "fault.proven", facts),
        (edges[1] - 2 * MS, "fault.clear_requested", facts),
        (edges[1], "fault.cleared", {**facts, "hits": hits}),
        (edges[1] + 100 * MS, "fault.proven_clear", facts),
        (end_ns, "load.finished", {}),
    ]
    for stage, start_ns in (("before", LOAD_START_NS - S), ("during", edges[0] + 2 * MS), ("after", edges[1] + 2 * MS)):
        met = "eof" if stage == "during" else "answer"
        told = {"fault": fault.id, "stage": stage, "expected": met, "met": met, "ok": True, "took_ns": 45 * MS}
        found += [
            (start_ns + number * 15 * MS, "canary", {**told, "pooled": number >= CANARIES // 2})
            for number in range(CANARIES)
        ]
    for at_ns, name, of_event in sorted(found, key=lambda event: event[0]):
        folder.event(name, at_ns, **of_event)


def _record(folder: RunFolder, plan: Plan, end_ns: int) -> None:
    clock = Clock(
        monotonic_ns=LOAD_START_NS - 2 * S,
        unix_ns=CREATED_UNIX_NS,
        load_start_ns=LOAD_START_NS,
        load_end_ns=end_ns,
    )
    record = RunRecord(
        id=folder.path.name,
        status="finished",
        created="2026-08-28T12:00:00.000+00:00",
        plan=plan,
        command=["bench", "run", "failover-outage", "--target", plan.target.name],
        provenance={"gatebench": "0.1.0", "cores": 2, "engine": {"kind": "embedded", "version": "0.1.0"}},
        clock=clock,
    )
    folder.save(record)


def _series(folder: RunFolder, end_ns: int) -> None:
    """Write what four processes used once a second."""
    seconds = np.arange(1, (end_ns - LOAD_START_NS) // S)
    noise = np.random.default_rng(1)
    tables = [
        pa.table(
            {
                "at_ns": LOAD_START_NS + seconds * S,
                "process": [process] * len(seconds),
                "metric": [metric] * len(seconds),
                "value": (level * seconds if metric == "cpu_s" else np.full(len(seconds), level))
                + (noise.random(len(seconds)) * 0.01 if metric == "cpu_s" else 0.0),
            }
        )
        for process, busy in (("load-0", 0.35), ("gateway", 0.42), ("provider-a", 0.2), ("provider-b", 0.1))
        for metric, level in (("cpu_s", busy), ("rss_bytes", 6e7), ("descriptors", 40.0), ("threads", 3.0))
    ]
    pq.write_table(pa.concat_tables(tables).sort_by("at_ns"), folder.series)


if __name__ == "__main__":
    sys.stdout.write(f"{make_many(Path(sys.argv[1]), int(sys.argv[2])).path}\n")
