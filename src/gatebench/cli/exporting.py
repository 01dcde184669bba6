"""Lets a Prometheus scrape what a run looks like while it goes on: `bench run --export 127.0.0.1:PORT`.

It looks on as the progress line does and knows no more than that: figures for the eyes and for dashboards, never for a verdict.
Only names of scenarios, targets, phases and faults stand on the page.
"""

from __future__ import annotations

import contextlib
import ipaddress
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from wsgiref.simple_server import WSGIRequestHandler, make_server

from gatebench import guard
from gatebench.errors import Problem

if TYPE_CHECKING:
    from prometheus_client import Metric

    from gatebench.execution.load.state import LoadState
    from gatebench.execution.runner import Watcher
    from gatebench.plan import Plan

    Watch = Callable[[Plan], AbstractContextManager[Watcher]]

_DRAIN: Final = "drain"
_WRITE: Final = "Write for instance 127.0.0.1:9464."


def export_place(text: str, problems: list[Problem]) -> tuple[str, int] | None:
    """Return host and port to serve at; what is no loopback address, or a port in use, is a problem."""
    from gatebench.execution.topology.ports import is_free

    where = f"--export {text}"
    host, _, port_text = text.rpartition(":")
    try:
        address = ipaddress.ip_address(host.strip("[]"))
        port = int(port_text)
        if not 0 < port < 65_536:
            raise ValueError("no port")
    except ValueError:
        problems.append(Problem(where, "this is no address with a port.", _WRITE))
        return None
    if not guard.is_loopback(str(address)) or address.version != 4:
        problems.append(Problem(where, "figures of a run are shown on this machine only.", _WRITE))
        return None
    if not is_free(port, str(address)):
        cure = "Choose another port, or end what listens there: ss -ltnp."
        problems.append(Problem(where, "that port is in use.", cure))
        return None
    return str(address), port


@dataclass
class _Run:
    """What is known of a run; its counts stay when it is over, what it looks like at the moment does not."""

    scenario: str
    target: str
    phases: tuple[str, ...]
    faults: tuple[tuple[str, str], ...]
    due_per_s: tuple[int, ...]
    phase: str = ""
    elapsed_s: float = 0.0
    state: LoadState | None = None
    active: tuple[str, ...] = ()
    over: bool = False


@dataclass(eq=False)  # a registry keeps it by its identity
class Exporter:
    """The figures of the runs so far, as prometheus-client collects them; one thread writes, others read whole values."""

    runs: list[_Run] = field(default_factory=list)

    def begin(self, plan: Plan) -> _Run:
        """Begin to show a run."""
        profile = "" if plan.target.profile == "default" else f":{plan.target.profile}"
        faults = dict.fromkeys((fault.name, fault.on) for fault in plan.faults)
        phases = (*(phase.name for phase in plan.phases), _DRAIN)
        run = _Run(plan.scenario, f"{plan.target.name}{profile}", phases, tuple(faults), _due_per_s(plan))
        self.runs.append(run)
        return run

    def collect(self) -> Iterator[Metric]:
        """Yield the families; one that nobody knows a value of is left out."""
        runs = list(self.runs)
        yield _requests(runs)
        run = runs[-1] if runs else None
        if run is not None and run.state is not None and not run.over:
            yield from (family for family in (*_load(run, run.state), _phases(run), _faults(run)) if family.samples)


def _requests(runs: list[_Run]) -> Metric:
    from prometheus_client.core import CounterMetricFamily

    family = CounterMetricFamily(
        "gatebench_requests",
        "Requests by what came of them; bad is everything that did not end ok, unsent ones included.",
        labels=["scenario", "target", "outcome"],
    )
    total: dict[tuple[str, str, str], int] = {}
    for run in runs:
        for outcome in ("ok", "bad") if run.state else ():
            key = (run.scenario, run.target, outcome)
            total[key] = total.get(key, 0) + int(getattr(run.state, outcome))
    for labels, number in total.items():
        family.add_metric(labels, number)
    return family


