"""Plans the faults of a scenario: where they sit, whether they fit there, and whether their windows can prove them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from gatebench.content import Content
from gatebench.errors import ConfigurationError, Problem
from gatebench.execution.asking import Problems, RunRequest
from gatebench.execution.chaos.canary import proof_needs_s
from gatebench.execution.chaos.provable import provable, share
from gatebench.execution.places import GATEWAY, Places, overlapping
from gatebench.execution.toxiproxy import toxics  # noqa: F401 - registers the kinds
from gatebench.execution.toxiproxy.toxic import kinds
from gatebench.execution.upstream.faults.registry import mechanisms
from gatebench.faults import FLAGS, FaultDefinition, FaultUse, Value, parameter_problems
from gatebench.plan import EngineKind, FaultStep, PlannedFault, PlannedPhase
from gatebench.scenario import FRONT, Scenario
from gatebench.shapes import LEAST_REST_S, Ramp, Shape
from gatebench.units import duration_s, human_duration

PROCESS_MECHANISMS = (FLAGS, "process.kill", "process.pause", "process.restart")
OURS_ALONE = ("toxic.packet_loss",)
MOST_FAULTS = 200  # a fault is one byte of an attempt, and some are kept for those of a second terminal
_NS = 1_000_000_000


@dataclass(frozen=True)
class Stretch:
    """The time that a use of a fault lives in: a phase, nanoseconds from the start of the load, stretched by `scale`."""

    phase: str
    start_ns: int
    end_ns: int
    scale: float = 1.0


@dataclass(frozen=True)
class Ground:
    """What the uses of faults stand on: the content folders, the places, and whose words they are.

    A real server is allowed toxics that we do not know, and refused those that are ours alone; who is at a URL, nobody knows.
    """

    content: Content
    places: Places
    where: str
    engine: EngineKind = "embedded"


def planned_faults(
    *,
    scenario: Scenario,
    phases: tuple[PlannedPhase, ...],
    places: Places,
    request: RunRequest,
    engine: EngineKind,
    content: Content,
    where: str,
    problems: Problems,
) -> tuple[PlannedFault, ...]:
    """Return the faults of the scenario and of its fault plans; what is wrong with one goes to `problems`."""
    found: list[PlannedFault] = []
    number = 0
    for phase, planned in zip(scenario.phases, phases, strict=True):
        stretch = Stretch(phase.name, planned.start_ns, planned.end_ns, request.time_scale)
        for use, chaos in [(use, "") for use in phase.faults] + list(_of_plans(phase.chaos, content, problems)):
            number += 1
            ground = Ground(content, places, f"chaos/{chaos}.toml" if chaos else where, engine)
            windows = use_windows(use, stretch, ground, seed_of(request.seed, number), problems)
            found += [window.model_copy(update={"chaos": chaos}) for window in windows]
    if len(found) > MOST_FAULTS:
        problems.say(
            where,
            f"makes {len(found)} windows of faults.",
            f"Make at most {MOST_FAULTS}: longer periods, shorter phases.",
        )
    return tuple(fault.model_copy(update={"id": f"f{place}"}) for place, fault in enumerate(found, start=1))


def use_windows(
    use: FaultUse, stretch: Stretch, ground: Ground, seed: int, problems: list[Problem]
) -> list[PlannedFault]:
    """Return one planned fault for each window that a use makes in its stretch; what is wrong goes to `problems`."""
    where = ground.where
    try:
        definition = ground.content.fault(use.name)
    except ConfigurationError as error:
        problems.extend(error.problems)
        return []
    before = len(problems)
    problems.extend(_misfits(use, definition, ground.places, where))
    problems.extend(parameter_problems(use.name, use.parameters, use.shape, definition, where))
    problems.extend(_unknown_mechanism(definition, f"chaos/{use.name}.toml", ground.engine))
    start_s = duration_s(use.after) * stretch.scale
    room_s = (stretch.end_ns - stretch.start_ns) / _NS - start_s
    length_s = duration_s(use.duration) * stretch.scale if use.duration else room_s
    if room_s <= 0 or length_s > room_s + 1e-9:
        problems.append(
            Problem(
                where,
                f"{use.name} on {use.on} would run past the end of {stretch.phase or 'the run'} "
                f"({human_duration(start_s)} + {human_duration(max(length_s, 0))}, and it lasts "
                f"{human_duration((stretch.end_ns - stretch.start_ns) / _NS)}).",
                "Shorten its window.",
            )
        )
    if len(problems) > before:
        return []
    shape = _scaled(use.shape, stretch.scale)
    spans = shape.spans(length_s, seed)
    if not spans:
        what = f"{use.name} on {use.on} is on at no time: its shape does not fit into {human_duration(length_s)}."
        problems.append(Problem(where, what, "Lengthen its window."))
    found = []
    for place, (from_s, until_s) in enumerate(spans, start=1):
        begin_ns = stretch.start_ns + round((start_s + from_s) * _NS)
        end_ns = stretch.start_ns + round((start_s + until_s) * _NS)
        steps = _steps(shape, definition, use, begin_ns, end_ns)
        found.append(
            PlannedFault(
                id=f"w{place}",
                name=use.name,
                on=use.on,
                phase=stretch.phase,
                start_ns=begin_ns,
                end_ns=end_ns,
                parameters=_proven(steps, definition) if steps else _filled(definition, use),
                definition=definition,
                link=ground.places.of(definition.layer).get(use.on, use.on),
                steps=steps,
                part=f"{place} of {len(spans)}" if len(spans) > 1 else "",
            )
        )
    problems.extend(_unprovable(found, where))
    return found


def refuse_overlaps(faults: Sequence[PlannedFault], most: int, where: str, problems: Problems) -> None:
    """Refuse faults that exclude each other, and more of them at one time than `most`."""
    said = set()
    for place, first in enumerate(faults):
        for second in faults[place + 1 :]:
            why = overlapping(first, second)
            if why is not None and why not in said:
                said.add(why)
                problems.say(where, why, "Move one of the two windows.")
        together = [other for other in faults if other.start_ns <= first.start_ns < other.end_ns]
        if len(together) > most and "many" not in said:
            said.add("many")
            problems.say(
                where,
                f"{len(together)} faults are on at the same time at {human_duration(first.start_ns / _NS)}, and {most} is the most.",
                "Move some of them, or raise most_faults in the scenario.",
            )


def _of_plans(names: Sequence[str], content: Content, problems: list[Problem]) -> Iterator[tuple[FaultUse, str]]:
    for name in names:
        try:
            yield from ((use, name) for use in content.fault_plan(name).uses())
        except ConfigurationError as error:
            problems.extend(error.problems)


def seed_of(seed: int, number: int) -> int:
    """Return the seed of the random windows of one use of a fault."""
    return int.from_bytes(hashlib.blake2b(f"{seed}\0chaos\0{number}".encode(), digest_size=8).digest(), "big")


def _scaled(shape: Shape, scale: float) -> Shape:
    """Return the shape with its durations stretched as the phases are."""
    times = {
        name: f"{duration_s(getattr(shape, name)) * scale:.9f}s"
        for name in ("period", "every", "lasting")
        if hasattr(shape, name)
    }
    return shape.model_copy(update=times) if scale != 1 else shape


def _filled(definition: FaultDefinition, use: FaultUse) -> dict[str, Value]:
    return {**{key: parameter.default for key, parameter in definition.settings.items()}, **use.parameters}


def _steps(
    shape: Shape, definition: FaultDefinition, use: FaultUse, begin_ns: int, end_ns: int
) -> tuple[FaultStep, ...]:
    if not isinstance(shape, Ramp):
        return ()
    whole = isinstance(definition.settings[shape.parameter].default, int)
    filled = _filled(definition, use)
    return tuple(
        FaultStep(
            at_ns=begin_ns + (end_ns - begin_ns) * number // shape.steps,
            parameters={**filled, shape.parameter: round(value) if whole else value},
        )
        for number, value in enumerate(shape.values())
    )


def _proven(steps: tuple[FaultStep, ...], definition: FaultDefinition) -> dict[str, Value]:
    """Return the parameters of the step that canaries can tell best: where most are hit, or a ratio fault's effect is strongest."""
    first, last = steps[0].parameters, steps[-1].parameters
    if share(definition, first) != share(definition, last):
        return max(first, last, key=lambda parameters: share(definition, parameters))
    name = definition.proof.parameter
    if definition.effect != "ratio" or name not in first:
        return first
    weaker_is_lower = definition.proof.expect != "rate"
    return last if (float(last[name]) > float(first[name])) == weaker_is_lower else first


