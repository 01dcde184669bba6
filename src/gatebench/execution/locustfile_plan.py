"""Plans a run of a user's own locustfile: `bench run FILE.py --target … --users N --spawn-rate R --run-time 30s`."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

from pydantic import ValidationError

from gatebench.content import Content, sentences
from gatebench.errors import ConfigurationError, Problem
from gatebench.execution.asking import Problems, RunRequest, resolve_engine, resolve_target
from gatebench.execution.describing import DescribedUser, Description, describe
from gatebench.execution.observing import planned_page, planned_prometheus
from gatebench.execution.standing import addressed
from gatebench.execution.topology.rendering import rehearse
from gatebench.plan import DeadlinesPlan, LoadPlan, Plan, PlannedPhase, ProviderPlan, TargetPlan
from gatebench.scenario import CheckUse, LatencyModel, Objective
from gatebench.schedule import Locustfile
from gatebench.traffic import Route, Traffic
from gatebench.units import duration_s, human_duration

LONGEST_SHAPE = "1h"
OBJECTIVE_MS = 1000.0
_NS = 1_000_000_000
_DRAIN_S = 10.0
_PROVIDERS = ("provider-a", "provider-b")
_MOST_USERS = 20_000


def is_locustfile(name: str) -> bool:
    """Tell whether what somebody wants to run is a file of theirs instead of a scenario's name."""
    return name.endswith(".py")


def make_locustfile_plan(request: RunRequest, content: Content) -> Plan:
    """Return the plan; ConfigurationError holds every problem of the file, the target and the options."""
    problems = Problems()
    _foreign_options(request, problems)
    objective = _objective(request, problems)
    target = resolve_target(request, content, {}, problems)
    engine = resolve_engine(request, problems)
    if target is not None:
        problems.extend(_entry(target))
    path = next((place for place in _places(request, content) if place.is_file()), None)
    described: Description | None = None
    if path is None:
        problems.say(request.scenario, "is not there.", "Correct its name; a scenario is named without .py.")
    else:
        found = describe(path.resolve(), request.scenario, request.allow_remote)
        if isinstance(found, Problem):
            problems.append(found)
        else:
            described = found
    users = [user for user in described.users if user.kind != "gateway"] if described else []
    load = _load(request, path, described, users, problems)
    own = addressed(target).definition if target else None
    if own is not None and (own.headers or own.model or own.tls):
        problems.say(
            f"--target {request.target}",
            "wants headers, names of models or a trust in its certificate that a locustfile's requests do not have.",
            "Use a scenario, or write them into the file and name the gateway by its URL.",
        )
    page = planned_page(request, target, problems) if target else None
    prometheus = planned_prometheus(request, target, problems) if target else None
    if problems or not (target and engine and load and path and described):
        raise ConfigurationError(problems)
    duration_ns = round(duration_s(load.run_time or LONGEST_SHAPE) * _NS)
    name = path.stem.replace("_", "-")
    return Plan(
        token=secrets.token_hex(4),
        scenario=name,
        title=f"The locustfile {path.name}, run by Locust.",
        scenario_digest=described.digest,
        seed=request.seed,
        time_scale=1.0,
        target=target,
        engine=engine,
        phases=(PlannedPhase(name="steady", role="steady", start_ns=0, end_ns=duration_ns),),
        faults=(),
        traffic=Traffic(
            routes=tuple(Route(kind="task", name=user.name, task=user.name, file=load.file) for user in users)
        ),
        load=LoadPlan(
            load=load,
            duration_ns=duration_ns,
            scheduled=0,
            scheduled_by_phase=(0,),
            workers=1,
            pool=load.users or 0,
            deadlines=DeadlinesPlan(connect_ns=0, read_ns=0, total_ns=round(_DRAIN_S * _NS)),
            late_ns=0,
            dispatch_limit_ms=0.0,
        ),
        objective=objective,
        checks=(CheckUse(metric="error_share", at_most=0.0, estimate="point"),),
        providers=tuple(ProviderPlan(name=provider, latency=LatencyModel()) for provider in _PROVIDERS),
        request_id="none",
        evidence="closed",
        page=page,
        prometheus=prometheus,
        allow_remote=request.allow_remote,
        warnings=tuple(_warnings(request, load, described)),
    )


def _places(request: RunRequest, content: Content) -> tuple[Path, ...]:
    return Path(request.scenario), content.workspace / request.scenario


