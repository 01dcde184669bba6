"""Where faults may sit: the links, providers and processes of a topology, and the link that leads to each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from gatebench.execution.asking import Problems, RunRequest
from gatebench.faults import FLAGS, Layer
from gatebench.plan import PlannedFault, TargetPlan
from gatebench.scenario import FRONT

GATEWAY = "gateway"
FLAGS_REST_NS = 500_000_000


@dataclass(frozen=True)
class Places:
    """By layer, the name of each place and the link through which its canaries go."""

    link: dict[str, str] = field(default_factory=dict)
    provider: dict[str, str] = field(default_factory=dict)
    process: dict[str, str] = field(default_factory=dict)

    def of(self, layer: Layer) -> dict[str, str]:
        """Return the places of one layer."""
        return {"link": self.link, "provider": self.provider, "process": self.process}[layer]


def places(providers: Iterable[str], target: TargetPlan | None) -> Places:
    """Return the places of a run against `target`; a target that is not ours has its front link alone.

    The process that clients reach is called `gateway` too, whatever its own name is.
    """
    if target is not None and not target.is_ours:
        return Places(link={} if target.unix is not None else {FRONT: FRONT})
    own = {name: name for name in providers}
    definition = target.definition if target is not None else None
    stores = definition.store if definition else ()
    processes = {**own, **{store.process: store.name for store in stores}}
    if definition is not None and definition.front is not None:
        processes |= {GATEWAY: FRONT, definition.front: FRONT}
    return Places(
        link={FRONT: FRONT, **own, **{store.name: store.name for store in stores}}, provider=own, process=processes
    )


def overlapping(first: PlannedFault, second: PlannedFault) -> str | None:
    """Return why two faults cannot be on at the same time, None when they can, or are not.

    Flags that are put back and set again need a moment in between: nobody could say which came last.
    """
    if first.definition.mechanism == second.definition.mechanism == FLAGS:
        later, earlier = (first, second) if first.start_ns >= second.start_ns else (second, first)
        if later.start_ns < earlier.end_ns + FLAGS_REST_NS:
            return "flags-set follows flags-set within less than 500 ms: whoever comes last would win."
    if first.start_ns >= second.end_ns or second.start_ns >= first.end_ns:
        return None
    same_place = first.on == second.on
    if same_place and first.definition.mechanism == second.definition.mechanism:
        return f"{first.name} is put on {first.on} twice at the same time: clearing the first would end the second."
    if first.via == second.via and (first.definition.exclusive or second.definition.exclusive):
        one, other = (first, second) if first.definition.exclusive else (second, first)
        return (
            f"{one.name} on {one.on} lets nothing through unharmed, so that nobody could prove {other.name} on {other.on} "
            "at the same time."
        )
    return None


def refuse_unreachable(
    faults: Sequence[PlannedFault], target: TargetPlan, request: RunRequest, problems: Problems
) -> None:
    """Refuse faults on what a target at a URL does not use."""
    if target.is_ours:
        return
    for fault in faults:
        if target.unix is not None:
            problems.say(
                request.scenario,
                f"{fault.name} on {fault.on} cannot reach a Unix socket: Toxiproxy carries TCP only.",
                "Have the gateway listen on a port of 127.0.0.1.",
            )
        elif fault.on != FRONT:
            problems.say(
                request.scenario,
                f"{fault.name} on {fault.on} cannot reach {target.name}: its upstreams are not ours.",
                "Run a scenario without provider faults (smoke), or describe your gateway as a target folder (targets/README.md).",
            )
