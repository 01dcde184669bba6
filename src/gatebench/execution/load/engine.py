"""The parent's side of the load: starts the load processes, gives them the schedule's zero, and hears how it goes.

Nothing here imports gevent or Locust. One worker is one process (Locust's local runner); several are one master and as
many workers, tied by Locust's messages over loopback. The schedule is divided by position, so no arrival is sent twice
and a lost worker's arrivals are missing rows, which the books show.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from gatebench.errors import ConfigurationError, EnvironmentFailure
from gatebench.execution.load.config import Role, WorkerConfig
from gatebench.execution.load.load_process import LoadProcess
from gatebench.execution.load.state import LoadState, LostProcess, merged
from gatebench.execution.load.wire import header_problems
from gatebench.execution.process import StartProcess
from gatebench.plan import Endpoint, Plan
from gatebench.run.folder import RunFolder

__all__ = ["LoadEngine", "LoadState", "LostProcess"]

MASTER: Final = "load-master"
_POLL_S: Final = 0.02
_STOP_S: Final = 4.0


class LoadEngine:
    """The load of one run. Rows go to `parts/samples-N.arrow`, facts of each worker to `parts/load-N.json`.

    `headers` are added to every request; they go to the children over pipes and are written nowhere. Raises
    ConfigurationError when a header cannot be sent.
    """

    def __init__(self, plan: Plan, folder: RunFolder, processes: StartProcess, headers: Mapping[str, str]) -> None:
        problems = header_problems(headers)
        if problems:
            raise ConfigurationError(problems)
        self._plan = plan
        self._folder = folder
        self._start_process = processes.start
        self._headers = dict(headers)
        self._workers: list[LoadProcess] = []
        self._master: LoadProcess | None = None

    def start(self, endpoints: Mapping[str, Endpoint]) -> None:
        """Start the load processes, which will send to the endpoint of each lane; returns at once."""
        workers = self._plan.load.workers
        if workers > 1:
            self._master = self._launch(MASTER, "master", 0, endpoints)
        role: Role = "worker" if workers > 1 else "local"
        for worker in range(workers):
            self._workers.append(self._launch(f"load-{worker}", role, worker, endpoints))

    def wait_ready(self, within_s: float) -> None:
        """Wait until every worker could begin; EnvironmentFailure with the last log lines of the one that cannot."""
        deadline_s = time.monotonic() + within_s
        port_is_told = False
        while True:
            if not port_is_told and self._master is not None and self._master.master_port is not None:
                port_is_told = True
                for process in self._workers:
                    process.tell(master_port=self._master.master_port)
            waited_for = [process for process in self._processes() if not process.ready.is_set()]
            if not waited_for and (port_is_told or self._master is None):
                return
            for process in self._processes():
                if process.is_over():
                    ended = f"{process.child.name} ended with exit code {process.child.poll()} before it was ready."
                    raise EnvironmentFailure(ended, process.log_tail())
            if time.monotonic() > deadline_s:
                late = (waited_for or self._processes())[0]
                raise EnvironmentFailure(f"{late.child.name} was not ready within {within_s:g} s.", late.log_tail())
            time.sleep(_POLL_S)

    def begin(self, t0_ns: int) -> None:
        """Set zero of the schedule to `t0_ns` of the monotonic clock, a moment in the near future."""
        (self._master or self._workers[0]).tell(t0_ns=t0_ns)

    def poll(self) -> LoadState:
        """Return how it goes; never waits."""
        lost = tuple(
            LostProcess(process.child.name, process.child.pid, process.child.poll() or 0)
            for process in self._processes()
            if process.is_lost()
        )
        finished = bool(self._workers) and all(process.is_over() for process in self._workers)
        return merged(
            [process.progress for process in self._workers],
            [process.rate_per_s for process in self._workers if not process.is_over()],
            finished=finished,
            lost=lost,
        )

    def end_early(self) -> None:
        """Have nothing more sent, and let `poll` say when every row is written."""
        for process in self._workers:
            process.tell(stop=True)

    def stop(self) -> None:
        """Have nothing more sent and every row written; returns when all load processes are gone, after 4 s at the latest.

        Harmless before `start`, when all is over, and a second time.
        """
        self.end_early()
        self.wait_finished(_STOP_S)

    def wait_finished(self, within_s: float) -> LoadState:
        """Wait until the load is finished, at most `within_s`; the state says whether it is."""
        deadline_s = time.monotonic() + within_s
        while self._workers and not self.poll().finished and time.monotonic() < deadline_s:
            time.sleep(_POLL_S)
        if self._master is not None:
            self._master.tell(stop=True)
            while not self._master.is_over() and time.monotonic() < deadline_s:
                time.sleep(_POLL_S)
        return self.poll()

    def pids(self) -> dict[str, int]:
        """Return the process ids by name, of those that still run."""
        return {process.child.name: process.child.pid for process in self._processes() if not process.is_over()}

    def _processes(self) -> list[LoadProcess]:
        return [*([self._master] if self._master else []), *self._workers]

    def _launch(self, name: str, role: Role, worker: int, endpoints: Mapping[str, Endpoint]) -> LoadProcess:
        config_path = self._folder.work / f"{name}.config.json"
        log: Path = self._folder.logs / f"{name}.log"
        parts: Path = self._folder.parts.resolve()
        own = role != "master"
        WorkerConfig(
            role=role,
            plan=self._plan,
            endpoints=dict(endpoints),
            worker=worker,
            stream_path=parts / f"samples-{worker}.arrow" if own else None,
            facts_path=parts / f"load-{worker}.json" if own else None,
            trace_path=self._folder.trace.resolve() if self._folder.trace.exists() else None,
        ).write(config_path)
        program = "locustfile" if self._plan.load.locustfile else "worker"
        argv = [sys.executable, "-m", f"gatebench.execution.load.{program}", str(config_path.resolve())]
        process = LoadProcess(self._start_process(name, argv, log=log, pipes=True), log)
        process.tell(headers=self._headers)
        return process
