"""A worker's share of the schedule: which arrivals it sends, when each is due, and what each asks for. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import repeat
from pathlib import Path
from typing import Final

from gatebench.execution.load.flight import Flight
from gatebench.execution.load.wire import Wire
from gatebench.lanes import block_of, lanes_of
from gatebench.plan import Plan
from gatebench.sample import TARGET
from gatebench.schedule import DRAWN, phase_of, share
from gatebench.stamp import KINDS
from gatebench.traffic import Generator

LOAD: Final = KINDS.index("load")
WARMUP: Final = KINDS.index("warmup")
_BLOCK: Final = 4096

Said = tuple[int, int, int]
"""Route, tenant and size of an arrival; negative is drawn."""

NOTHING_SAID: Final[Said] = (DRAWN, DRAWN, DRAWN)


class Composing:
    """Makes the flight of an arrival; `wires` are by lane."""

    def __init__(self, plan: Plan, wires: Mapping[int, Wire]) -> None:
        self.phase_ends_ns = [phase.end_ns for phase in plan.phases]
        self._kinds = [WARMUP if phase.role == "warmup" else LOAD for phase in plan.phases]
        self._last_phase = len(plan.phases) - 1
        self._generator = Generator(plan.traffic, plan.seed)
        self._wires = wires
        self._lanes = len(plan.lanes)

    def flight(self, arrival_id: int, phase: int, due_ns: int, said: Said = NOTHING_SAID, lane: int = TARGET) -> Flight:
        """Return the flight of an arrival that is due at `due_ns` of the monotonic clock, for whom `said` says.

        The members of a block of lanes ask for the same.
        """
        place = min(phase, self._last_phase)
        kind = self._kinds[place]
        route, tenant, size = said
        request = self._generator.request(block_of(arrival_id, self._lanes), route=route, tenant=tenant, size=size)
        wire = self._wires[lane].request(request, arrival_id, 0, kind)
        return Flight(arrival_id, kind, place, due_ns=due_ns, request=request, wire=wire, lane=lane)


class Arrivals:
    """The arrivals of `worker` of `plan.load.workers`; `count` of them. `trace` is the run folder's copy of a trace."""

    def __init__(self, plan: Plan, worker: int, wires: Mapping[int, Wire], trace: Path | None = None) -> None:
        self._schedule = plan.schedule(trace)
        self._ids = share(self._schedule.due_ns, worker, plan.load.workers)
        self._composing = Composing(plan, wires)
        self._lanes = len(plan.lanes)
        self._seed = plan.seed
        self.count = len(self._ids)

    def flights(self, t0_ns: int) -> Iterator[Flight]:
        """Yield the flights in the order in which they are due; `t0_ns` is zero of the schedule on the monotonic clock.

        A flight is made when it is asked for, so a long schedule costs no memory.
        """
        schedule, composing = self._schedule, self._composing
        for start in range(0, self.count, _BLOCK):
            ids = self._ids[start : start + _BLOCK]
            due_ns = schedule.due_ns[ids]
            said: Iterable[Said] = repeat(NOTHING_SAID, len(ids))
            if schedule.said:
                whom = (schedule.route[ids], schedule.tenant[ids], schedule.size[ids])
                said = zip(*(column.tolist() for column in whom), strict=True)
            phases = phase_of(due_ns, composing.phase_ends_ns)
            lanes = lanes_of(ids, self._lanes, self._seed)
            columns = (column.tolist() for column in (ids, phases, due_ns + t0_ns))
            for arrival_id, phase, at_ns, theirs, lane in zip(*columns, said, lanes.tolist(), strict=True):
                yield composing.flight(arrival_id, phase, at_ns, theirs, lane)
