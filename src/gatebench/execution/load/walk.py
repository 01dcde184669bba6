"""Walks the absolute schedule: every arrival is sent when it is due, whatever became of the ones before it.

This is the open model (`measurement.md` 1 and 2). Nothing here waits for an answer before the next request goes out,
and an arrival that cannot be sent leaves a row that says why: `unsent/pool` when the target holds every place,
`unsent/generator` when this process is later than the plan allows, `unsent/stopped` when the run was stopped in
between.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Final

from gatebench.execution.load.alarm import Alarm
from gatebench.execution.load.answer import GENERATOR, NO_CAUSE, POOL, STOPPED
from gatebench.execution.load.arrivals import Arrivals
from gatebench.execution.load.client import Client
from gatebench.execution.load.crew import Crew
from gatebench.execution.load.flight import Flight
from gatebench.execution.load.meter import Meter
from gatebench.execution.load.recorder import Recorder
from gatebench.execution.load.turns import Turns
from gatebench.plan import LoadPlan
from gatebench.sample import UNSENT

LONGEST_STREAK: Final = 2
STOP_DRAIN_NS: Final = 500_000_000
END_DRAIN_NS: Final = 1_000_000_000  # beyond the total deadline: by then every request has concluded itself


class Walk:
    """One worker's walk; `clients` are by lane. `stop` may be called from any greenlet of the same hub, at any time."""

    def __init__(
        self,
        load: LoadPlan,
        arrivals: Arrivals | None,
        clients: Mapping[int, Client],
        recorder: Recorder,
        meter: Meter,
        *,
        turns: Turns,
    ) -> None:
        self.stopped_ns: int | None = None
        self._late_ns = load.late_ns
        self._end_drain_ns = load.deadlines.total_ns + END_DRAIN_NS
        self._arrivals = arrivals
        self._clients = clients
        self._recorder = recorder
        self._meter = meter
        self._crew = Crew(-(-load.pool // load.workers), turns, self._carry)
        self._alarm = Alarm(turns)
        self._open: dict[Flight, None] = {}
        self._draining = False

    def run(self, t0_ns: int) -> None:
        """Send every arrival, wait for the answers, and leave a row for each; raises what was a defect of the generator."""
        self._offer(t0_ns)
        self._drain()
        self._give_up_open()
        self._alarm.close()
        if self._crew.defect is not None:
            raise self._crew.defect

    def stop(self) -> None:
        """Send nothing more. What was due by now and is not sent yet becomes `unsent/stopped`; what is due later gets no row."""
        if self.stopped_ns is None:
            self.stopped_ns = time.monotonic_ns()
            self._alarm.ring()

    def _offer(self, t0_ns: int) -> None:
        """Send everything that becomes due."""
        if self._arrivals is not None:
            self._send_all(self._arrivals.flights(t0_ns))

    def _send_all(self, flights: Iterator[Flight]) -> None:
        """Make the next request, sleep until it is due, hand it over: making it costs the one before it nothing.

        Arrivals that are due already follow each other without a look at the sockets, but only a few: reading answers late
        would lengthen their times as sending late does.
        """
        streak = 0
        for flight in flights:
            streak += 1
            if self.stopped_ns is None and (streak > LONGEST_STREAK or time.monotonic_ns() < flight.due_ns):
                self._alarm.wait_until(flight.due_ns)
                streak = 0
            if self.stopped_ns is None:
                self._hand_over(flight)
            elif flight.due_ns <= self.stopped_ns:
                self._give_up(flight, STOPPED)
            else:
                break

    def _hand_over(self, flight: Flight) -> None:
        if time.monotonic_ns() - flight.due_ns > self._late_ns:
            self._give_up(flight, GENERATOR)
        elif self._crew.full():
            self._give_up(flight, POOL)
        else:
            self._launch(flight)

    def _launch(self, flight: Flight) -> None:
        self._meter.sent += 1
        self._open[flight] = None
        self._crew.launch(flight)

    def _carry(self, flight: Flight) -> None:
        request = flight.request
        self._clients[flight.lane].exchange(
            flight.answer, flight.wire, stream=request.stream, read_bytes_per_s=request.read_bytes_per_s
        )
        if flight not in self._open:
            return  # it was given up meanwhile and has its row
        del self._open[flight]
        self._recorder.record(flight)
        self._meter.count(flight)
        if not self._draining:
            self._ended(flight)
        elif not self._busy():
            self._alarm.ring()

    def _busy(self) -> bool:
        """Tell whether something that was begun has not ended."""
        return bool(self._open)

    def _ended(self, flight: Flight) -> None:
        """An answer came while there is still something to send; an open load takes no notice."""

    def _give_up(self, flight: Flight, cause: int) -> None:
        flight.answer.outcome = UNSENT
        flight.answer.cause = cause
        flight.answer.done_ns = time.monotonic_ns()
        self._recorder.record(flight)
        self._meter.count(flight)

    def _drain(self) -> None:
        """Wait for the open requests: to the end of their deadlines, or, once stopped, a moment."""
        self._draining = True
        until_ns = time.monotonic_ns() + self._end_drain_ns
        while self._busy():
            if self.stopped_ns is not None:
                until_ns = min(until_ns, self.stopped_ns + STOP_DRAIN_NS)
            if time.monotonic_ns() >= until_ns:
                break
            self._alarm.wait_until(until_ns)

    def _give_up_open(self) -> None:
        """Write the rows of what is still open; what its greenlets learn later is not recorded."""
        cause = NO_CAUSE if self.stopped_ns is None else STOPPED
        for flight in list(self._open):
            del self._open[flight]
            flight.answer.cause = cause
            flight.answer.done_ns = time.monotonic_ns()
            self._recorder.record(flight)
            self._meter.count(flight)