def _misfits(use: FaultUse, definition: FaultDefinition, places: Places, where: str) -> Iterator[Problem]:
    """Yield what is wrong with the place of one fault."""
    known = places.of(definition.layer)
    if use.on not in known:
        what = {"link": "a link", "provider": "a provider", "process": "a process"}[definition.layer]
        names = ", ".join(sorted(known)) or "there is none here that is ours"
        yield Problem(where, f'{use.name} sits in {what}, but is put on "{use.on}".', f"Choose one of: {names}.")
    elif definition.mechanism == FLAGS and known[use.on] != FRONT:
        yield Problem(where, f"{use.name} is for the gateway: {use.on} reads no flags.", f"Put it on {GATEWAY}.")
    elif use.on == FRONT and (
        definition.proof.expect in {"rate", "slices"} or definition.mechanism == "toxic.limit_data"
    ):
        yield Problem(where, f"{use.name} cannot be proven on the front link.", "Put it on a provider's link.")


def _unknown_mechanism(definition: FaultDefinition, where: str, engine: EngineKind) -> Iterator[Problem]:
    """Say when nobody knows the mechanism; a toxic of a real server may be one that we do not know."""
    mechanism = definition.mechanism
    known = {
        "provider": [*mechanisms()],
        "process": [*PROCESS_MECHANISMS],
        "link": ["link.down", *(f"toxic.{kind}" for kind in kinds())],
    }[definition.layer]
    if engine == "toxiproxy" and mechanism in OURS_ALONE:
        yield Problem(where, f"the real Toxiproxy server has no {mechanism}.", "Use --engine embedded.")
    elif mechanism not in known and not (mechanism.startswith("toxic.") and engine != "embedded"):
        yield Problem(where, f'nobody knows the mechanism "{mechanism}".', f"Choose one of: {', '.join(known)}.")


