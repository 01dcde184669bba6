"""Walks an open schedule whose arrivals run the user's own tasks."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import gevent
from locust.exception import InterruptTaskSet, RescheduleTask, StopUser

from gatebench.execution.load.answer import NO_CAUSE, STOPPED, TASK
from gatebench.execution.load.arrivals import Arrivals
from gatebench.execution.load.client import Client
from gatebench.execution.load.flight import Flight
from gatebench.execution.load.meter import Meter
from gatebench.execution.load.recorder import Recorder
from gatebench.execution.load.task_client import TaskClient
from gatebench.execution.load.task_errors import TaskErrors
from gatebench.execution.load.turns import Turns
from gatebench.execution.load.user_tasks import UserPool, UserTask, loaded, tasks_of
from gatebench.execution.load.walk import Walk
from gatebench.execution.load.wire import Wire
from gatebench.plan import LoadPlan, Plan
from gatebench.sample import TARGET


def planned_tasks(plan: Plan) -> tuple[str, list[UserTask]]:
    """Import the plan's user code; returns its file and its tasks, in the order of the plan's routes.

    Raises RuntimeError when they are not those that were planned.
    """
    file, _, wanted = (plan.traffic.code or "").partition(":")
    tasks = tasks_of(loaded(file)[0], wanted or None)
    if tuple(task.name for task in tasks) != plan.traffic.route_names():
        raise RuntimeError(f"{Path(file).name} was changed since the run was planned: its tasks are other ones")
    return file, tasks


class Spawning:
    """Carries flights in ordinary greenlets, because a user's task may wait in any way that gevent knows."""

    def __init__(self, size: int, carry: Callable[[Flight], None]) -> None:
        self.size = size
        self.defect: BaseException | None = None
        self.running: dict[int, Any] = {}
        self._carry = carry

    def full(self) -> bool:
        """Tell whether every place is taken."""
        return len(self.running) >= self.size

    def launch(self, flight: Flight) -> None:
        """Start `flight` in the next turn of the event loop."""
        self.running[flight.arrival_id] = gevent.spawn(self._run, flight)

    def kill(self) -> None:
        """End every task where it stands."""
        gevent.killall(list(self.running.values()), block=True, timeout=1.0)

    def _run(self, flight: Flight) -> None:
        try:
            self._carry(flight)
        except Exception as error:
            self.defect = self.defect or error
        finally:
            self.running.pop(flight.arrival_id, None)


class TaskWalk(Walk):
    """The walk of arrivals that run tasks: each leases a user, runs the task of its route, and leaves a row a request."""

    def __init__(
        self,
        plan: Plan,
        arrivals: Arrivals,
        clients: Mapping[int, Client],
        recorder: Recorder,
        meter: Meter,
        *,
        turns: Turns,
        wires: Mapping[int, Wire],
    ) -> None:
        load: LoadPlan = plan.load
        super().__init__(load, arrivals, clients, recorder, meter, turns=turns)
        file, self._tasks = planned_tasks(plan)
        self.errors = TaskErrors(str(Path(file).resolve()))
        self._pool = UserPool(lambda: TaskClient(clients[TARGET], wires[TARGET], self._conclude))
        self._spawning = Spawning(-(-load.pool // load.workers), self._carry)
        self._crew = self._spawning
        self._speaking: dict[int, TaskClient] = {}

    def task_errors(self) -> list[dict[str, Any]]:
        """Return what the tasks raised."""
        return self.errors.found()

    def _launch(self, flight: Flight) -> None:
        self._open[flight.arrival_id] = flight
        self._crew.launch(flight)

    def _carry(self, flight: Flight) -> None:
        task = self._tasks[flight.request.route]
        user, is_new = self._pool.lease(task.user)
        client = user.client
        client.lease(flight)
        self._speaking[flight.arrival_id] = client
        try:
            if is_new:
                user.on_start()
            task.function(user)
        except (StopUser, InterruptTaskSet, RescheduleTask):
            pass  # Locust's words for "this task is over"
        except Exception as error:
            self.errors.add(task.name, error)
        if self._open.pop(flight.arrival_id, None) is None:
            return  # it was given up meanwhile
        del self._speaking[flight.arrival_id]
        asked = client.asked
        client.lease(None)
        self._pool.give_back(user)
        if asked == 0:
            self._give_up(flight, TASK)
        if self._draining and not self._open:
            self._alarm.ring()

    def _conclude(self, flight: Flight) -> None:
        """A request of a task is over: write its row."""
        self._meter.sent += 1
        self._recorder.record(flight)
        self._meter.count(flight)

    def _give_up_open(self) -> None:
        """Write the rows of requests under way, and one for each arrival whose task asked for nothing yet; end the tasks."""
        cause = NO_CAUSE if self.stopped_ns is None else STOPPED
        for arrival_id, flight in list(self._open.items()):
            del self._open[arrival_id]
            client = self._speaking.get(arrival_id)
            under_way = list(client.open) if client is not None else []
            if client is not None:
                client.open.clear()
            for request in under_way:
                request.answer.cause = cause
                request.answer.done_ns = time.monotonic_ns()
                self._conclude(request)
            if client is None or client.asked == 0:
                self._give_up(flight, STOPPED if self.stopped_ns is not None else TASK)
        self._spawning.kill()
