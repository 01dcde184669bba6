"""Walks an open schedule whose arrivals run tasks of the user's own code; each task may make several requests.

A task runs in an ordinary greenlet and may wait as gevent's do. Its requests do not: each is carried by the crew as
any other, and the task waits for it. So a task that is cut short (by a `gevent.Timeout` of its own, say) leaves its
request to end by itself and to have its row.
"""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Any, Final

import gevent
from gevent.event import Event

from gatebench.execution.load.answer import GENERATOR, POOL, STOPPED, TASK, Answer
from gatebench.execution.load.arrivals import Arrivals
from gatebench.execution.load.client import Client
from gatebench.execution.load.crowd import Crowd, TaskRun
from gatebench.execution.load.flight import Flight
from gatebench.execution.load.meter import Meter
from gatebench.execution.load.recorder import Recorder
from gatebench.execution.load.turns import Turns
from gatebench.execution.load.walk import Walk
from gatebench.execution.load.wire import Wire
from gatebench.plan import LoadPlan
from gatebench.run.learnt import LearntRoutes
from gatebench.traffic import Request
from gatebench.traffic.kinds.task import TASK as TASK_METHOD

MOST_RUNNING: Final = 20_000
MOST_REQUESTS: Final = 0xFFFF


class TaskOver(gevent.GreenletExit):  # type: ignore[misc]  # the type checker does not follow gevent
    """Ends a task whose arrival was given up, or that asks for more after the load was stopped."""


class TaskWalk(Walk):
    """An open walk with a crowd of users; `wire` writes what tasks ask for, `phase_ends_ns` are from the start."""

    def __init__(
        self,
        load: LoadPlan,
        arrivals: Arrivals,
        clients: Mapping[int, Client],
        recorder: Recorder,
        meter: Meter,
        *,
        turns: Turns,
        crowd: Crowd,
        wire: Wire,
        routes: LearntRoutes,
        phase_ends_ns: Sequence[int],
    ) -> None:
        super().__init__(load, arrivals, clients, recorder, meter, turns=turns)
        self.cut = 0  # tasks that were still running when the walk ended
        self._crowd = crowd
        self._wire = wire
        self._routes = routes
        self._phase_ends_ns = phase_ends_ns
        self._t0_ns = 0
        self._running: dict[TaskRun, None] = {}
        self._waiting: dict[Flight, Any] = {}

    def ask(
        self,
        run: TaskRun,
        method: str,
        path: str,
        body: bytes,
        headers: Mapping[str, str],
        *,
        name: str | None,
        stream: bool,
    ) -> Answer:
        """Send one request of a task and wait for its end.

        The first request of an arrival is due when the arrival was; a later one the moment it is asked for.
        """
        if run.over or self.stopped_ns is not None:
            raise TaskOver
        if run.asked >= MOST_REQUESTS:
            raise RuntimeError(f"a task made more than {MOST_REQUESTS} requests")
        flight = self._flight(run, method, path, body, headers, name=name, stream=stream)
        run.asked += 1
        if self._crew.full():
            self._give_up(flight, POOL)
            return flight.answer
        ended = self._waiting[flight] = Event()
        super()._launch(flight)
        ended.wait()
        if run.over:
            raise TaskOver
        return flight.answer

    def _flight(
        self,
        run: TaskRun,
        method: str,
        path: str,
        body: bytes,
        headers: Mapping[str, str],
        *,
        name: str | None,
        stream: bool,
    ) -> Flight:
        arrival = run.arrival
        due_ns = time.monotonic_ns() if run.asked else arrival.due_ns
        route = run.route if name is None else self._routes.code(name)
        request = Request(method, path, body, route, arrival.request.tenant, stream, 0)
        wire = with_headers(self._wire.request(request, arrival.arrival_id, run.asked, arrival.kind), headers)
        return Flight(
            arrival.arrival_id,
            arrival.kind,
            min(bisect_right(self._phase_ends_ns, due_ns - self._t0_ns), len(self._phase_ends_ns) - 1),
            due_ns=due_ns,
            request=request,
            wire=wire,
            ordinal=run.asked,
        )

    def _offer(self, t0_ns: int) -> None:
        self._t0_ns = t0_ns
        super()._offer(t0_ns)

    def _launch(self, flight: Flight) -> None:
        if flight.request.method != TASK_METHOD:
            super()._launch(flight)
        elif len(self._running) >= MOST_RUNNING:
            self._give_up(flight, GENERATOR)
        else:
            run = TaskRun(flight)
            self._running[run] = None
            gevent.spawn(self._perform, run)

    def _perform(self, run: TaskRun) -> None:
        try:
            self._crowd.perform(run, self.ask, self._routes.code)
        except gevent.GreenletExit:
            pass  # the task was told to end, or the user's code ended its own greenlet
        except BaseException as error:  # a Timeout or an exit that the user's code let through; the rest is our defect
            self._crowd.errors.count("a task", error)
        finally:
            self._settle(run)

    def _settle(self, run: TaskRun) -> None:
        """The task is over: if it asked for nothing, its arrival gets a row that says so."""
        if self._running.pop(run, run) is run:
            return  # it was given up meanwhile
        run.over = True
        if run.asked == 0:
            self._crowd.silent += 1
            self._give_up(run.arrival, TASK if self.stopped_ns is None else STOPPED)
        if self._draining and not self._busy():
            self._alarm.ring()

    def _carry(self, flight: Flight) -> None:
        try:
            super()._carry(flight)
        finally:
            ended = self._waiting.pop(flight, None)
            if ended is not None:
                ended.set()

    def _busy(self) -> bool:
        return super()._busy() or bool(self._running)

    def _give_up_open(self) -> None:
        """Write the rows of what is still open, and of arrivals whose task has asked for nothing so far."""
        super()._give_up_open()
        for run in list(self._running):
            del self._running[run]
            run.over = True
            self.cut += 1
            if run.asked == 0:
                self._give_up(run.arrival, TASK if self.stopped_ns is None else STOPPED)


def with_headers(wire: bytes, headers: Mapping[str, str]) -> bytes:
    """Return a request with these headers, in place of its own of the same name (names in lower case)."""
    if not headers:
        return wire
    head, _, body = wire.partition(b"\r\n\r\n")
    first, *lines = head.split(b"\r\n")
    names = {name.encode() for name in headers}
    kept = [line for line in lines if line.partition(b":")[0].lower() not in names]
    given = [f"{name}: {value}".encode("latin-1") for name, value in headers.items()]
    return b"\r\n".join([first, *kept, *given, b"", body])