def _unprovable(windows: Sequence[PlannedFault], where: str) -> Iterator[Problem]:
    """Say when no canary could prove a fault, or a window, or the rest before the next one, is too short for that."""
    for fault in windows[:1]:
        why = provable(fault.definition, fault.parameters)
        if why is not None:
            what, _, cure = why.partition(". ")
            yield Problem(where, f"{fault.name} on {fault.on}: {what[:1].lower()}{what[1:].rstrip('.')}.", cure)
            return
        length_s = (fault.proven_until_ns - fault.proven_at_ns) / _NS
        needed_s = proof_needs_s(fault.definition, fault.parameters)
        if length_s < needed_s - 1e-9:
            stretch = "a step of its ramp" if fault.steps else "it"
            cure = "Fewer steps, or a longer window." if fault.steps else "Lengthen its window or raise --time-scale."
            yield Problem(
                where,
                f"{fault.name} on {fault.on}: {stretch} lasts {human_duration(length_s)}, but its proof takes "
                f"{human_duration(needed_s)}.",
                cure,
            )
    for first, second in pairwise(windows):
        rest_s = (second.start_ns - first.end_ns) / _NS
        if rest_s < LEAST_REST_S - 1e-9:
            yield Problem(
                where,
                f"{first.name} on {first.on} rests for {human_duration(rest_s)} between two windows, but proving its end and "
                f"preparing the next takes {human_duration(LEAST_REST_S)}.",
                "Choose a longer period or a smaller duty.",
            )
            return
