"""Plans the faults of a scenario: where they sit, whether they fit there, and whether their windows can prove them."""

from __future__ import annotations

from collections.abc import Iterator

from gatebench.content import Content
from gatebench.errors import ConfigurationError
from gatebench.execution.asking import Problems, RunRequest
from gatebench.execution.chaos.canary import proof_needs_s
from gatebench.execution.toxiproxy import toxics  # noqa: F401 - registers the kinds
from gatebench.execution.toxiproxy.toxic import kinds
from gatebench.execution.upstream.faults.registry import mechanisms
from gatebench.faults import FaultDefinition, FaultUse
from gatebench.plan import PlannedFault, PlannedPhase, TargetPlan
from gatebench.scenario import FRONT, Scenario
from gatebench.units import duration_s, human_duration

_NS = 1_000_000_000


def planned_faults(
    *,
    scenario: Scenario,
    phases: tuple[PlannedPhase, ...],
    request: RunRequest,
    content: Content,
    where: str,
    problems: Problems,
) -> Iterator[PlannedFault]:
    """Yield the faults of the scenario with their windows and parameters; what is wrong with one goes to `problems`."""
    number = 0
    for phase, planned in zip(scenario.phases, phases, strict=True):
        for use in phase.faults:
            number += 1
            try:
                definition = content.fault(use.name)
            except ConfigurationError as error:
                problems.extend(error.problems)
                continue
            _fits(use, definition, where, problems)
            _known_mechanism(definition, f"chaos/{use.name}.toml", request, problems)
            start = planned.start_ns + round(duration_s(use.after) * request.time_scale * _NS)
            length = (
                round(duration_s(use.duration) * request.time_scale * _NS) if use.duration else planned.end_ns - start
            )
            found = PlannedFault(
                id=f"f{number}",
                name=use.name,
                on=use.on,
                phase=phase.name,
                start_ns=start,
                end_ns=start + length,
                parameters={
                    **{key: parameter.default for key, parameter in definition.settings.items()},
                    **use.parameters,
                },
                definition=definition,
            )
            if not problems:
                _provable(found, where, problems)
            yield found


def _known_mechanism(definition: FaultDefinition, where: str, request: RunRequest, problems: Problems) -> None:
    """Say when no engine of ours knows the mechanism; a toxic of a real server may be one that we do not know."""
    mechanism = definition.mechanism
    known = [*mechanisms()] if definition.layer == "provider" else ["link.down", *(f"toxic.{kind}" for kind in kinds())]
    foreign = mechanism.startswith("toxic.") and request.engine not in {"auto", "embedded"}
    if mechanism not in known and not foreign:
        problems.say(where, f'nobody knows the mechanism "{mechanism}".', f"Choose one of: {', '.join(known)}.")


def _provable(fault: PlannedFault, where: str, problems: Problems) -> None:
    length_s = (fault.end_ns - fault.start_ns) / _NS
    needed_s = proof_needs_s(fault.definition, fault.parameters)
    if length_s < needed_s:
        problems.say(
            where,
            f"{fault.name} on {fault.on} lasts {human_duration(length_s)}, but its proof takes {human_duration(needed_s)}.",
            "Lengthen its window or raise --time-scale.",
        )


def refuse_overlaps(faults: tuple[PlannedFault, ...], where: str, problems: Problems) -> None:
    """Refuse one mechanism twice on one place at one time: clearing the first would end the second."""
    for place, first in enumerate(faults):
        for second in faults[place + 1 :]:
            same = first.on == second.on and first.definition.mechanism == second.definition.mechanism
            if same and first.start_ns < second.end_ns and second.start_ns < first.end_ns:
                problems.say(
                    where, f"{first.name} is put on {first.on} twice at the same time.", "Move one of the two windows."
                )


def _fits(use: FaultUse, definition: FaultDefinition, where: str, problems: Problems) -> None:
    """Say what is wrong with the place and the parameters of one fault."""
    if definition.layer == "provider" and use.on == FRONT:
        problems.say(
            where,
            f'{use.name} sits in a provider, but is put on "{FRONT}".',
            'Put it on a provider, as in on="provider-a".',
        )
    if definition.proof.expect == "rate" and use.on == FRONT:
        problems.say(where, f"{use.name} cannot be proven on the front link.", "Put it on a provider's link.")
    for key, value in use.parameters.items():
        parameter = definition.settings.get(key)
        if parameter is None:
            known = ", ".join(sorted(definition.settings)) or "none"
            problems.say(where, f"{use.name} has no parameter {key}.", f"Its parameters are: {known}.")
        elif isinstance(parameter.default, str) and isinstance(value, str):
            continue
        elif isinstance(parameter.default, str):
            problems.say(where, f"{use.name}: {key} = {value!r} is not a text.", 'Write it in quotes: "…".')
        elif not isinstance(value, int | float) or isinstance(value, bool):
            problems.say(
                where,
                f"{use.name}: {key} = {value!r} is not a number.",
                f"Write it in {parameter.unit or 'plain numbers'}.",
            )
        elif (parameter.minimum is not None and value < parameter.minimum) or (
            parameter.maximum is not None and value > parameter.maximum
        ):
            low = "any" if parameter.minimum is None else f"{parameter.minimum:g}"
            high = "any" if parameter.maximum is None else f"{parameter.maximum:g}"
            problems.say(
                where, f"{use.name}: {key} = {value} is out of range.", f"Choose from {low} to {high} {parameter.unit}."
            )


def refuse_unreachable(
    faults: tuple[PlannedFault, ...], target: TargetPlan, request: RunRequest, problems: Problems
) -> None:
    """Refuse faults on providers that a target at a URL does not use."""
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
