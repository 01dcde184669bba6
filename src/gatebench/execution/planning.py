"""Turns what somebody asked for into a plan, or into every reason at once why that cannot be done. Starts nothing."""

from __future__ import annotations

import math
import secrets
from collections.abc import Collection, Iterator
from dataclasses import replace

from pydantic import ValidationError

from gatebench.content import Content, LoadedScenario, sentences
from gatebench.errors import ConfigurationError, Problem
from gatebench.execution.asking import STOP_KEYS, Problems, RunRequest, resolve_engine, resolve_target
from gatebench.execution.breaking import planned_faults, refuse_overlaps
from gatebench.execution.controls import refuse_controls
from gatebench.execution.load.wire import header_problems
from gatebench.execution.loading import overridden_load, planned_load
from gatebench.execution.measuring import planned_providers
from gatebench.execution.observing import planned_page, planned_prometheus
from gatebench.execution.places import places, refuse_unreachable
from gatebench.execution.remote import refuse_unportable, refuse_workers, workers_warnings
from gatebench.execution.secrets import header_values, key_values
from gatebench.execution.standing import addressed
from gatebench.execution.topology.rendering import named_for, rehearse
from gatebench.execution.toxiproxy import toxics  # noqa: F401 - registers the kinds
from gatebench.execution.user_tasks import with_tasks
from gatebench.plan import Evidence, LoadPlan, Plan, PlannedFault, PlannedPhase, ProviderPlan, TargetPlan
from gatebench.scenario import FRONT, Objective, Scenario, StopWhen
from gatebench.schedule import Trace
from gatebench.target import Setting
from gatebench.traffic import Traffic
from gatebench.units import duration_s, human_duration, rate_per_s

_NS = 1_000_000_000
_MECHANISM_WINDOWS = 3
_Z_ONE_IN_A_THOUSAND = 3.0902


def make_plan(request: RunRequest, content: Content, known_metrics: Collection[str]) -> Plan:
    """Return the plan; ConfigurationError holds every problem of the scenario, the target, the faults and the options."""
    problems = Problems()
    _options(request, problems)
    if problems:
        raise ConfigurationError([*problems, *_names(request, content)])
    loaded: LoadedScenario | None = None
    try:
        loaded = content.scenario(request.scenario)
    except ConfigurationError as error:
        problems.extend(error.problems)
    scenario = _overridden(loaded.scenario, request, problems) if loaded else None
    target = resolve_target(request, content, scenario.target_settings if scenario else {}, problems)
    engine = resolve_engine(request, problems)
    faults: tuple[PlannedFault, ...] = ()
    phases: tuple[PlannedPhase, ...] = ()
    load: LoadPlan | None = None
    notes: list[str] = []
    providers: tuple[ProviderPlan, ...] = ()
    traffic: Traffic | None = None
    missing: list[str] = []
    if loaded and scenario:
        where = f"scenarios/{loaded.path.name}"
        providers = planned_providers(scenario, [loaded.path.parent, content.workspace], problems)
        folders = (loaded.path.parent, content.workspace)
        _metrics_known(scenario, known_metrics, where, problems)
        scenario, notes = with_tasks(
            scenario, request, own=loaded.path, folders=folders, where=where, problems=problems
        )
        phases = _phases(scenario, request.time_scale)
        missing = _missing(scenario, target)
        if not missing:  # what is not applicable puts nothing on anything, so that it needs no place for it either
            faults = planned_faults(
                scenario=scenario,
                phases=phases,
                places=places(scenario.providers, target if target is not None and target.is_ours else None),
                request=request,
                engine=engine.kind if engine else "embedded",
                content=content,
                where=where,
                problems=problems,
            )
        refuse_overlaps(faults, scenario.most_faults, where, problems)
        load = planned_load(
            scenario,
            [phase.end_ns for phase in phases],
            request,
            folders=folders,
            where=where,
            problems=problems,
        )
        header_values(scenario.headers, where, problems)
        key_values(scenario.keys, scenario.tenant_names(), where, problems, request.seed)
        problems.extend(header_problems(scenario.headers))
        for route in scenario.traffic.routes:
            header_values(route.headers, f"{where}: route {route.name}", problems)
            problems.extend(header_problems(route.headers))
        if target:
            _entry(scenario, target, problems)
            traffic = named_for(addressed(target), scenario.traffic, problems)
            refuse_unreachable(faults, target, request, problems)
            refuse_unportable(request, scenario, target, problems)
            refuse_controls(request, scenario, target, where=where, problems=problems)
            if not missing:
                _long_enough(phases, target, request, problems)
    page = planned_page(request, target, problems) if target else None
    prometheus = planned_prometheus(request, target, problems) if target else None
    if problems or not (loaded and scenario and target and engine and load and traffic):
        raise ConfigurationError(problems)
    return Plan(
        token=secrets.token_hex(4),
        scenario=loaded.name,
        title=loaded.title,
        scenario_digest=loaded.digest,
        seed=request.seed,
        time_scale=request.time_scale,
        target=target,
        engine=engine,
        phases=phases,
        faults=faults,
        traffic=traffic,
        load=load,
        lanes=scenario.lanes,
        objective=scenario.objective,
        checks=scenario.checks,
        providers=providers,
        request_id=_carrier(scenario, addressed(target)),
        evidence=_evidence(target),
        not_applicable=f"{target.name} does not declare {', '.join(missing)}" if missing else None,
        headers=scenario.headers,
        keys=scenario.keys,
        tiers=scenario.tiers,
        declared=_declared(scenario, target),
        reactive=scenario.reactive,
        most_faults=scenario.most_faults,
        stop_when=scenario.stop_when,
        page=page,
        prometheus=prometheus,
        allow_remote=request.allow_remote,
        warnings=(*notes, *_warnings(scenario, phases, load, target), *workers_warnings(request)),
    )


