"""The steps of a run, in order."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Protocol

from gatebench.errors import ConfigurationError, EnvironmentFailure, GatebenchError, Interrupted, Problem
from gatebench.execution.breaking_point import BreakingPoint
from gatebench.execution.chaos.injector import Injector
from gatebench.execution.desk import Desk, DeskServer, desk_state
from gatebench.execution.load.engine import LoadEngine, LoadState
from gatebench.execution.loading import trace_rows
from gatebench.execution.mirrored import mirrored
from gatebench.execution.page import PageReader
from gatebench.execution.provenance import provenance
from gatebench.execution.scrape import Scraper
from gatebench.execution.secrets import Secrets, header_values, key_values
from gatebench.execution.stopping import Stopper
from gatebench.execution.switchboard import switch
from gatebench.execution.topology.supervisor import ChildProcess, Supervisor
from gatebench.execution.topology.topology import Topology
from gatebench.plan import Endpoint, Plan
from gatebench.run.assemble import assemble
from gatebench.run.folder import RunFolder, Status
from gatebench.run.series import PROMETHEUS_PART, assemble_series
from gatebench.schedule.load import open_parts

_WORKERS_READY_S = 30.0
_LEAD_NS = 300_000_000
_LAST_WORDS = 3
_LONGEST_LINE = 300
_POLL_S = 0.1
_SLACK_S = 5.0
_SECOND_NS = 1_000_000_000


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
    join_token: str | None = None  # what workers on other machines show; written nowhere
    stopped: bool = field(default=False, init=False)
    _known: Secrets = field(default_factory=Secrets, init=False, repr=False)
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
        rows = trace_rows(self.plan)
        if rows is not None:
            rows.write(self.folder.trace)
        self.folder.event("run.planned", scenario=self.plan.scenario, target=self.plan.target.name)
        try:
            with Supervisor(self.plan.token, self._process_ended) as supervisor:
                self._measure(supervisor)
            if supervisor.survivors:
                self._trouble(f"processes {supervisor.survivors} could not be ended")
            self._ask_prometheus()
            self._end("stopped" if self.stopped else "finished")
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
        load = LoadEngine(self.plan, self.folder, supervisor, self._secrets(), self.join_token)
        scraper = Scraper(self.folder.parts, lambda: self._pids(topology, load))
        injector: Injector | None = None
        try:
            topology.start()
            load.start({"target": topology.entrance(), **topology.controls()})
            topology.wait_ready()
            self._await_workers(load)
            self._note_topology(topology, load)
            scraper.start(self._page(topology))
            injector = Injector(
                [switch(fault, self.plan, topology, supervisor) for fault in self.plan.faults], self.folder.event
            )
            self._drive(load, injector, supervisor, topology)
        finally:
            self.on_teardown()
            self.watcher.step("taking everything down")
            with contextlib.ExitStack() as ending:  # each is done, whatever becomes of the others; the last one first
                ending.callback(self._stop_topology, topology)
                ending.callback(scraper.stop)
                ending.callback(self._stop_load, load)
                if injector is not None:
                    ending.callback(self._stop_faults, injector)

    def _await_workers(self, load: LoadEngine) -> None:
        """Wait for the load workers, those on other machines too, and note who they are and what their clocks say."""
        far = self.plan.load.remote_workers
        if far:
            self.watcher.step(f"waiting for remote workers at {self.plan.load.listen}: {far} to come")
        load.wait_ready(_WORKERS_READY_S)
        self.record.workers = load.records()
        for worker in self.record.workers:
            self.folder.event("load.worker_joined", worker=worker.worker, place=worker.place, host=worker.host)

    def _stop_topology(self, topology: Topology) -> None:
        try:
            topology.stop()
        except EnvironmentFailure as error:
            self._trouble(f"taking down did not go as it should: {error.what}")

    def _stop_load(self, load: LoadEngine) -> None:
        """Have the workers end; what their clocks said in the end is only known now."""
        load.stop()
        self.record.workers = load.records() or self.record.workers

    def _stop_faults(self, injector: Injector) -> None:
        try:
            injector.stop()
        except EnvironmentFailure as error:
            self._trouble(f"a fault could not be cleared by its engine; its time to live ends it: {error.what}")

    def _drive(self, load: LoadEngine, injector: Injector, supervisor: Supervisor, topology: Topology) -> None:
        """Begin at t0 and look on until the load is over and every fault is proven gone."""
        t0_ns = time.monotonic_ns() + _LEAD_NS
        self.record.status = "running"
        self.record.clock.load_start_ns = t0_ns
        self.folder.save(self.record)
        self.folder.event("load.started", t0_ns, t0_ns=t0_ns)
        load.begin(t0_ns)
        injector.start(t0_ns)
        with self._desk(injector, supervisor, topology, t0_ns):
            self._watch(load, injector, supervisor, t0_ns)
            self.record.clock.load_end_ns = time.monotonic_ns()
            self.folder.event("load.finished")
            injector.join(_SLACK_S)

    def _desk(self, injector: Injector, supervisor: Supervisor, topology: Topology, t0_ns: int) -> DeskServer:
        """Let faults be asked for from a second terminal while the load goes on."""
        end_ns = t0_ns + self.plan.load.duration_ns
        desk = Desk(
            self.plan,
            injector,
            self.folder.event,
            lambda fault: switch(fault, self.plan, topology, supervisor),
            t0_ns=t0_ns,
            end_ns=end_ns,
        )
        ends_unix = time.time() + (end_ns - time.monotonic_ns()) / 1e9
        name = self.folder.path.name
        return DeskServer(
            desk, desk_state(self.plan, topology, self.folder, kind="run", name=name, ends_unix=ends_unix)
        )

    def _watch(self, load: LoadEngine, injector: Injector, supervisor: Supervisor, t0_ns: int) -> None:
        """Look on until every row is written, or a condition ends the load before."""
        total_ns = self.plan.load.duration_ns
        latest_ns = t0_ns + total_ns + self.plan.load.deadlines.total_ns + int(_SLACK_S * 1e9)
        lost: set[str] = set()
        breaking = self._breaking_point()
        stopper = Stopper(self.plan.stop_when) if self.plan.stop_when else None
        while True:
            state = load.poll()
            self._note_lost(state, lost)
            now_ns = time.monotonic_ns()
            elapsed_ns = now_ns - t0_ns
            self.watcher.progress(
                self._phase_at(elapsed_ns), elapsed_ns / 1e9, total_ns / 1e9, state, injector.active()
            )
            if state.finished or now_ns > latest_ns:
                break
            if breaking is not None and breaking.sees(now_ns, state):
                self._broke(breaking, load, elapsed_ns)
                breaking = None
            why = stopper.why(now_ns, state) if stopper is not None else None
            if why is not None:
                self._stop_run(why, load, injector)
                stopper = None
            if not supervisor.is_guarded:
                raise EnvironmentFailure("The guardian process is gone, and with it the processes of the run.")
            time.sleep(_POLL_S)
        if not state.finished:
            self._trouble("the load workers did not finish in time")

    def _stop_run(self, why: str, load: LoadEngine, injector: Injector) -> None:
        """A stop condition is met: no more load, and every fault off."""
        self.folder.event("stop.condition", why=why)
        self.stopped = True
        load.end_early()
        injector.stop()

    def _breaking_point(self) -> BreakingPoint | None:
        shares = [part.stop_when_bad for part in open_parts(self.plan.load.load) if part.stop_when_bad is not None]
        return BreakingPoint(min(shares)) if shares else None

    def _broke(self, breaking: BreakingPoint, load: LoadEngine, elapsed_ns: int) -> None:
        """The target broke under a load that was made to find out when: nothing more is sent, and that is a result."""
        due_ns = self.plan.schedule(self.folder.trace).due_ns
        offered = int(((due_ns > elapsed_ns - _SECOND_NS) & (due_ns <= elapsed_ns)).sum())
        self.folder.event("load.broke", rate_per_s=offered, bad_share=breaking.bad_share, at_s=elapsed_ns / 1e9)
        load.end_early()

    def _secrets(self) -> Secrets:
        """Read what the plan only names; what the command line gives wins."""
        problems: list[Problem] = []
        headers = header_values(self.plan.headers, self.plan.scenario, problems)
        keys = key_values(self.plan.keys, self.plan.tenant_names(), self.plan.scenario, problems, self.plan.seed)
        if problems:
            raise ConfigurationError(problems)
        self._known = Secrets({**headers, **self.headers}, keys)
        return self._known

    def _pids(self, topology: Topology, load: LoadEngine) -> dict[str, int]:
        return {name: child.pid for name, child in topology.processes.items()} | load.pids()

    def _page(self, topology: Topology) -> PageReader | None:
        """Return the page on which the gateway tells of itself, at its own address: what lies on a link would not be its doing."""
        page = self.plan.page
        if page is None or (page.at is None and topology.gateway is None):
            return None

        def own() -> Endpoint:  # asked each time: a gateway that is started again may be at another port
            place = topology.gateway
            return Endpoint(host=place.host, port=place.port, tls=topology.trust) if place else Endpoint()

        return PageReader(page.at or own, page.path, self.plan.allow_remote)

    def _ask_prometheus(self) -> None:
        """Have a Prometheus say what it saw of the target while the load was on; that it does not is no fault of the run."""
        if self.plan.prometheus is None or self.record.clock.load_end_ns is None:
            return
        from gatebench.execution import prometheus

        self.watcher.step(f"asking the Prometheus at {self.plan.prometheus.url}")
        into = self.folder.parts / PROMETHEUS_PART
        with contextlib.suppress(OSError):  # a disk that takes nothing more is said when the folder is closed
            prometheus.ask(self.plan.prometheus, self.record.clock, self.plan.allow_remote, into)

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
                self.folder.event("load.worker_lost", worker=worker.name, exit_code=worker.exit_code, why=worker.why)

    def _process_ended(self, child: ChildProcess) -> None:
        said = [_printable(self._known.left_out_of(line)) for line in child.log_tail()[-_LAST_WORDS:]]
        self.folder.event("process.ended", process=child.name, pid=child.pid, exit_code=child.exit_code, log=said)

    def _phase_at(self, elapsed_ns: int) -> str:
        return next((phase.name for phase in self.plan.phases if elapsed_ns < phase.end_ns), "drain")

    def _trouble(self, text: str) -> None:
        self.record.trouble.append(text)
        with contextlib.suppress(OSError):
            self.folder.event("run.trouble", why=text)

    def _mirror(self) -> None:
        """Copy what a second terminal did to the standing topology that this run drove."""
        standing, t0_ns = self.plan.target.standing, self.record.clock.load_start_ns
        if standing is None or t0_ns is None:
            return
        for event in mirrored(Path(standing), t0_ns, time.monotonic_ns()):
            facts = {key: value for key, value in event.items() if key not in {"at_ns", "event"}}
            self.folder.event(event["event"], event["at_ns"], **facts)

    def _assemble_series(self) -> None:
        page = self.plan.page.path if self.plan.page else None
        for heard in assemble_series(self.folder.parts, self.folder.series, page):
            facts = asdict(heard)
            del facts["kinds"]
            self.folder.event("series.heard", **facts)

    def _end(self, status: Status) -> None:
        """Leave the folder readable, whatever happened to the run; a disk that takes nothing more is said, not raised."""
        self.record.status = status
        try:
            self._mirror()
            self.folder.save(self.record)
            assemble(self.folder)
            self._assemble_series()
        except OSError as error:
            raise EnvironmentFailure(
                f"The run folder {self.folder.path} cannot be written any more: {error}."
            ) from error


def _printable(line: str) -> str:
    """Return the beginning of a line without what would steer a terminal."""
    return "".join(letter for letter in line if letter.isprintable())[:_LONGEST_LINE]