def _foreign_options(request: RunRequest, problems: Problems) -> None:
    """Refuse options that mean nothing to Locust's own users."""
    if request.rate is not None:
        problems.say(f"--rate {request.rate}", "Locust's users have no rate.", "Set --users, or use a scenario.")
    if request.time_scale != 1.0:
        problems.say(f"--time-scale {request.time_scale:g}", "a locustfile has no phases.", "Set --run-time.")
    if request.workers != 1:
        problems.say(f"--workers {request.workers}", "a locustfile runs in one process.", "Leave it out.")
    if not 0 <= request.seed < 2**63:
        problems.say(f"--seed {request.seed}", "must be a whole number from 0 below 2^63.", "Leave it out.")
    if "fault" in request.settings:
        problems.say(f"--set fault={request.settings['fault']}", "a locustfile has no faults.", "Use a scenario.")


def _objective(request: RunRequest, problems: Problems) -> Objective:
    asked = request.settings.get("objective.response_ms", str(OBJECTIVE_MS))
    try:
        return Objective.model_validate({"response_ms": asked})
    except ValidationError:
        where = f"--set objective.response_ms={asked}"
        problems.say(where, "is not a number of milliseconds above 0.", "Write for instance 250.")
        return Objective(response_ms=OBJECTIVE_MS)


def _entry(target: TargetPlan) -> Iterator[Problem]:
    definition = target.definition
    if definition is None:
        return
    where = f"targets/{target.name}/target.toml"
    if not definition.process and definition.entry not in _PROVIDERS:
        known = ", ".join(_PROVIDERS)
        yield Problem(
            where, f'"entry" names "{definition.entry}", which is no provider here.', f"The providers are: {known}."
        )
    yield from rehearse(target, list(_PROVIDERS))


def _load(
    request: RunRequest,
    path: Path | None,
    described: Description | None,
    users: list[DescribedUser],
    problems: Problems,
) -> Locustfile | None:
    """Return the load, or None with every reason why there is none."""
    name = request.scenario
    if described is not None:
        _users_there(name, described, users, problems)
    shapes = described.shapes if described else ()
    if len(shapes) > 1:
        problems.say(name, f"has several LoadTestShapes ({', '.join(shapes)}).", "Leave one that is not abstract.")
    if described is not None and not shapes:
        for option, value in (
            ("--users", request.users),
            ("--spawn-rate", request.spawn_rate),
            ("--run-time", request.run_time),
        ):
            if value is None:
                example = {"--users": "--users 10", "--spawn-rate": "--spawn-rate 5", "--run-time": "--run-time 30s"}[
                    option
                ]
                problems.say(option, f"is missing, and {name} has no LoadTestShape that would say.", f"Add {example}.")
    _in_range(request, problems)
    if problems or path is None or described is None:
        return None
    try:
        return Locustfile(
            file=str(path.resolve()),
            classes=tuple(user.name for user in users),
            users=request.users,
            spawn_rate=request.spawn_rate,
            run_time=request.run_time,
            shape=shapes[0] if shapes else None,
        )
    except ValidationError as error:
        problems.extend(sentences(error, name))
        return None


def _users_there(name: str, described: Description, users: list[DescribedUser], problems: Problems) -> None:
    if users:
        long = [user.name for user in users if not user.name.isascii()]
        for user in long:
            problems.say(name, f"{user} is no name for a table.", "Use letters of ASCII.")
        return
    if described.users:
        cure = f'Name it in a scenario: traffic=user_code("{name}").'
        problems.say(name, "has only GatewayUser classes, which an open schedule runs.", cure)
    else:
        problems.say(
            name, "has no user class that Locust would run.", "Derive one from HttpUser or FastHttpUser, with tasks."
        )


def _in_range(request: RunRequest, problems: Problems) -> None:
    if request.users is not None and not 1 <= request.users <= _MOST_USERS:
        problems.say(f"--users {request.users}", f"must lie between 1 and {_MOST_USERS}.", "Write for instance 10.")
    if request.spawn_rate is not None and not 0 < request.spawn_rate <= _MOST_USERS:
        problems.say(
            f"--spawn-rate {request.spawn_rate:g}",
            f"must lie between 0 and {_MOST_USERS} users a second.",
            "Write for instance 5.",
        )
    if request.run_time is not None:
        try:
            if duration_s(request.run_time) <= 0:
                raise ValueError(f'"{request.run_time}" is no time at all')
        except ValueError as error:
            problems.say(f"--run-time {request.run_time}", f"{error}.", "Write for instance 30s.")


def _warnings(request: RunRequest, load: Locustfile, described: Description) -> Iterator[str]:
    gateway = ", ".join(user.name for user in described.users if user.kind == "gateway")
    if gateway:
        yield f"{gateway} is a GatewayUser and left out: Locust does not run it."
    hosts = sorted({user.host for user in described.users if user.host})
    if hosts:
        yield f"The file's own host ({', '.join(hosts)}) is replaced by the target."
    if load.shape is not None and load.run_time is None:
        yield f"{load.shape} decides when the run ends; after {human_duration(duration_s(LONGEST_SHAPE))} it ends in any case."
