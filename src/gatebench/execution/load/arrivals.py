"""A worker's share of the schedule: which arrivals it sends, when each is due, and what each asks for. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from gatebench.execution.load.flight import Flight
from gatebench.execution.load.wire import Wire
from gatebench.lanes import block_of, lanes_of
from gatebench.plan import Plan
from gatebench.schedule import phase_of, share
from gatebench.stamp import KINDS
from gatebench.traffic import Generator

LOAD: Final = KINDS.index("load")
WARMUP: Final = KINDS.index("warmup")
_BLOCK: Final = 4096


class Arrivals:
    """The arrivals of `worker` of `plan.load.workers`; `count` of them. `wires` are by lane."""

    def __init__(self, plan: Plan, worker: int, wires: Mapping[int, Wire]) -> None:
        due_ns = plan.load.due_times_ns(plan.seed)
        self._ids = share(due_ns, worker, plan.load.workers)
        self._due_ns = due_ns[self._ids]
        self._phase_ends_ns = [phase.end_ns for phase in plan.phases]
        self._kinds = [WARMUP if phase.role == "warmup" else LOAD for phase in plan.phases]
        self._generator = Generator(plan.traffic, plan.seed)
        self._wires = wires
        self._lanes = len(plan.lanes)
        self._seed = plan.seed
        self.count = len(self._ids)

    def flights(self, t0_ns: int) -> Iterator[Flight]:
        """Yield the flights in the order in which they are due; `t0_ns` is zero of the schedule on the monotonic clock.

        A flight is made when it is asked for, so a long schedule costs no memory.
        """
        last_phase = len(self._kinds) - 1
        for start in range(0, self.count, _BLOCK):
            due_ns = self._due_ns[start : start + _BLOCK]
            phases = phase_of(due_ns, self._phase_ends_ns)
            ids = self._ids[start : start + _BLOCK]
            lanes = lanes_of(ids, self._lanes, self._seed)
            columns = (column.tolist() for column in (ids, due_ns, phases, lanes))
            for arrival_id, due, phase, lane in zip(*columns, strict=True):
                place = min(phase, last_phase)
                kind = self._kinds[place]
                request = self._generator.request(block_of(arrival_id, self._lanes))
                wire = self._wires[lane].request(request, arrival_id, 0, kind)
                yield Flight(arrival_id, kind, place, due_ns=t0_ns + due, request=request, wire=wire, lane=lane)
