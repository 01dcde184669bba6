"""Makes whole run folders without a run: what the simulation played, written as the processes of a real run write it.

`python tests/factory.py DIR [knob=value...]` writes one that looks like `failover-outage`, its summary included.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

if not __package__:  # started as a script, Python looks beside this file only
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from gatebench.run.folder import Clock, RunFolder, RunRecord
from gatebench.run.stream import StreamWriter
from gatebench.sample import ATTEMPT, CAUSE, IN_FLIGHT, NEVER, NO_ARRIVAL, NO_WORD, SAMPLE, Table
from tests.planned import LOAD_START_NS, MS, Knobs, S, make_plan
from tests.simulated import Simulation

PROVIDERS = ("provider-a", "provider-b")
END_OF_STREAM_BYTES = 8
CREATED_UNIX_NS = 1_788_000_000 * S


def make_run(root: Path, **knobs: Any) -> RunFolder:
    """Write a run below `root` and return its folder; the knobs are the fields of `tests.planned.Knobs`."""
    unknown = set(knobs) - {known.name for known in fields(Knobs)}
    if unknown:
        raise TypeError(f"the factory has no knob {', '.join(sorted(unknown))}")
    turned = Knobs(**knobs)
    plan = make_plan(turned)
    simulation = Simulation(turned, plan)
    simulation.run()
    folder = RunFolder.create(root, plan)
    Writing(folder, simulation).write()
    return folder


class Writing:
    """Writes a simulated run into its folder, stopped or killed when the knobs say so."""

    def __init__(self, folder: RunFolder, simulation: Simulation) -> None:
        self.folder, self.simulation, self.knobs = folder, simulation, simulation.knobs
        self.end_ns = LOAD_START_NS + simulation.plan.load.duration_ns + 100 * MS
        if self.knobs.stopped_at_s is not None:
            self.end_ns = LOAD_START_NS + round(self.knobs.stopped_at_s * S)
        self.killed = self.knobs.killed_at_s is not None
        if self.knobs.killed_at_s is not None:
            self.end_ns = LOAD_START_NS + round(self.knobs.killed_at_s * S)

    def write(self) -> None:
        """Write everything the run would have left."""
        self._samples()
        self._attempts()
        if not self.killed:
            self._worker_facts()
        self._events()
        self._record()
        if self.knobs.series and not self.killed:
            self._series()

    def _samples(self) -> None:
        rows = [answer.row for answer in self.simulation.answers]
        if self.knobs.evidence == "no-ledger" and not self.knobs.stamped:
            rows = [row | {"provider": NO_WORD["u1"], "stamp_matches": 0, "service_ns": NEVER} for row in rows]
        if self.knobs.stopped_at_s is not None:
            rows = [self._cut(row) for row in rows if row["due_ns"] < self.end_ns]
        for worker in range(self.knobs.workers):
            own = [row for row in rows if row["arrival_id"] % self.knobs.workers == worker]
            lost = self.knobs.lost_worker and worker == self.knobs.workers - 1
            end_ns = LOAD_START_NS + 15 * S if lost else self.end_ns
            path = self.folder.parts / f"samples-{worker}.arrow"
            self._stream(SAMPLE, path, own, {"worker": worker}, end_ns if lost or self.killed else None)
            if self.knobs.torn_bytes:
                path.write_bytes(path.read_bytes()[: -self.knobs.torn_bytes])

    def _cut(self, row: dict[str, int]) -> dict[str, int]:
        """Return the row as it stands when the run is stopped: unfinished requests are in flight."""
        if row["done_ns"] <= self.end_ns:
            return row
        nobody = {"provider": NO_WORD["u1"], "attempt": 0, "service_ns": NEVER, "stamp_matches": 0, "status": 0}
        return row | {"done_ns": self.end_ns, "outcome": IN_FLIGHT, "cause": CAUSE["stopped"], **nobody}

    def _attempts(self) -> None:
        for number, name in enumerate(PROVIDERS):
            if name not in self.knobs.provider_streams:
                continue
            rows = [self._attempt_row(made) for made in self.simulation.tries if made.provider == number]
            rows = [row for row in rows if row["arrived_ns"] <= self.end_ns]
            path = self.folder.parts / f"attempts-{name}.arrow"
            self._stream(ATTEMPT, path, rows, {"provider": name}, self.end_ns if self.killed else None)

    @staticmethod
    def _attempt_row(made: Any) -> dict[str, int]:
        known = made.arrival != NO_ARRIVAL
        completed = made.status == 200
        return {
            "attempt": made.number,
            "arrival_id": made.arrival,
            "ordinal": 0 if known else NO_WORD["u2"],
            "kind": made.kind,
            "seen": made.seen,
            "arrived_ns": made.arrived_ns,
            "first_token_ns": made.ended_ns - MS if completed else NEVER,
            "ended_ns": made.ended_ns,
            "service_ns": made.ended_ns - made.arrived_ns,
            "end": made.end,
            "fault": made.fault,
            "status": made.status,
            "stream": 0,
            "fingerprint": made.fingerprint,
            "tenant": NO_WORD["u2"],
            "connection": 1 + made.number % 8,
            "tokens_in": 40,
            "tokens_out": 24 if completed else 0,
        }

    def _stream(
        self, table: Table, path: Path, rows: Iterable[dict[str, int]], facts: dict[str, Any], killed_ns: int | None
    ) -> None:
        """Write rows as they were finished, a batch a second; a killed writer loses its last second and end mark."""
        finished = "done_ns" if table is SAMPLE else "ended_ns"
        batches: dict[int, list[dict[str, int]]] = defaultdict(list)
        last_flush = ((killed_ns or self.end_ns) - LOAD_START_NS) // S
        for row in rows:
            second = (row[finished] - LOAD_START_NS) // S
            if killed_ns is None or second < last_flush:
                batches[second].append(row)
        writer = StreamWriter(table, path, self.simulation.plan.vocabularies(), facts)
        for second in sorted(batches):
            for row in sorted(batches[second], key=lambda row: row[finished]):
                writer.append(*(row.get(column.name, 0) for column in table.columns))  # 0: not played
            writer.flush()
        writer.close()
        if killed_ns is not None:
            path.write_bytes(path.read_bytes()[:-END_OF_STREAM_BYTES])

    def _worker_facts(self) -> None:
        for worker in range(self.knobs.workers):
            if self.knobs.lost_worker and worker == self.knobs.workers - 1:
                continue
            wall_s = (self.end_ns - LOAD_START_NS) / S
            facts = {
                "worker": worker,
                "stopped_ns": self.end_ns if self.knobs.stopped_at_s is not None else None,
                "cpu_s": round(wall_s * self.knobs.cpu_share, 3),
                "wall_s": round(wall_s, 3),
                "cpu_share": self.knobs.cpu_share,
                "resend_check": {"requests_handed_over": 1000, "requests_written": 1000 + self.knobs.written_twice},
                "local_errors": {"EMFILE": self.knobs.local_errors} if self.knobs.local_errors else {},
                "defect": self.knobs.defect,
            }
            (self.folder.parts / f"load-{worker}.json").write_text(json.dumps(facts))

    def _events(self) -> None:
        """Write what happened up to the end of the run, in order."""
        found: list[tuple[int, str, dict[str, Any]]] = [
            (LOAD_START_NS - 500 * MS, "target.ready", {}),
            (LOAD_START_NS - 200 * MS, "load.started", {"t0_ns": LOAD_START_NS}),
            *self._fault_events(),
        ]
        if self.knobs.lost_worker:
            found.append(
                (LOAD_START_NS + 15 * S, "load.worker_lost", {"worker": self.knobs.workers - 1, "exit_code": -9})
            )
        if self.knobs.stopped_at_s is not None:
            found.append((self.end_ns, "run.interrupted", {}))
        if not self.killed:
            found.append((self.end_ns, "load.finished", {}))
        for at_ns, name, facts in sorted(found, key=lambda event: event[0]):
            if at_ns <= self.end_ns:
                self.folder.event(name, at_ns, **facts)

    def _fault_events(self) -> list[tuple[int, str, dict[str, Any]]]:
        plan, knobs = self.simulation.plan, self.knobs
        if not plan.faults or not knobs.apply:
            return []
        t0_ns, t1_ns = self.simulation.edges_ns
        facts = {"fault": "f1", "name": plan.faults[0].name, "on": plan.faults[0].on}
        found: list[tuple[int, str, dict[str, Any]]] = [
            (t0_ns - 2 * MS, "fault.requested", facts),
            (t0_ns, "fault.acknowledged", facts),
            (t1_ns - 2 * MS, "fault.clear_requested", facts),
            (t1_ns, "fault.cleared", {**facts, "hits": sum(made.fault > 0 for made in self.simulation.tries)}),
        ]
        last = {"during": t0_ns, "after": t1_ns}
        for _, stage, pooled, at_ns in self.simulation.canaries():
            found.append((at_ns, "canary", {"fault": "f1", "stage": stage, "pooled": pooled, **self._met(stage)}))
            last[stage] = at_ns
        if knobs.canaries and knobs.bite > 0:
            found.append((last["during"] + MS, "fault.proven", facts))
        if knobs.canaries and knobs.clear:
            found.append((last["after"] + MS, "fault.proven_clear", facts))
        return found

    def _met(self, stage: str) -> dict[str, Any]:
        """Return what a canary of this stage meets; for a ratio fault the time it took shows the effect."""
        knobs = self.knobs
        ratio = knobs.effect == "ratio"
        bites = (stage == "during" and knobs.bite > 0) or (stage == "after" and not knobs.clear)
        expected = ("delay" if ratio else "eof") if stage == "during" else "answer"
        met = ("delay" if ratio else "eof") if bites else "answer"
        took_ns = 45 * MS + (round(200 * MS * knobs.bite) if ratio and bites else 0)
        return {"expected": expected, "met": met, "ok": met == expected, "took_ns": took_ns}

    def _record(self) -> None:
        plan, knobs = self.simulation.plan, self.knobs
        status = "running" if self.killed else ("interrupted" if knobs.stopped_at_s is not None else "finished")
        clock = Clock(
            monotonic_ns=LOAD_START_NS - 2 * S,
            unix_ns=CREATED_UNIX_NS,
            load_start_ns=LOAD_START_NS,
            load_end_ns=None if self.killed else self.end_ns,
        )
        provenance = {
            "gatebench": "0.1.0",
            "python": "3.11.7",
            "platform": "Linux x86_64",
            "cores": 2,
            "engine": {"kind": "embedded", "version": "0.1.0"},
            "target_version": "0.1.0",
        }
        record = RunRecord(
            id=self.folder.path.name,
            status=status,
            created="2026-08-28T12:00:00.000+00:00",
            plan=plan,
            command=["bench", "run", "failover-outage", "--target", plan.target.name],
            provenance=provenance,
            clock=clock,
        )
        self.folder.save(record)

    def _series(self) -> None:
        """Write processor time, memory and descriptors of four processes once a second."""
        random = np.random.default_rng(1)
        rows = [
            (LOAD_START_NS + second * S, process, metric, round(level * float(random.lognormal(0, 0.002)), 3))
            for second in range(1, (self.end_ns - LOAD_START_NS) // S)
            for process, busy in (("load-0", 0.35), ("gateway", 0.42), ("provider-a", 0.2), ("provider-b", 0.1))
            for metric, level in (
                ("cpu_s", busy * second),
                ("rss_bytes", 6e7 * (1 + busy)),
                ("descriptors", 40.0),
                ("threads", 3.0),
            )
        ]
        names = ("at_ns", "process", "metric", "value")
        pq.write_table(
            pa.table({name: list(column) for name, column in zip(names, zip(*rows, strict=True), strict=True)}),
            self.folder.series,
        )


def main(arguments: list[str]) -> None:
    """Write one run below the folder named first, with its summary; `knob=value` turns a knob (value in JSON)."""
    root, *turned = arguments
    knobs = {name: json.loads(value) for name, value in (knob.split("=", 1) for knob in turned)}
    folder = make_run(Path(root), **knobs)
    from gatebench.analysis.summary import summarise

    summary = summarise(folder)
    sys.stdout.write(f"{folder.path}\n{summary.verdict}: {summary.headline}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
