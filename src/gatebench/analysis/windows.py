"""The effective windows of the phases, and the outages that faults made: what the checks mean when they name a phase.

Planned phases say what was wanted. What happened begins and ends where the engine acknowledged a fault and its end, so
phases are cut there (`measurement.md` 10). Times are nanoseconds from the start of the load.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt

from gatebench.analysis.faults import FaultTimeline
from gatebench.plan import Plan

TRANSITION: Final = "transition"

Times = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Window:
    """A phase with its planned and its effective window, [start, end)."""

    name: str
    role: str
    planned_start_ns: int
    planned_end_ns: int
    start_ns: int
    end_ns: int

    @property
    def length_s(self) -> float:
        """How long the effective window is."""
        return max(0, self.end_ns - self.start_ns) / 1e9


@dataclass(frozen=True)
class Outage:
    """The faults of one phase as one event: from the first acknowledgement, t0, to the last clearing, t1.

    `until_ns` ends the time in which its recovery may be looked for: the next outage's t0, or the end of the load.
    `provider` is the provider behind the faults, None when they sit elsewhere or on several. `cleared` is False when
    the end was never acknowledged: then t1 is where the run ended. `spells` counts the stretches of time in which some of
    them were on: a fault that flaps makes several. Faults injected by hand, and changes that break nothing, are no part of it.
    """

    phase: str
    t0_ns: int
    t1_ns: int
    until_ns: int
    cleared: bool
    provider: str | None
    attempts_visible: bool
    spells: int = 1


def outages(plan: Plan, faults: Sequence[FaultTimeline], end_ns: int) -> tuple[Outage, ...]:
    """Return the outages in order of time; faults that were never acknowledged make none."""
    found = []
    providers = {provider.name for provider in plan.providers}
    for phase in plan.phases:
        own = [
            fault
            for fault in faults
            if fault.planned.phase == phase.name
            and fault.acknowledged_ns is not None
            and fault.planned.definition.breaks
            and not fault.planned.manual
        ]
        if not own:
            continue
        ends = [fault.cleared_ns for fault in own]
        places = {fault.planned.on for fault in own}
        found.append(
            Outage(
                phase=phase.name,
                t0_ns=min(fault.acknowledged_ns or 0 for fault in own),
                t1_ns=end_ns if None in ends else max(end or 0 for end in ends),
                until_ns=end_ns,
                cleared=None not in ends,
                provider=next(iter(places)) if len(places) == 1 and places <= providers else None,
                attempts_visible=all(fault.planned.definition.attempts_visible for fault in own),
                spells=_spells(
                    [
                        (fault.acknowledged_ns or 0, end_ns if fault.cleared_ns is None else fault.cleared_ns)
                        for fault in own
                    ]
                ),
            )
        )
    found.sort(key=lambda outage: outage.t0_ns)
    limited = [replace(outage, until_ns=following.t0_ns) for outage, following in pairwise(found)]
    return (*limited, *found[-1:])


def windows(plan: Plan, found: Sequence[Outage], end_ns: int) -> tuple[Window, ...]:
    """Return the phases with their effective windows.

    A phase with the role "fault" lasts from t0 to t1 of its outage. The phase before it ends at t0 and the one after it
    begins at t1, unless they are outages themselves or a warm-up, whose edges stay. Other phases keep their planned
    edges. A run that ended early ends every window.
    """
    roles = {phase.name: phase.role for phase in plan.phases}
    struck = {outage.phase: outage for outage in found if roles[outage.phase] == "fault"}
    result = []
    for number, phase in enumerate(plan.phases):
        before = struck.get(plan.phases[number - 1].name) if number else None
        after = struck.get(plan.phases[number + 1].name) if number + 1 < len(plan.phases) else None
        own = struck.get(phase.name)
        start_ns, limit_ns = phase.start_ns, phase.end_ns
        if own is not None:
            start_ns, limit_ns = own.t0_ns, own.t1_ns
        elif before is not None:
            start_ns = before.t1_ns
        if own is None and after is not None and phase.role != "warmup":
            limit_ns = after.t0_ns
        start_ns = min(start_ns, end_ns)
        limit_ns = max(start_ns, min(limit_ns, end_ns))
        result.append(Window(phase.name, phase.role, phase.start_ns, phase.end_ns, start_ns, limit_ns))
    return tuple(result)


def _spells(spans: Sequence[tuple[int, int]]) -> int:
    """Return how many stretches of time the spans make together."""
    count, reached = 0, -1
    for start_ns, stop_ns in sorted(spans):
        count += start_ns > reached
        reached = max(reached, stop_ns)
    return count


def by_hand(faults: Sequence[FaultTimeline], end_ns: int) -> list[tuple[int, int]]:
    """Return the stretches of time in which a fault was on that somebody injected by hand."""
    return [
        (fault.acknowledged_ns, end_ns if fault.cleared_ns is None else fault.cleared_ns)
        for fault in faults
        if fault.planned.manual and fault.acknowledged_ns is not None
    ]


def edges(faults: Sequence[FaultTimeline]) -> list[int]:
    """Return every acknowledged beginning and end of a fault, sorted."""
    times = {time for fault in faults for time in (fault.acknowledged_ns, fault.cleared_ns) if time is not None}
    return sorted(times)


def label(
    due_ns: Times,
    done_ns: Times,
    found: Sequence[Window],
    cuts: Sequence[int],
    disturbed: Sequence[tuple[int, int]] = (),
) -> npt.NDArray[np.int64]:
    """Return for each row the number of its window, or -1 for a transition.

    A transition is a row that was under way at an edge of a fault (due < edge ≤ done), one that was under way in a
    disturbed stretch of time, and a row due in no window.
    """
    labels = np.full(len(due_ns), -1, dtype=np.int64)
    for number, window in enumerate(found):
        labels[(due_ns >= window.start_ns) & (due_ns < window.end_ns)] = number
    for cut in cuts:
        labels[(due_ns < cut) & (cut <= done_ns)] = -1
    for start_ns, stop_ns in disturbed:
        labels[(due_ns < stop_ns) & (start_ns <= done_ns)] = -1
    return labels
