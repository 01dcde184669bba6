"""What became of each planned fault: its six times, what the canaries met, and whether it bit and went away again.

t0 and t1 are the engine's acknowledgements of apply and clear (`measurement.md` 21); canaries prove them. Times are
nanoseconds from the start of the load.
"""

from __future__ import annotations

import contextlib
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError

from gatebench.analysis.wording import count
from gatebench.plan import Plan, PlannedFault
from gatebench.units import human_duration

FIDELITY_LEAST: Final = 0.8
FIDELITY_MOST: Final = 1.2
NS_PER_MS: Final = 1_000_000

Event = Mapping[str, Any]

_TIMES: Final = {
    "fault.requested": "requested_ns",
    "fault.acknowledged": "acknowledged_ns",
    "fault.proven": "proven_ns",
    "fault.clear_requested": "clear_requested_ns",
    "fault.cleared": "cleared_ns",
    "fault.proven_clear": "proven_clear_ns",
}


@dataclass(frozen=True)
class Canary:
    """One probe: in which stage it was sent, over which connection, and whether it met what it should."""

    stage: str
    pooled: bool
    expected: str
    met: str
    ok: bool
    took_ns: int


@dataclass(frozen=True)
class Change:
    """A step of a ramp as the engine acknowledged it: from then on these are the parameters."""

    at_ns: int
    parameters: Mapping[str, Any]


@dataclass(frozen=True)
class FaultTimeline:
    """A planned fault and what happened to it; a time is None when that did not happen, or nobody lived to write it."""

    planned: PlannedFault
    requested_ns: int | None = None
    acknowledged_ns: int | None = None
    proven_ns: int | None = None
    clear_requested_ns: int | None = None
    cleared_ns: int | None = None
    proven_clear_ns: int | None = None
    hits: int | None = None
    stated_fidelity: float | None = None
    failed: str = ""
    unproven: bool = False
    unproven_clear: bool = False
    canaries: tuple[Canary, ...] = ()
    changes: tuple[Change, ...] = ()

    def stage(self, name: str) -> tuple[Canary, ...]:
        """Return the canaries of one stage: before, during or after."""
        return tuple(canary for canary in self.canaries if canary.stage == name)

    @property
    def fidelity(self) -> float | None:
        """Measured effect ÷ configured effect of a ratio fault; None for a yes/no fault, or where it was not measured.

        For a delay it is (median canary during - median canary before) ÷ the parameter that the proof names; for other
        effects it is what the injector measured.
        """
        proof = self.planned.definition.proof
        if self.planned.definition.effect != "ratio":
            return None
        if self.stated_fidelity is not None:
            return self.stated_fidelity
        configured = self.planned.parameters.get(proof.parameter)
        before, during = self.stage("before"), self.stage("during")
        if proof.expect != "delay" or not before or not during or not isinstance(configured, int | float):
            return None
        added_ns = statistics.median(canary.took_ns for canary in during) - statistics.median(
            canary.took_ns for canary in before
        )
        return added_ns / (configured * NS_PER_MS) if configured > 0 else None

    @property
    def bit(self) -> bool | None:
        """Whether the fault had its effect; None when nothing was measured.

        A yes/no fault needs unanimous canaries. A ratio fault needs a fidelity of 0.8 to 1.2; its injector may have
        tried more than once, so its own word (proven, unproven) comes before single canaries.
        """
        if self.unproven:
            return False
        during = self.stage("during")
        if self.planned.definition.effect == "ratio":
            if self.fidelity is not None:
                return FIDELITY_LEAST <= self.fidelity <= FIDELITY_MOST
        elif during:
            return all(canary.ok for canary in during)
        return True if self.proven_ns is not None else None

    @property
    def cut_short_ns(self) -> int:
        """How long before its planned end its clearing was asked for; 0 when that is not known, or was in time."""
        return 0 if self.clear_requested_ns is None else max(0, self.planned.end_ns - self.clear_requested_ns)

    @property
    def gone(self) -> bool | None:
        """Whether the baseline was proven again after the fault; None when nothing was measured.

        Canaries right after the clearing may still meet the fault's tail: the injector asks until they all answer, and
        says so.
        """
        if self.unproven_clear:
            return False
        if self.proven_clear_ns is not None:
            return True
        after = self.stage("after")
        return all(canary.ok for canary in after) if after else None

    @property
    def sentence(self) -> str:
        """What happened, in words."""
        what = f"{self.planned.name} on {self.planned.on}"
        if self.planned.part:
            what += f" (window {self.planned.part})"
        if self.planned.manual:
            what += ", injected by hand,"
        if self.failed:
            return f"{what} failed: {self.failed}"
        if self.acknowledged_ns is None:
            return f"{what} was never applied."
        parts = [f"{what} began at {human_duration(self.acknowledged_ns / 1e9)}"]
        if self.cleared_ns is None:
            parts.append("its end is not recorded")
        else:
            parts.append(f"ended at {human_duration(self.cleared_ns / 1e9)}")
        for stage, when in (("during", "while it was on"), ("after", "after it")):
            sent = self.stage(stage)
            if sent:
                parts.append(f"{sum(canary.ok for canary in sent)} of {len(sent)} canaries met {_what(sent)} {when}")
        if self.fidelity is not None:
            parts.append(f"measured effect ÷ configured effect = {self.fidelity:.2f}")
        if self.hits is not None:
            parts.append(count(self.hits, "hit"))
        return ", ".join(parts) + "."


