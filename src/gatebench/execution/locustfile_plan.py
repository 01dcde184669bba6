"""Plans a run of a user's own locustfile, unchanged: one phase, its users, and the level of evidence that it has."""

from __future__ import annotations

import hashlib
import secrets
from pathlib import Path
from typing import Any

from gatebench.content import Content
from gatebench.errors import ConfigurationError, Problem
from gatebench.execution.asking import Problems, RunRequest, resolve_engine, resolve_target
from gatebench.execution.topology.rendering import rehearse
from gatebench.execution.user_code import describe
from gatebench.plan import DeadlinesPlan, LoadPlan, Plan, PlannedPhase, ProviderPlan
from gatebench.scenario import CheckUse, LatencyModel, Objective
from gatebench.schedule import Locustfile
from gatebench.traffic import Traffic
from gatebench.units import duration_s, human_duration, rate_per_s

_NS = 1_000_000_000
_LONGEST_S = 3600.0
_OBJECTIVE_MS = 1000.0
_PROVIDERS = ("provider-a", "provider-b")


def is_locustfile(name: str) -> bool:
    """Tell whether somebody named a file instead of a scenario."""
    return name.endswith(".py")


def plan_locustfile(request: RunRequest, content: Content) -> Plan:
    """Return the plan; ConfigurationError holds every problem of the file, the target and the options."""
    problems = Problems()
    path = Path(request.scenario)
    found: dict[str, Any] | None = None
    if not path.is_file():
        problems.say(request.scenario, "there is no such file.", "Correct the path, or name a scenario without .py.")
    else:
        found = describe(path.resolve(), None, problems)
    classes = _classes(found, path.name, problems) if found else ()
    shape = found["shapes"][0] if found and found["shapes"] else None
    if found and len(found["shapes"]) > 1:
        problems.say(path.name, f"holds {len(found['shapes'])} shapes: {', '.join(found['shapes'])}.", "Keep one.")
    length_s = _length_s(request, shape, problems)
    users, spawn_rate = _users(request, shape, problems)
    for option, given in (("--workers", request.workers != 1), ("--rate", request.rate is not None)):
        if given:
            problems.say(option, "does not apply to a locustfile.", "Use --users, --spawn-rate and --run-time.")
    target = resolve_target(request, content, {}, problems)
    engine = resolve_engine(request, problems)
    if target is not None:
        problems.extend(rehearse(target, list(_PROVIDERS)) if target.definition else [])
    if problems or not (target and engine and found):
        raise ConfigurationError(problems)
    duration_ns = round(length_s * _NS)
    return Plan(
        token=secrets.token_hex(4),
        scenario=path.stem.replace("_", "-").lower(),
        title=f"The locustfile {path.name}, unchanged.",
        scenario_digest=hashlib.sha256(path.read_bytes()).hexdigest()[:16],
        seed=request.seed,
        time_scale=1.0,
        target=target,
        engine=engine,
        phases=(PlannedPhase(name="steady", role="steady", start_ns=0, end_ns=duration_ns),),
        faults=(),
        traffic=Traffic(code=str(path.resolve())),
        load=LoadPlan(
            load=Locustfile(
                file=str(path.resolve()),
                digest=hashlib.sha256(path.read_bytes()).hexdigest()[:16],
                classes=classes,
                shape=shape,
                users=users,
                spawn_rate_per_s=spawn_rate,
            ),
            duration_ns=duration_ns,
            scheduled=0,
            scheduled_by_phase=(0,),
            workers=1,
            pool=users,
            deadlines=DeadlinesPlan(connect_ns=10 * _NS, read_ns=60 * _NS, total_ns=60 * _NS),
            late_ns=_NS,
            dispatch_limit_ms=1000.0,
        ),
        objective=Objective(response_ms=_OBJECTIVE_MS),
        checks=(CheckUse(metric="error_share", at_most=0.0, estimate="point"),),
        providers=tuple(ProviderPlan(name=name, latency=LatencyModel()) for name in _PROVIDERS),
        request_id="none",
        evidence="closed",
        allow_remote=request.allow_remote,
        warnings=(
            "The load is a locustfile: what Locust's own client says is recorded, but nobody knows what should have been sent.",
        ),
    )


def _classes(found: dict[str, Any], name: str, problems: Problems) -> tuple[str, ...]:
    users = tuple(found["locust_users"])
    if found["gateway_users"]:
        problems.append(
            Problem(
                name,
                f"holds GatewayUser classes ({', '.join(found['gateway_users'])}), whose tasks need a schedule.",
                f'Name it in a scenario: traffic=user_code("{name}").',
            )
        )
    elif not users:
        what = "holds no User class."
        cure = "Define one (HttpUser, FastHttpUser); a scenario is run by its name, without path and .py."
        problems.append(Problem(name, what, cure))
    for user in found["without_tasks"]:
        problems.append(Problem(name, f"{user} has no task.", "Give it one, or mark the class abstract."))
    return users


def _length_s(request: RunRequest, shape: str | None, problems: Problems) -> float:
    if request.run_time is None:
        if shape is None:
            problems.say(
                "--run-time", "is missing, and no LoadTestShape says how long.", "Add for instance --run-time 30s."
            )
        return _LONGEST_S
    try:
        length_s = duration_s(request.run_time)
    except ValueError as error:
        problems.say(f"--run-time {request.run_time}", f"{error}.", "Write for instance 30s.")
        return _LONGEST_S
    if not 0 < length_s <= _LONGEST_S:
        limit = human_duration(_LONGEST_S)
        problems.say(
            f"--run-time {request.run_time}", f"must lie above 0s and at most {limit}.", "Write for instance 30s."
        )
    return length_s


def _users(request: RunRequest, shape: str | None, problems: Problems) -> tuple[int, float]:
    if shape is not None and (request.users is not None or request.spawn_rate is not None):
        cure = "Leave --users and --spawn-rate out."
        problems.say("--users", f"the shape {shape} says how many users there are.", cure)
    users = request.users if request.users is not None else 1
    if not 1 <= users <= 20_000:
        problems.say(f"--users {users}", "must lie between 1 and 20000.", "Write for instance 20.")
        users = 1
    if request.spawn_rate is None:
        return users, float(users)
    try:
        text = request.spawn_rate
        spawn_rate = rate_per_s(text if "/" in text else f"{text}/s")
        if spawn_rate <= 0:
            raise ValueError("nobody would ever come")
    except ValueError as error:
        problems.say(f"--spawn-rate {request.spawn_rate}", f"{error}.", "Write users a second, for instance 5.")
        return users, 1.0
    return users, spawn_rate
