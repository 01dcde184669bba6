"""Plans the load of a run: its schedule, and the requests that may be in flight. Reads a trace, starts nothing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from gatebench.errors import EnvironmentFailure
from gatebench.execution.asking import Problems, RunRequest
from gatebench.execution.remote import workers_plan
from gatebench.plan import DeadlinesPlan, LoadPlan, Plan
from gatebench.scenario import Scenario
from gatebench.schedule import (
    AnyLoad,
    Load,
    Locustfile,
    Mixed,
    Schedule,
    Trace,
    Users,
    read_trace,
    replayed,
    schedule_of,
)
from gatebench.schedule.load import open_parts
from gatebench.schedule.trace_file import TraceRows, digest_of
from gatebench.units import duration_s, human_duration, rate_per_s

_NS = 1_000_000_000
_LATE_NS = 100_000_000
_MAX_POOL = 20_000


def overridden_load(load: AnyLoad, rate: str, problems: Problems) -> AnyLoad:
    """Return the load with its peak moved to `rate`, the shape kept; a trace and users have no rate to move."""
    if isinstance(load, Trace):
        problems.say(f"--rate {rate}", "the load is a trace, which has its own rate.", "Give trace(…) a speed.")
    elif isinstance(load, Users | Locustfile):
        why = "the load is closed: its rate follows from how fast the target answers."
        problems.say(f"--rate {rate}", why, "Change the number of users or their think time in the scenario.")
    else:
        return load.times(rate_per_s(rate) / load.peak_per_s())
    return load


def planned_load(
    scenario: Scenario,
    phase_ends_ns: Sequence[int],
    request: RunRequest,
    *,
    folders: tuple[Path, ...],
    where: str,
    problems: Problems,
) -> LoadPlan | None:
    """Return the planned load; `folders` are where a trace is looked for. What is wrong goes to `problems`."""
    load = scenario.load
    duration_ns = phase_ends_ns[-1]
    if isinstance(load, Load | Mixed):
        load = load.stretched(request.time_scale)
        _spikes_within(load, duration_ns, where, problems)
    schedule: Schedule | None = None
    routes, tenants = scenario.traffic.route_names(), scenario.traffic.tenant_names()
    if isinstance(load, Trace):
        path = _found(load, folders, where, problems)
        rows, found = read_trace(path, routes, tenants) if path else (None, [])
        problems.extend(found)
        if path is not None and rows is not None:
            load = load.model_copy(update={"file": str(path.resolve()), "digest": digest_of(path)})
            schedule = replayed(rows, load, duration_ns / _NS)
            load = load.model_copy(update={"left_out": len(rows.due_ns) - len(schedule.due_ns)})
    elif 0 <= request.seed < 2**63:
        try:
            schedule = schedule_of(load, duration_ns / _NS, request.seed, routes=routes, tenants=tenants)
        except ValueError as error:
            problems.say(where, f"{error}.", "Lower the rate or shorten the phases.")
    if schedule is None:
        return None
    if len(schedule.due_ns) == 0 and not isinstance(load, Users):
        problems.say(where, "the schedule holds no arrival at all.", "Raise the rate or lengthen the phases.")
    total_s = duration_s(scenario.deadlines.total)
    # A tenth of the objective: our own lateness may move the judgement of "good" by no more than that.
    limit_ms = scenario.dispatch_limit_ms or max(5.0, scenario.objective.response_ms / 10)
    return LoadPlan(
        load=load,
        duration_ns=duration_ns,
        scheduled=len(schedule.due_ns),
        scheduled_by_phase=tuple(np.diff(np.searchsorted(schedule.due_ns, [0, *phase_ends_ns])).tolist()),
        **workers_plan(request),
        pool=_pool(scenario, load, schedule, where, problems),
        deadlines=DeadlinesPlan(
            connect_ns=round(duration_s(scenario.deadlines.connect) * _NS),
            read_ns=round(duration_s(scenario.deadlines.read) * _NS),
            total_ns=round(total_s * _NS),
        ),
        # Given up only when later than any limit on lateness: what is late but sent shows in the dispatch delay.
        late_ns=max(_LATE_NS, round(4e6 * limit_ms)),
        dispatch_limit_ms=limit_ms,
    )


def _spikes_within(load: Load | Mixed, duration_ns: int, where: str, problems: Problems) -> None:
    for part in open_parts(load):
        at_s = duration_s(part.at)
        if part.curve == "spike" and at_s * _NS >= duration_ns:
            problems.say(
                where,
                f"the spike at {human_duration(at_s)} comes after the end of the run ({human_duration(duration_ns / _NS)}).",
                "Move it forward or lengthen the phases.",
            )


def _found(load: Trace, folders: tuple[Path, ...], where: str, problems: Problems) -> Path | None:
    """Return the file of a trace: where it says, beside the scenario, or in the workspace."""
    places = [folder / load.file for folder in folders]  # an absolute name stays what it is
    path = next((place for place in places if place.is_file()), None)
    if path is None:
        looked = " and ".join(dict.fromkeys(str(place.parent) for place in places))
        problems.say(where, f'the trace "{load.file}" is not there; looked in {looked}.', "Correct the name.")
    return path


def trace_rows(plan: Plan) -> TraceRows | None:
    """Return the rows of the planned trace, None when the load is none; EnvironmentFailure when the file is another by now."""
    load = plan.load.load
    if not isinstance(load, Trace):
        return None
    path = Path(load.file)
    rows: TraceRows | None = None
    if path.is_file() and digest_of(path) == load.digest:
        rows, _ = read_trace(path, plan.traffic.route_names(), plan.traffic.tenant_names())
    if rows is None:
        raise EnvironmentFailure(
            f"The trace {path.name} was changed or removed since the run was planned. Start again."
        )
    return rows


def planned_schedule(plan: Plan) -> Schedule:
    """Return the schedule of a plan that has no run folder yet."""
    load, rows = plan.load.load, trace_rows(plan)
    if isinstance(load, Trace) and rows is not None:
        return replayed(rows, load, plan.load.duration_ns / _NS)
    return plan.schedule()


def _pool(scenario: Scenario, load: AnyLoad, schedule: Schedule, where: str, problems: Problems) -> int:
    """Return how many requests may be in flight; a target that hangs holds each until its deadline."""
    total_s = duration_s(scenario.deadlines.total)
    if isinstance(load, Locustfile):
        raise TypeError("a locustfile has no scenario and is planned by itself")
    if isinstance(load, Users):
        least, ample = load.count, load.count
        why = f"{load.count} users have one request each in flight when the target hangs."
    elif isinstance(load, Trace):
        least = ample = _most_within(schedule.due_ns, round(total_s * _NS))
        why = f"the trace puts {least} requests in flight when the target hangs for {scenario.deadlines.total}."
    else:
        # Little's law: rate × deadline requests are in flight when every one of them hangs until its deadline. A Poisson
        # count of that mean exceeds it by five standard deviations once in three million.
        peak = load.peak_per_s()
        least = math.ceil(peak * total_s)
        ample = math.ceil(least + 5 * math.sqrt(least)) + 8
        why = (
            f"{peak:g}/s with a total deadline of {scenario.deadlines.total} puts {least} requests in flight when the "
            "target hangs."
        )
    pool = scenario.pool or max(ample, 1)
    if pool < least:
        cure = f"Set pool to at least {least}, lower the rate, or shorten the deadline."
        problems.say(where, f"pool = {pool}, but {why}", cure)
    if pool > _MAX_POOL:
        problems.say(
            where,
            f"{pool} requests in flight are more than one machine's ports carry.",
            "Lower the rate or the deadline.",
        )
    return pool


def _most_within(due_ns: npt.NDArray[np.int64], window_ns: int) -> int:
    """Return the largest number of arrivals that any window of that length holds."""
    if len(due_ns) == 0:
        return 0
    return int((np.arange(1, len(due_ns) + 1) - np.searchsorted(due_ns, due_ns - window_ns, side="right")).max())