def _what(canaries: Sequence[Canary]) -> str:
    """Return what these canaries should meet: fresh and pooled connections may be promised different ends."""
    return " or ".join(sorted({canary.expected for canary in canaries}))


def timelines(plan: Plan, events: Sequence[Event], start_ns: int) -> tuple[FaultTimeline, ...]:
    """Return what became of every fault: those of the plan in its order, then those that somebody injected by hand.

    `start_ns` is the start of the load.
    """
    return tuple(
        _timeline(fault, [event for event in events if event.get("fault") == fault.id], start_ns)
        for fault in (*plan.faults, *_by_hand(events))
    )


def _by_hand(events: Sequence[Event]) -> Iterator[PlannedFault]:
    """Yield the faults that were asked for from a second terminal; a damaged record of one is left out."""
    for event in events:
        if event.get("event") == "fault.planned":
            with contextlib.suppress(ValidationError):
                yield PlannedFault.model_validate(event.get("planned"))


def _timeline(fault: PlannedFault, events: Sequence[Event], start_ns: int) -> FaultTimeline:
    found: dict[str, Any] = {}
    canaries, changes = [], []
    for event in events:
        name = event["event"]
        if name in _TIMES:
            # The first time counts: a clear that is repeated to be safe does not move t1.
            found.setdefault(_TIMES[name], int(event["at_ns"]) - start_ns)
        if name == "fault.failed":
            found["failed"] = str(event.get("why", "no reason was recorded"))
        if name in ("fault.unproven", "fault.unproven_clear"):
            found[name.removeprefix("fault.")] = True
        if name == "canary":
            canaries.append(_canary(event))
        if name == "fault.changed":
            changes.append(Change(int(event["at_ns"]) - start_ns, event.get("parameters") or {}))
        for fact, field in (("hits", "hits"), ("fidelity", "stated_fidelity")):
            if event.get(fact) is not None:
                found[field] = event[fact]
    return FaultTimeline(planned=fault, canaries=tuple(canaries), changes=tuple(changes), **found)


def _canary(event: Event) -> Canary:
    return Canary(
        stage=str(event.get("stage", "")),
        pooled=bool(event.get("pooled", False)),
        expected=str(event.get("expected", "")),
        met=str(event.get("met", "")),
        ok=bool(event.get("ok", False)),
        took_ns=int(event.get("took_ns") or 0),
    )
