"""The windows of one use of a fault, together: a flap of nine windows is one thing to a reader, not nine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gatebench.analysis.faults import FaultTimeline
from gatebench.analysis.report.words import exact


@dataclass(frozen=True)
class Step:
    """One level of a ramp: planned and real, nanoseconds from the start of the load.

    `level` is its share of the highest; `proven` whether it is the one that the canaries prove.
    """

    planned_ns: int
    at_ns: int | None
    value: str
    level: float
    proven: bool


@dataclass(frozen=True)
class FaultUse:
    """What one line of a scenario, of a fault plan, or somebody at a second terminal asked for: windows in order of time."""

    windows: tuple[FaultTimeline, ...]

    @property
    def first(self) -> FaultTimeline:
        """The window that tells what all have in common."""
        return self.windows[0]

    @property
    def what(self) -> str:
        """The fault and its place: latency on provider-a."""
        return f"{self.first.planned.name} on {self.first.planned.on}"

    @property
    def origin(self) -> str:
        """Who put it on: somebody by hand, a fault plan, or the scenario itself."""
        planned = self.first.planned
        plan = f"by plan {planned.chaos}" if planned.chaos else ""
        if planned.manual:
            return ", ".join(["by hand", *([plan] if plan else [])])
        return plan or "by the scenario"

    @property
    def label(self) -> str:
        """Its name beside a band: what, how often, the values of a ramp, and whether somebody put it on by hand."""
        times = f" ×{len(self.windows)}" if len(self.windows) > 1 else ""
        values = f" {self.ramp}" if self.ramp else ""
        return f"{self.what}{values}{times}{' (by hand)' if self.first.planned.manual else ''}"

    @property
    def ramp(self) -> str:
        """The values of a ramp, as in 20 → 80 → 140 → 200 ms; empty for a fault that does not change."""
        values = list(dict.fromkeys(step.value for step in steps(self.first)))
        if len(values) > 5:
            values = [values[0], "…", values[-1]]
        ends = {value.rpartition("\u202f")[2] for value in values if "\u202f" in value}
        if len(ends) == 1:
            values = [value.rpartition("\u202f")[0] or value for value in values[:-1]] + values[-1:]
        return " → ".join(values)

    def part(self, fault: FaultTimeline) -> str:
        """Return which of the windows this is, as in 2 of 5; empty when there is only one."""
        if len(self.windows) == 1:
            return fault.planned.part
        parts = [window.planned.part for window in self.windows]
        own = fault.planned.part if len(set(parts)) == len(parts) else ""
        return own or f"{self.windows.index(fault) + 1} of {len(self.windows)}"


def uses(faults: Sequence[FaultTimeline]) -> list[FaultUse]:
    """Return the faults of a run, the windows of one use together, in the order in which each use first stands."""
    found: dict[tuple[Any, ...], list[FaultTimeline]] = {}
    for fault in faults:
        planned = fault.planned
        phase = "" if planned.manual else planned.phase
        ramps = tuple((repr(step.parameters)) for step in planned.steps)
        key = (planned.manual, planned.chaos, phase, planned.name, planned.on, repr(planned.parameters), ramps)
        found.setdefault(key, []).append(fault)
    return [FaultUse(tuple(sorted(windows, key=lambda fault: fault.planned.start_ns))) for windows in found.values()]


def steps(fault: FaultTimeline) -> list[Step]:
    """Return the levels of a ramp; none for a fault that does not change."""
    planned = fault.planned.steps
    ramped = [
        name
        for name in (planned[0].parameters if planned else ())
        if len({repr(s.parameters.get(name)) for s in planned}) > 1
    ]
    if not ramped:
        return []
    happened = [fault.acknowledged_ns, *(change.at_ns for change in fault.changes)]
    happened += [None] * (len(planned) - len(happened))
    sizes = [_size(step.parameters.get(ramped[0])) for step in planned]
    highest = max(sizes) or 1.0
    return [
        Step(
            step.at_ns,
            at_ns,
            _value(fault, step.parameters, ramped),
            size / highest,
            step.parameters == fault.planned.parameters,
        )
        for step, at_ns, size in zip(planned, happened, sizes, strict=False)
    ]


def _size(value: Any) -> float:
    return abs(float(value)) if isinstance(value, int | float) else 0.0


def _value(fault: FaultTimeline, parameters: Mapping[str, Any], names: Sequence[str]) -> str:
    """Return what a step sets, with its unit; the name stands before it only where several parameters ramp."""
    texts = []
    for name in names:
        known = fault.planned.definition.parameters.get(name)
        value, unit = parameters.get(name), known.unit if known else ""
        text = exact(value) if isinstance(value, int | float) else str(value)
        texts.append((f"{name} " if len(names) > 1 else "") + text + (f"\u202f{unit}" if unit else ""))
    return ", ".join(texts)
