"""The steps of a run, in order."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from gatebench.errors import EnvironmentFailure, GatebenchError, Interrupted
from gatebench.execution.chaos.canary import Address, Canary, payload_path
from gatebench.execution.chaos.injector import Injector, Switch
from gatebench.execution.chaos.lever import Lever, LinkDownLever, ProviderLever, ToxicLever
from gatebench.execution.chaos.watchdog import WatchedLever
from gatebench.execution.load.engine import LoadEngine, LoadState
from gatebench.execution.provenance import provenance
from gatebench.execution.scrape import Scraper, assemble_series
from gatebench.execution.topology.supervisor import ChildProcess, Supervisor
from gatebench.execution.topology.topology import Topology
from gatebench.plan import Endpoint, Plan, PlannedFault
from gatebench.run.assemble import assemble
from gatebench.run.folder import RunFolder, Status

_WORKERS_READY_S = 30.0
_LEAD_NS = 300_000_000
_POLL_S = 0.1
_SLACK_S = 5.0


class Watcher(Protocol):
    """Somebody who looks on while a run happens: a progress line, a test, nobody."""

    def step(self, text: str) -> None:
        """A step of the run begins."""

    def progress(self, phase: str, elapsed_s: float, total_s: float, state: LoadState, faults: list[str]) -> None:
        """The load goes on."""


class Nobody:
    """Looks on and says nothing."""

    def step(self, text: str) -> None:
        """Ignore a step."""

    def progress(self, phase: str, elapsed_s: float, total_s: float, state: LoadState, faults: list[str]) -> None:
        """Ignore progress."""


@dataclass
class Runner:
    """One run of one plan into one fresh folder below `out`."""

    plan: Plan
    out: Path
    command: list[str] = field(default_factory=list)
    headers: Mapping[str, str] = field(default_factory=dict)
    workspace: Path = field(default_factory=Path.cwd)
    watcher: Watcher = field(default_factory=Nobody)
    on_teardown: Callable[[], None] = lambda: None  # called first when taking down begins, which nothing may cut short

    def run(self) -> RunFolder:
        """Make the run and return its folder.

        Raises EnvironmentFailure when something would not start, Interrupted (or KeyboardInterrupt) when somebody stopped it; the
        folder then holds what was measured until that moment, and nothing is left running in any case.
        """
        facts = provenance(self.workspace)
        try:
            self.folder = RunFolder.create(self.out, self.plan)
            self.record = self.folder.new_record(self.plan, self.command, facts)
        except OSError as error:
            raise EnvironmentFailure(f"The run folder below {self.out} cannot be written: {error.strerror}.") from error
        self.folder.event("run.planned", scenario=self.plan.scenario, target=self.plan.target.name)
        try:
            with Supervisor(self.plan.token, self._process_ended) as supervisor:
                self._measure(supervisor)
            if supervisor.survivors:
                self._trouble(f"processes {supervisor.survivors} could not be ended")
            self._end("finished")
        except (Interrupted, KeyboardInterrupt):
            self.folder.event("run.interrupted")
            self._end("interrupted")
            raise
        except GatebenchError as error:
            self._trouble(str(error))
            self._end("failed")
            raise
        except Exception as error:
            self._trouble(f"{type(error).__name__}: {error}")
            self._end("failed")
            raise EnvironmentFailure(f"The run broke: {type(error).__name__}: {error}.") from error
        return self.folder

    def _measure(self, supervisor: Supervisor) -> None:
        """Start, prove, load, break, heal, stop."""
        self.watcher.step("starting providers, links, gateway and load workers")
        topology = Topology(self.plan, self.folder, supervisor)
        load = LoadEngine(self.plan, self.folder, supervisor, self.headers)
        scraper = Scraper(self.folder.parts / "series.jsonl", lambda: self._pids(topology, load))
        injector: Injector | None = None
        try:
            topology.start()
            front = topology.links["front"]
            load.start({"target": Endpoint(host=front.host, port=front.port)})
            topology.wait_ready()
            load.wait_ready(_WORKERS_READY_S)
            self._note_topology(topology, load)
            scraper.start()
            injector = Injector(
                [self._switch(fault, topology, supervisor) for fault in self.plan.faults], self.folder.event
            )
            self._drive(load, injector, supervisor)
        finally:
            self.on_teardown()
            self.watcher.step("taking everything down")
            with contextlib.ExitStack() as ending:  # each is done, whatever becomes of the others; the last one first
                ending.callback(self._stop_topology, topology)
                ending.callback(scraper.stop)
                ending.callback(load.stop)
                if injector is not None:
                    ending.callback(self._stop_faults, injector)

    def _stop_topology(self, topology: Topology) -> None:
        try:
            topology.stop()
        except EnvironmentFailure as error:
            self._trouble(f"taking down did not go as it should: {error.what}")

    def _stop_faults(self, injector: Injector) -> None:
        try:
            injector.stop()
        except EnvironmentFailure as error:
            self._trouble(f"a fault could not be cleared by its engine; its time to live ends it: {error.what}")

    def _drive(self, load: LoadEngine, injector: Injector, supervisor: Supervisor) -> None:
        """Begin at t0 and look on until the load is over and every fault is proven gone."""
        t0_ns = time.monotonic_ns() + _LEAD_NS
        self.record.status = "running"
        self.record.clock.load_start_ns = t0_ns
        self.folder.save(self.record)
        self.folder.event("load.started", t0_ns, t0_ns=t0_ns)
        load.begin(t0_ns)
        injector.start(t0_ns)
        total_ns = self.plan.load.duration_ns
        latest_ns = t0_ns + total_ns + self.plan.load.deadlines.total_ns + int(_SLACK_S * 1e9)
        lost: set[str] = set()
        while True:
            state = load.poll()
            self._note_lost(state, lost)
            elapsed_ns = time.monotonic_ns() - t0_ns
            self.watcher.progress(
                self._phase_at(elapsed_ns), elapsed_ns / 1e9, total_ns / 1e9, state, injector.active()
            )
            if state.finished or time.monotonic_ns() > latest_ns:
                break
            if not supervisor.is_guarded:
                raise EnvironmentFailure("The guardian process is gone, and with it the processes of the run.")
            time.sleep(_POLL_S)
        if not state.finished:
            self._trouble("the load workers did not finish in time")
        self.record.clock.load_end_ns = time.monotonic_ns()
        self.folder.event("load.finished")
        injector.join(_SLACK_S)

    def _switch(self, fault: PlannedFault, topology: Topology, supervisor: Supervisor) -> Switch:
        engine = topology.engine
        assert engine is not None  # noqa: S101 - the topology is up
        place = topology.links[fault.on]
        headers: tuple[tuple[str, str], ...] = ()
        path = "/v1/models"
        if fault.definition.proof.expect == "rate":
            path, headers = payload_path(), (("x-gatebench-token", topology.admin_token),)
        lever: Lever
        mechanism = fault.definition.mechanism
        if fault.definition.layer == "provider":
            lever = ProviderLever(fault, [place.url for place in topology.admins[fault.on]], topology.admin_token)
        elif mechanism == "link.down":
            lever = LinkDownLever(fault, engine)
        else:
            lever = ToxicLever(fault, engine)
        if fault.definition.layer == "link" and self.plan.engine.kind != "embedded":
            lever = WatchedLever(lever, fault, f"{engine.url}/proxies/{topology.proxy_name(fault.on)}", supervisor)
        return Switch(fault, lever, Canary(fault, Address(place.host, place.port, path, headers), self.plan.token))

    def _pids(self, topology: Topology, load: LoadEngine) -> dict[str, int]:
        return {name: child.pid for name, child in topology.processes.items()} | load.pids()

    def _note_topology(self, topology: Topology, load: LoadEngine) -> None:
        self.record.topology = {**topology.describe(), "workers": load.pids()}
        self.record.provenance["engine"] = {
            "kind": self.plan.engine.kind,
            "version": topology.engine.version() if topology.engine else None,
        }
        self.folder.save(self.record)
        self.folder.event("topology.ready")

    def _note_lost(self, state: LoadState, lost: set[str]) -> None:
        for worker in state.lost:
            if worker.name not in lost:
                lost.add(worker.name)
                self.folder.event("load.worker_lost", worker=worker.name, exit_code=worker.exit_code)

    def _process_ended(self, child: ChildProcess) -> None:
        self.folder.event("process.ended", process=child.name, pid=child.pid, exit_code=child.exit_code)

    def _phase_at(self, elapsed_ns: int) -> str:
        return next((phase.name for phase in self.plan.phases if elapsed_ns < phase.end_ns), "drain")

    def _trouble(self, text: str) -> None:
        self.record.trouble.append(text)
        with contextlib.suppress(OSError):
            self.folder.event("run.trouble", why=text)

    def _end(self, status: Status) -> None:
        """Leave the folder readable, whatever happened to the run; a disk that takes nothing more is said, not raised."""
        self.record.status = status
        try:
            self.folder.save(self.record)
            assemble(self.folder)
            assemble_series(self.folder.parts / "series.jsonl", self.folder.series)
        except OSError as error:
            raise EnvironmentFailure(
                f"The run folder {self.folder.path} cannot be written any more: {error}."
            ) from error