def _missing(scenario: Scenario, target: TargetPlan | None) -> list[str]:
    """Return what the scenario needs and the target does not declare; what an address leads to declares nothing, and may have all."""
    if target is None or target.definition is None:
        return []
    return [need for need in scenario.needs if need not in target.definition.capabilities]


def _names(request: RunRequest, content: Content) -> Iterator[Problem]:
    """Yield what is wrong with scenario, target and engine by themselves, when options make everything else moot."""
    problems = Problems()
    target = resolve_target(request, content, {}, problems)
    resolve_engine(request, problems)
    if target is not None:
        planned_page(request, target, problems)
        planned_prometheus(request, target, problems)
    try:
        content.scenario(request.scenario)
    except ConfigurationError as error:
        problems.extend(error.problems)
    yield from problems


def _options(request: RunRequest, problems: Problems) -> None:
    if not 0 < request.time_scale <= 1000:  # also not a number
        problems.say(
            f"--time-scale {request.time_scale:g}",
            "must lie between 0 and 1000.",
            "Write 1 for the scenario's own times.",
        )
    refuse_workers(request, problems)
    if not 0 <= request.seed < 2**63:
        problems.say(
            f"--seed {request.seed}", "must be a whole number from 0 below 2^63.", "Leave it out for the default."
        )
    for option, value in (
        ("--users", request.users),
        ("--spawn-rate", request.spawn_rate),
        ("--run-time", request.run_time),
    ):
        if value is not None:
            cure = "Leave it out, or name a locustfile by path."
            problems.say(f"{option} {value}", "is for locustfiles; a scenario says its load itself.", cure)
    if request.rate is not None:
        try:
            if rate_per_s(request.rate) <= 0:
                raise ValueError(f'"{request.rate}" would send nothing')
        except ValueError as error:
            problems.say(f"--rate {request.rate}", f"{error}.", "Write for instance 200/s.")


def _overridden(scenario: Scenario, request: RunRequest, problems: Problems) -> Scenario:
    """Return the scenario with --rate and the scenario's own --set keys applied."""
    changes: dict[str, object] = {}
    if request.rate is not None and not any(problem.where.startswith("--rate") for problem in problems):
        changes["load"] = overridden_load(scenario.load, request.rate, problems)
    name = request.settings.get("fault")
    if name is not None and not any(phase.faults for phase in scenario.phases):
        problems.say(f"--set fault={name}", f"{request.scenario} has no fault to replace.", "Remove it.")
    elif name is not None:
        changes["phases"] = tuple(
            phase.model_copy(
                update={
                    "faults": tuple(use.model_copy(update={"name": name, "parameters": {}}) for use in phase.faults)
                }
            )
            for phase in scenario.phases
        )
    objective = request.settings.get("objective.response_ms")
    if objective is not None:
        try:
            changes["objective"] = Objective.model_validate(
                {**scenario.objective.model_dump(), "response_ms": objective}
            )
        except ValidationError:
            problems.say(
                f"--set objective.response_ms={objective}",
                "is not a number of milliseconds above 0.",
                "Write for instance 250.",
            )
    stop = {key.removeprefix("stop_when."): value for key, value in request.settings.items() if key in STOP_KEYS}
    if stop:
        now = scenario.stop_when.model_dump() if scenario.stop_when else {}
        try:
            changes["stop_when"] = StopWhen.model_validate({**now, **stop})
        except ValidationError as error:
            problems.extend(sentences(error, "--set stop_when"))
    return scenario.model_copy(update=changes)


def _metrics_known(scenario: Scenario, known: Collection[str], where: str, problems: Problems) -> None:
    for check in scenario.checks:
        if check.metric not in known:
            problems.say(
                where, f'check("{check.metric}") names no metric.', f"The metrics are: {', '.join(sorted(known))}."
            )


def _phases(scenario: Scenario, time_scale: float) -> tuple[PlannedPhase, ...]:
    phases = []
    start = 0
    for phase in scenario.phases:
        end = start + round(duration_s(phase.duration) * time_scale * _NS)
        phases.append(PlannedPhase(name=phase.name, role=phase.role, start_ns=start, end_ns=end))
        start = end
    return tuple(phases)


