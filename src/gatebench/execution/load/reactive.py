"""The reactive probe: a tenant of its own that burns its limit, waits exactly as long as Retry-After says, and asks again."""

from __future__ import annotations

import time
from typing import Final

import gevent
import numpy as np
from gevent.event import Event

from gatebench.execution.load.claims import claims
from gatebench.execution.load.client import Client
from gatebench.execution.load.flight import Flight
from gatebench.execution.load.recorder import Recorder
from gatebench.execution.load.wire import Wire
from gatebench.plan import Plan
from gatebench.probing import Reactive
from gatebench.sample import NO_RETRY_AFTER
from gatebench.schedule import phase_of
from gatebench.stamp import KINDS
from gatebench.traffic import Generator
from gatebench.units import duration_s, rate_per_s

_KIND: Final = KINDS.index("reactive")
_NS: Final = 1_000_000_000
_REST_NS: Final = _NS
_OWN_PROMPTS: Final = 1 << 40  # far from the arrivals of the load: no cache knows what the probe asks
_STOP_DRAIN_S: Final = 0.5
_REJECTED: Final = 429


class ReactiveProbe:
    """Asks beside the load, over connections of its own. `arrival_id` numbers its own arrivals; one that was refused and is
    sent again is the same arrival with the ordinal 1.
    """

    def __init__(self, plan: Plan, probe: Reactive, client: Client, wire: Wire, recorder: Recorder) -> None:
        self._client, self._wire, self._recorder = client, wire, recorder
        self._generator = Generator(plan.traffic, plan.seed)
        self._tenant = len(plan.traffic.tenant_names())
        self._route = plan.traffic.route_names().index(probe.route) if probe.route else 0
        self._gap_ns = round(_NS / rate_per_s(probe.pace))
        self._patience_ns = round(duration_s(probe.patience) * _NS)
        self._phase_ends_ns = [phase.end_ns for phase in plan.phases]
        self._t0_ns = 0
        self._end_ns = 0
        self._arrivals = 0
        self._stopped = Event()
        self._carriers: set[gevent.Greenlet] = set()
        self._refused: Flight | None = None

    def run(self, t0_ns: int) -> None:
        """Ask from `t0_ns` to the end of the load, or until `stop`. Every request has its row when this returns, but those that
        were open for half a second after a stop.
        """
        self._t0_ns = t0_ns
        self._end_ns = t0_ns + self._phase_ends_ns[-1]
        while self._wait_until(max(t0_ns, time.monotonic_ns())):
            refused = self._burn()
            if refused is not None:
                self._come_back(refused)
        gevent.joinall(list(self._carriers), timeout=_STOP_DRAIN_S if self._stopped.is_set() else None)
        gevent.killall(list(self._carriers))

    def stop(self) -> None:
        """Ask for nothing more."""
        self._stopped.set()

    def _burn(self) -> Flight | None:
        """Ask at the pace until something is refused; returns that, or None at the end. What is still out is waited for."""
        self._refused = None
        due_ns = time.monotonic_ns()
        while self._refused is None and self._wait_until(due_ns):
            flight = self._flight(self._arrivals, 0, due_ns)
            self._arrivals += 1
            carrier = gevent.spawn(self._carry, flight)
            self._carriers.add(carrier)
            carrier.link(self._carriers.discard)
            due_ns += self._gap_ns
        refused = self._refused
        if refused is not None:
            gevent.joinall([carrier for carrier in self._carriers if not carrier.dead], timeout=self._gap_ns / _NS)
        return refused

    def _come_back(self, refused: Flight) -> None:
        """Wait as long as the refusal says and send the same request again; without such a word, rest."""
        says_s = claims(refused.answer.head).retry_after_s
        wait_ns = says_s * _NS
        if says_s == NO_RETRY_AFTER or wait_ns > self._patience_ns:
            self._wait_until(refused.answer.done_ns + _REST_NS)
            return
        due_ns = refused.answer.done_ns + wait_ns
        if self._wait_until(due_ns):
            self._carry(self._flight(refused.arrival_id, 1, due_ns))

    def _carry(self, flight: Flight) -> None:
        self._client.exchange(flight.answer, flight.wire, stream=flight.request.stream)
        self._recorder.record(flight)
        if flight.answer.status == _REJECTED and self._refused is None:
            self._refused = flight

    def _flight(self, arrival_id: int, ordinal: int, due_ns: int) -> Flight:
        request = self._generator.request(_OWN_PROMPTS + arrival_id, route=self._route, tenant=self._tenant)
        phase = int(phase_of(np.array([due_ns - self._t0_ns]), self._phase_ends_ns)[0])
        wire = self._wire.request(request, arrival_id, ordinal, _KIND)
        place = min(phase, len(self._phase_ends_ns) - 1)
        return Flight(arrival_id, _KIND, place, due_ns=due_ns, request=request, wire=wire, ordinal=ordinal)

    def _wait_until(self, at_ns: int) -> bool:
        """Wait, never less than asked for; False when the load ends, or is stopped, before."""
        until_ns = min(at_ns, self._end_ns)
        while not self._stopped.is_set():
            left_ns = until_ns - time.monotonic_ns()
            if left_ns <= 0:
                return at_ns < self._end_ns
            self._stopped.wait(left_ns / _NS)
        return False
