"""Runs the load of a plan with real processes, for the end-to-end tests."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gatebench.execution.load.engine import LoadEngine, LoadState
from gatebench.execution.secrets import Secrets
from gatebench.plan import Endpoint, Plan
from gatebench.run.folder import RunFolder
from gatebench.run.stream import StreamTail
from gatebench.sample import CAUSES, OUTCOMES
from tests.execution.load.starting import PlainStart

MS = 1_000_000
PATIENCE_S = 60.0


class Running:
    """A load that was started and is ready, its folder, and its processes."""

    def __init__(self, plan: Plan, folder: RunFolder, processes: PlainStart, engine: LoadEngine) -> None:
        self.plan = plan
        self.folder = folder
        self.processes = processes
        self.engine = engine
        self.t0_ns = 0

    def begin(self) -> None:
        """Set zero a moment ahead."""
        self.t0_ns = time.monotonic_ns() + 200 * MS
        self.engine.begin(self.t0_ns)

    def sleep_until(self, elapsed_s: float) -> None:
        """Sleep until `elapsed_s` of the schedule."""
        time.sleep(max(0.0, (self.t0_ns - time.monotonic_ns()) / 1e9 + elapsed_s))

    def finish(self) -> LoadState:
        """Wait until the load is finished."""
        state = self.engine.wait_finished(PATIENCE_S)
        assert state.finished, self.logs()
        return state

    def exit_codes(self) -> dict[str, int | None]:
        """Return how each process ended."""
        return {name: child.poll() for name, child in self.processes.children.items()}

    def tail(self, worker: int) -> StreamTail:
        """Return what is left of a worker's stream."""
        return StreamTail(self.folder.parts / f"samples-{worker}.arrow")

    def rows(self) -> list[dict[str, Any]]:
        """Return all rows of all workers, outcomes and causes in words."""
        found: list[dict[str, Any]] = []
        for worker in range(self.plan.load.workers):
            table = self.tail(worker).table
            found += table.to_pylist() if table is not None else []
        return [row | {"outcome": OUTCOMES[row["outcome"]], "cause": CAUSES[row["cause"]]} for row in found]

    def facts(self, worker: int) -> dict[str, Any]:
        """Return what a worker said of itself at the end."""
        return dict(json.loads((self.folder.parts / f"load-{worker}.json").read_text()))

    def logs(self) -> str:
        """Return all logs."""
        return "\n".join(f"{path.name}: {path.read_text()}" for path in sorted(self.folder.logs.iterdir()))


@contextmanager
def running(plan: Plan, root: Path, port: int, trace: Path | None = None, **headers: str) -> Iterator[Running]:
    """Start the load processes towards 127.0.0.1:`port` and yield them when they are ready; nothing is left running.

    `trace` is what the run folder keeps of a trace.
    """
    processes = PlainStart()
    folder = RunFolder.create(root, plan)
    if trace is not None:
        shutil.copy(trace, folder.trace)
    engine = LoadEngine(plan, folder, processes, Secrets(headers))
    try:
        engine.start({"target": Endpoint(host="127.0.0.1", port=port)})
        engine.wait_ready(PATIENCE_S)
        yield Running(plan, folder, processes, engine)
        engine.stop()
    finally:
        processes.close()
