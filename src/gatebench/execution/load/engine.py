"""The parent's side of the load: starts the load processes, gives them the schedule's zero, and hears how it goes.

Nothing here imports gevent or Locust. One worker is one process (Locust's local runner); several are one master and as
many workers, tied by Locust's messages over loopback; workers on other machines join the same master, which tells of
them. The schedule is divided by position, so no arrival is sent twice and a lost worker's arrivals are missing rows,
which the books show.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from gatebench.alignment import ONE_CLOCK
from gatebench.errors import ConfigurationError, EnvironmentFailure
from gatebench.execution.load.config import Role, WorkerConfig
from gatebench.execution.load.joining import new_token
from gatebench.execution.load.load_process import FarWorker, LoadProcess, MasterProcess
from gatebench.execution.load.machine import machine, told
from gatebench.execution.load.state import LoadState, LostProcess, merged
from gatebench.execution.load.wire import header_problems
from gatebench.execution.process import Child, StartProcess
from gatebench.execution.secrets import Secrets
from gatebench.plan import Endpoint, Plan
from gatebench.run.folder import RunFolder, WorkerRecord

__all__ = ["LoadEngine", "LoadState", "LostProcess"]

MASTER: Final = "load-master"
_POLL_S: Final = 0.02
_STOP_S: Final = 4.0
_FAR_STOP_S: Final = 8.0  # the rows of the last second have a network to cross


class LoadEngine:
    """The load of one run. Rows go to `parts/samples-N.arrow`, facts of each worker to `parts/load-N.json`.

    `secrets` are added to the requests; they go to the children over pipes and are written nowhere, as does `join_token`,
    which workers show to the master. Raises ConfigurationError when a header cannot be sent.
    """

    def __init__(
        self,
        plan: Plan,
        folder: RunFolder,
        processes: StartProcess,
        secrets: Secrets,
        join_token: str | None = None,
    ) -> None:
        problems = header_problems(secrets.headers)
        if problems:
            raise ConfigurationError(problems)
        self._plan = plan
        self._folder = folder
        self._start_process = processes.start
        self._secrets = secrets
        self._token = join_token or new_token()
        self._workers: list[LoadProcess] = []
        self._master: MasterProcess | None = None

    def start(self, endpoints: Mapping[str, Endpoint]) -> None:
        """Start the load processes, which will send to the endpoint of each lane; returns at once."""
        load = self._plan.load
        here = load.workers - load.remote_workers
        alone = load.workers == 1 and here == 1
        if not alone:
            child, log = self._launch(MASTER, "master", 0, endpoints)
            self._master = MasterProcess(child, log, range(here, load.workers))
            self._master.tell(**self._said(), join_token=self._token)
        for worker in range(here):
            child, log = self._launch(f"load-{worker}", "local" if alone else "worker", worker, endpoints)
            process = LoadProcess(child, log)
            process.tell(**self._said(), **({} if alone else {"join_token": self._token}))
            self._workers.append(process)

    def wait_ready(self, within_s: float) -> None:
        """Wait until every worker could begin; EnvironmentFailure with the last log lines of the one that cannot.

        Workers on other machines have the plan's `join_within_s` on top: somebody may have to walk over.
        """
        load = self._plan.load
        deadline_s = time.monotonic() + within_s + (load.join_within_s if load.remote_workers else 0.0)
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
            for gone in (worker.lost() for worker in self._far()):
                if gone is not None:
                    raise EnvironmentFailure(f"{gone.name} was lost before the load began: {gone.why}.")
            if time.monotonic() > deadline_s:
                self._complain_of_absence()
                late = (waited_for or self._processes())[0]
                raise EnvironmentFailure(f"{late.child.name} was not ready within {within_s:g} s.", late.log_tail())
            time.sleep(_POLL_S)

    def begin(self, t0_ns: int) -> None:
        """Set zero of the schedule to `t0_ns` of the monotonic clock, a moment in the near future."""
        (self._master or self._workers[0]).tell(t0_ns=t0_ns)

    def poll(self) -> LoadState:
        """Return how it goes; never waits."""
        workers = self._all_workers()
        watched: list[LoadProcess | FarWorker] = [*self._processes(), *self._far()]
        lost = tuple(found for found in (worker.lost() for worker in watched) if found is not None)
        finished = bool(workers) and all(worker.is_over() for worker in workers)
        return merged(
            [worker.progress for worker in workers],
            [worker.rate_per_s for worker in workers if not worker.is_over()],
            finished=finished,
            lost=lost,
        )

    def end_early(self) -> None:
        """Have nothing more sent, and let `poll` say when every row is written."""
        for process in self._workers:
            process.tell(stop=True)

    def stop(self) -> None:
        """Have nothing more sent and every row written; returns when all load processes are gone, after 4 s at the latest
        (8 s with workers on other machines).

        Harmless before `start`, when all is over, and a second time.
        """
        self.end_early()
        self.wait_finished(_FAR_STOP_S if self._far() else _STOP_S)

    def wait_finished(self, within_s: float) -> LoadState:
        """Wait until the load is finished, at most `within_s`; the state says whether it is."""
        deadline_s = time.monotonic() + within_s
        while self._all_workers() and not self.poll().finished and time.monotonic() < deadline_s:
            time.sleep(_POLL_S)
        state = self.poll()
        if self._master is not None:
            self._master.tell(stop=True)
            while not self._master.is_over() and time.monotonic() < deadline_s:
                time.sleep(_POLL_S)
            state = self.poll()
        return state

    def pids(self) -> dict[str, int]:
        """Return the process ids by name, of those that still run."""
        return {process.child.name: process.child.pid for process in self._processes() if not process.is_over()}

    def records(self) -> list[WorkerRecord]:
        """Return what is known of each worker that began: its place, its versions, its clock."""
        if self._master is not None:
            return [record for _, record in sorted(self._master.records.items())]
        return [WorkerRecord(worker=0, place="local", clock=ONE_CLOCK, **told(machine()))] if self._workers else []

    def _processes(self) -> list[LoadProcess]:
        return [*([self._master] if self._master else []), *self._workers]

    def _far(self) -> list[FarWorker]:
        return list(self._master.far.values()) if self._master else []

    def _all_workers(self) -> list[LoadProcess | FarWorker]:
        return [*self._workers, *self._far()]

    def _complain_of_absence(self) -> None:
        """Raise EnvironmentFailure when workers on other machines did not come."""
        if self._master is None:
            return
        absent = [worker for worker in self._master.far if worker not in self._master.joined]
        if absent:
            load = self._plan.load
            many = f"{len(absent)} of {load.remote_workers} remote workers"
            raise EnvironmentFailure(
                f"{many} did not join at {load.listen} within {load.join_within_s:g} s. Type the line that bench run printed on the other "
                "machine, and see that it reaches this address.",
                self._master.refusals,
            )

    def _said(self) -> dict[str, Any]:
        """Return what a load process is told first, and nobody else."""
        return {"headers": self._secrets.headers, "keys": list(self._secrets.keys)}

    def _launch(self, name: str, role: Role, worker: int, endpoints: Mapping[str, Endpoint]) -> tuple[Child, Path]:
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
            parts_path=None if own else parts,
        ).write(config_path)
        program = "locustfile" if self._plan.load.locustfile else "worker"
        argv = [sys.executable, "-m", f"gatebench.execution.load.{program}", str(config_path.resolve())]
        return self._start_process(name, argv, log=log, pipes=True), log