def _load(run: _Run, state: LoadState) -> Iterator[Metric]:
    from prometheus_client.core import GaugeMetricFamily

    yield GaugeMetricFamily("gatebench_in_flight", "Requests that wait for their answers.", value=state.in_flight)
    if run.due_per_s:
        second = int(run.elapsed_s)
        due = run.due_per_s[second] if 0 <= second < len(run.due_per_s) else 0
        yield GaugeMetricFamily(
            "gatebench_offered_rate_per_s", "Requests that the schedule wants in this second.", value=due
        )
    response = GaugeMetricFamily(
        "gatebench_response_seconds",
        "Response time (done - due) of the last half second, of the worst worker.",
        labels=["quantile"],
    )
    for share, value_ms in (("0.5", state.p50_ms), ("0.95", state.p95_ms), ("0.99", state.p99_ms)):
        if value_ms is not None:
            response.add_metric([share], round(value_ms / 1000, 6))
    yield response
    if state.late_p95_ms is not None:
        yield GaugeMetricFamily(
            "gatebench_dispatch_delay_seconds",
            "p95 of the dispatch delay (sent - due) of the last half second, of the worst worker: our own error.",
            value=round(state.late_p95_ms / 1000, 6),
        )


def _phases(run: _Run) -> Metric:
    from prometheus_client.core import GaugeMetricFamily

    family = GaugeMetricFamily("gatebench_phase", "1 for the phase that is on.", labels=["phase"])
    for name in run.phases:
        family.add_metric([name], float(name == run.phase))
    return family


def _faults(run: _Run) -> Metric:
    from prometheus_client.core import GaugeMetricFamily

    family = GaugeMetricFamily("gatebench_fault_active", "1 for a fault that is on.", labels=["fault", "on"])
    known = {f"{name} on {place}": (name, place) for name, place in run.faults}
    for text in run.active:
        name, _, place = text.partition(" on ")
        known.setdefault(text, (name, place))  # put on by hand
    for text, names in known.items():
        family.add_metric(names, float(text in run.active))
    return family


def _due_per_s(plan: Plan) -> tuple[int, ...]:
    """Return how many requests are due in each second; nothing for closed users, who send when they get to it."""
    import numpy as np

    from gatebench.execution.loading import planned_schedule

    if plan.load.users is not None or plan.load.locustfile is not None:
        return ()
    due_ns = planned_schedule(plan).due_ns
    seconds = max(1, -(-plan.load.duration_ns // 10**9))
    return tuple(np.bincount(due_ns // 10**9, minlength=seconds).tolist())


class _Both:
    """Looks on for two."""

    def __init__(self, run: _Run, other: Watcher) -> None:
        self._run, self._other = run, other

    def step(self, text: str) -> None:
        """Pass a step on."""
        self._other.step(text)

    def progress(self, phase: str, elapsed_s: float, total_s: float, state: LoadState, faults: list[str]) -> None:
        """Keep where the run is, and pass it on."""
        run = self._run
        run.phase, run.elapsed_s, run.state, run.active = phase, elapsed_s, state, tuple(faults)
        self._other.progress(phase, elapsed_s, total_s, state, faults)


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: standard error belongs to the run."""


@contextlib.contextmanager
def exporting(place: tuple[str, int] | None) -> Iterator[Callable[[Watch], Watch]]:
    """Serve the figures at `place` until the end of the block, whatever ends it; yields what has an onlooker feed them.

    Without a place nothing is served. Raises OSError when the port has been taken meanwhile.
    """
    if place is None:
        yield lambda watch: watch
        return
    from prometheus_client import CollectorRegistry, make_wsgi_app
    from prometheus_client.exposition import ThreadingWSGIServer

    exporter, registry = Exporter(), CollectorRegistry()
    registry.register(exporter)
    serve, names = make_wsgi_app(registry), {f"{place[0]}:{place[1]}", f"localhost:{place[1]}"}

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        if environ.get("HTTP_HOST", "") not in names:  # a page of the web that has its name resolve to us
            start_response("403 Forbidden", [("content-type", "text/plain")])
            return [b"ask by the address that was given to --export\n"]
        return serve(environ, start_response)

    @contextlib.contextmanager
    def watched(watch: Watch, plan: Plan) -> Iterator[Watcher]:
        run = exporter.begin(plan)
        try:
            with watch(plan) as other:
                yield _Both(run, other)
        finally:
            run.over = True

    server = make_server(place[0], place[1], app, ThreadingWSGIServer, handler_class=_Quiet)
    with server:
        thread = threading.Thread(target=server.serve_forever, args=(0.1,), name="exports", daemon=True)
        thread.start()
        try:
            yield lambda watch: lambda plan: watched(watch, plan)
        finally:
            server.shutdown()
