"""Walks a closed load: each user asks, waits for the answer, thinks, and asks again, until the time is over."""

from __future__ import annotations

import heapq
import time
from collections.abc import Mapping

import numpy as np

from gatebench.execution.load.arrivals import Composing
from gatebench.execution.load.client import Client
from gatebench.execution.load.flight import Flight
from gatebench.execution.load.meter import Meter
from gatebench.execution.load.recorder import Recorder
from gatebench.execution.load.turns import Turns
from gatebench.execution.load.walk import LONGEST_STREAK, Walk
from gatebench.execution.load.wire import Wire
from gatebench.plan import LoadPlan, Plan
from gatebench.schedule import ThinkTimes, Users, phase_of
from gatebench.schedule.closed import arrival_of, user_of


class UserArrivals:
    """The users of `worker`: every `plan.load.workers`-th of them. `count` is how many requests were due so far."""

    def __init__(self, plan: Plan, load: Users, worker: int, wires: Mapping[int, Wire]) -> None:
        self.users = range(worker, load.count, plan.load.workers)
        self.count = 0
        self._load = load
        self._composing = Composing(plan, wires)
        self._thinking = {user: ThinkTimes(load, plan.seed, user) for user in self.users}

    def think_ns(self, user: int, iteration: int) -> int:
        """Return how long `user` thinks before its request `iteration`."""
        return self._thinking[user].before_ns(iteration)

    def next_of(self, flight: Flight) -> tuple[int, int, int]:
        """Return (due, user, iteration) of what follows an answered flight, on the monotonic clock."""
        user, iteration = user_of(self._load.count, flight.arrival_id)
        return flight.answer.done_ns + self.think_ns(user, iteration + 1), user, iteration + 1

    def flight(self, user: int, iteration: int, due_ns: int, t0_ns: int) -> Flight:
        """Return the flight of a user's request that is due at `due_ns` of the monotonic clock."""
        self.count += 1
        phase = int(phase_of(np.array([due_ns - t0_ns]), self._composing.phase_ends_ns)[0])
        return self._composing.flight(arrival_of(self._load.count, user, iteration), phase, due_ns)


class UsersWalk(Walk):
    """The walk of closed users: what is due next follows from what was answered."""

    def __init__(
        self,
        load: LoadPlan,
        arrivals: UserArrivals,
        clients: Mapping[int, Client],
        recorder: Recorder,
        meter: Meter,
        *,
        turns: Turns,
    ) -> None:
        super().__init__(load, None, clients, recorder, meter, turns=turns)
        self._users = arrivals
        self._duration_ns = load.duration_ns
        self._due: list[tuple[int, int, int]] = []

    def _offer(self, t0_ns: int) -> None:
        """Send what becomes due until the time is over; who thinks longer than that sends nothing more."""
        users = self._users
        end_ns = t0_ns + self._duration_ns
        self._due = [(t0_ns + users.think_ns(user, 0), user, 0) for user in users.users]
        heapq.heapify(self._due)
        streak = 0
        while self.stopped_ns is None:
            next_ns = min(self._due[0][0], end_ns) if self._due else end_ns
            if streak >= LONGEST_STREAK or time.monotonic_ns() < next_ns:
                self._alarm.wait_until(next_ns)  # an answer that makes an earlier one due wakes us before
                streak = 0
                continue
            streak += 1
            if next_ns >= end_ns:
                return
            due_ns, user, iteration = heapq.heappop(self._due)
            self._launch(users.flight(user, iteration, due_ns, t0_ns))

    def _ended(self, flight: Flight) -> None:
        following = self._users.next_of(flight)
        heapq.heappush(self._due, following)
        if self._due[0] is following:
            self._alarm.ring()