def _entry(scenario: Scenario, target: TargetPlan, problems: Problems) -> None:
    """Say when names of the target and of the scenario's providers do not go together, or a template does not render."""
    definition = target.definition
    if definition is None:
        return
    where = f"targets/{target.name}/target.toml"
    if not definition.process and definition.entry not in scenario.providers:
        known = ", ".join(scenario.providers)
        problems.say(
            where, f'"entry" names "{definition.entry}", which is no provider here.', f"The providers are: {known}."
        )
    for store in definition.store:
        if store.name in {FRONT, *scenario.providers}:
            cure = "Call the store otherwise, as in store."
            problems.say(where, f'a store is called "{store.name}", which is a link here already.', cure)
    taken = {process.name for process in definition.process} & {
        *scenario.providers,
        *(f"{name}.{number}" for name, model in scenario.providers.items() for number in range(model.processes)),
        "toxiproxy",
        "load-master",
        "load-0",
    }
    for name in sorted(taken):
        problems.say(where, f'a process is called "{name}", a name that the harness uses itself.', "Call it otherwise.")
    wrong = header_problems(dict.fromkeys(definition.headers, ""))  # their values are rendered below
    problems.extend(replace(problem, where=f"{where}: {problem.where.removeprefix('--')}") for problem in wrong)
    problems.extend(rehearse(target, [*scenario.providers]))


def _long_enough(phases: tuple[PlannedPhase, ...], target: TargetPlan, request: RunRequest, problems: Problems) -> None:
    """Refuse phases in which the target's mechanism cannot show itself (`measurement.md` 24)."""
    timing = target.definition.timing if target.definition else None
    if timing is None or not (timing.detection_window and timing.open_time):
        return
    try:
        window = duration_s(str(target.settings[timing.detection_window]))
        open_time = duration_s(str(target.settings[timing.open_time]))
    except ValueError as error:
        problems.say(f"targets/{target.name}", f"{error}.", "Correct the setting.")
        return
    least = {"fault": window + 2 * open_time, "recovery": open_time + _MECHANISM_WINDOWS * window}
    if not any(phase.role == "fault" for phase in phases):
        return
    for phase in phases:
        length = (phase.end_ns - phase.start_ns) / _NS
        if phase.role in least and length < least[phase.role] - 1e-9:
            problems.say(
                f"phase {phase.name}",
                f"lasts {human_duration(length)}, too short for {target.name}: its detection window is {human_duration(window)} "
                f"and it stays open for {human_duration(open_time)}, so that it needs {human_duration(least[phase.role])}.",
                f"Lengthen the phase, raise --time-scale above {request.time_scale:g}, or shorten "
                f"{timing.detection_window} and {timing.open_time} with --set.",
            )


def _declared(scenario: Scenario, target: TargetPlan) -> dict[str, dict[str, Setting]]:
    """Return what the target's mechanisms are set to: what the target declares, before what the scenario does."""
    declares = target.definition.declares if target.definition else {}
    own = {
        family: {role: target.settings[setting] for role, setting in roles.items()}
        for family, roles in declares.items()
    }
    return {
        family: {**scenario.declared.get(family, {}), **own.get(family, {})} for family in {*scenario.declared, *own}
    }


def _carrier(scenario: Scenario, target: TargetPlan) -> str:
    """Return the first place of the scenario's that the target passes on; a URL is trusted to pass headers."""
    passes = target.definition.request_id if target.definition else ("header",)
    return next((place for place in scenario.request_id if place in passes), "none")


def _evidence(target: TargetPlan) -> Evidence:
    return "full" if target.is_ours else "no-ledger"


def _warnings(
    scenario: Scenario, phases: tuple[PlannedPhase, ...], load: LoadPlan, target: TargetPlan
) -> Iterator[str]:
    if isinstance(load.load, Trace) and load.load.left_out:
        yield (
            f"{load.load.left_out} arrivals of the trace lie beyond the end of the run and are left out. Lengthen the phases, or "
            "replay it faster: trace(…, speed=2)."
        )
    if target.tls is not None and not target.tls.verify:
        yield f"Certificates of {target.name} are not verified: anybody could answer in its place."
    if target.unix is not None:
        yield f"{target.name} is reached without a link, because Toxiproxy carries TCP only; the other targets' times hold one."
    if target.ignored_settings:
        names = ", ".join(f"{key} = {value}" for key, value in target.ignored_settings.items())
        yield f"{target.name} has no such setting and ignores: {names}."
    due = {phase.name: number for phase, number in zip(phases, load.scheduled_by_phase, strict=True)}
    for check in scenario.checks:
        if (
            check.metric == "availability"
            and check.at_least is not None
            and check.estimate == "interval"
            and check.at_least < 1
            and load.users is None
        ):
            # Wilson's lower bound for n of n good is n / (n + z²): it reaches p at n = z² p / (1 − p).
            needed = math.ceil(_Z_ONE_IN_A_THOUSAND**2 * check.at_least / (1 - check.at_least))
            there = due[check.phase] if check.phase else load.scheduled
            if there < needed:
                yield (
                    f"availability ≥ {check.at_least:g} needs {needed} clean requests to be shown; "
                    f"{check.phase or 'the run'} holds {there}. Lengthen the phase or raise the rate."
                )
