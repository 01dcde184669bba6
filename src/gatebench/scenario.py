"""A scenario: traffic, load, phases with faults, and the checks that must hold. Plain frozen data; it starts nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal, cast

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from gatebench.faults import FaultUse
from gatebench.latency import LatencyModel
from gatebench.mechanisms import undeclarable
from gatebench.probing import Reactive
from gatebench.providers import AnyProvider, ProviderModel
from gatebench.sample import LANES
from gatebench.schedule import AnyLoad, Locustfile
from gatebench.schedule.load import open_parts
from gatebench.shapes import PositiveDuration
from gatebench.traffic import Traffic
from gatebench.units import duration_s

__all__ = [
    "FRONT",
    "ROLES",
    "CheckUse",
    "Deadlines",
    "LatencyModel",
    "Objective",
    "Phase",
    "ProviderName",
    "Role",
    "Scenario",
    "check",
    "phase",
]

Role = Literal["warmup", "baseline", "fault", "recovery", "steady"]
ROLES: tuple[Role, ...] = ("warmup", "baseline", "fault", "recovery", "steady")
FRONT = "front"


def front_link(lane: str) -> str:
    """Return the name of the link that clients send a lane's requests to."""
    return FRONT if lane == LANES[0] else f"{FRONT}-{lane}"


_TAKEN = (*map(front_link, LANES), "toxiproxy", "guardian", "nobody", "unstamped")


def _dealt(lanes: tuple[str, ...]) -> tuple[str, ...]:
    known = [LANES[: count + 1] for count in range(len(LANES))]
    if lanes not in known:
        wanted = " or ".join(str(choice) for choice in known)
        raise ValueError(f"{lanes} is no choice of lanes; write {wanted}".replace("'", '"'))
    return lanes


Lanes = Annotated[tuple[str, ...], AfterValidator(_dealt)]
ONE_LANE = LANES[:1]


def _provider_name(name: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9-]{0,40}", name) or name in _TAKEN or name.startswith("load-"):
        raise ValueError(f'"{name}" cannot be a provider\'s name; write one like provider-a')
    return name


ProviderName = Annotated[str, AfterValidator(_provider_name)]


class Phase(BaseModel):
    """A stretch of the run with one role; `role` follows from the name when the name is a role."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: str = Field(pattern=r"^[a-z][a-z0-9-]*$")
    duration: PositiveDuration
    role: Role
    faults: tuple[FaultUse, ...] = ()
    chaos: tuple[str, ...] = ()

    def overruns(self) -> Iterator[str]:
        """Yield a sentence for each fault whose window would run past the end of the phase."""
        length_s = duration_s(self.duration)
        for use in self.faults:
            after_s = duration_s(use.after)
            lasts_s = duration_s(use.duration) if use.duration else 0.0
            if after_s + lasts_s > length_s or after_s >= length_s:
                yield f'phase "{self.name}": {use.name} would run past the end of its phase.'


class CheckUse(BaseModel):
    """A bound on a metric. `estimate = "point"` judges the number itself instead of its interval (`measurement.md` 25).

    Where the target lacks a capability that the check `needs`, it is not applicable, which is no pass.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    metric: str = Field(min_length=1)
    phase: str | None = None
    route: str | None = None
    at_least: float | None = None
    at_most: float | None = None
    estimate: Literal["interval", "point"] = "interval"
    needs: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _one_bound(self) -> CheckUse:
        if (self.at_least is None) == (self.at_most is None):
            raise ValueError(f'check("{self.metric}") needs exactly one bound; give it at_least=… or at_most=…')
        return self


class Objective(BaseModel):
    """What a good answer is: complete, ok, and within `response_ms`."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    response_ms: float = Field(gt=0)
    availability: float = Field(default=0.9995, gt=0, lt=1)


class Deadlines(BaseModel):
    """When the client gives up: on connecting, on silence, and on the whole request."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    connect: PositiveDuration = "1s"
    read: PositiveDuration = "5s"
    total: PositiveDuration = "5s"


class StopWhen(BaseModel):
    """When a run is stopped at once, every fault cleared: judged on live samples, it says `stopped` and proves nothing.

    `error_rate` is the share of requests that ended not ok within the last `over`, of at least twenty; `p99_ms` the
    response time's of the slowest worker's last half second, for `over` without a pause; `bad_requests` a number in total.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    error_rate: float | None = Field(default=None, gt=0, lt=1)
    p99_ms: float | None = Field(default=None, gt=0)
    bad_requests: int | None = Field(default=None, ge=1)
    over: PositiveDuration = "2s"

    @model_validator(mode="after")
    def _says_something(self) -> StopWhen:
        if self.error_rate is None and self.p99_ms is None and self.bad_requests is None:
            raise ValueError("stops never; give error_rate, p99_ms or bad_requests")
        return self


class Scenario(BaseModel):
    """One question to a gateway. Its name is its file's name, its title the first line of the file's docstring.

    `headers` are sent with every request; a value may be `env:VARIABLE` or `@FILE`, and a key has to be. `keys` names where
    the tenants' keys are (`@FILE`: one a line, `env:VARIABLE`: between commas), or is "seeded": drawn, and told to a target that we
    start. Each goes out as a bearer token. `tiers` are dealt to the tenants in turn.

    `declared` says what a gateway that nobody here configures is set to, by mechanism (`gatebench.mechanisms`).

    `request_id` says where the id of a request may travel: in the first of the places that the target passes on.

    `reactive` adds a probe with a tenant of its own, which comes back when a Retry-After tells it to.

    Never are more than `most_faults` on at one time, and `stop_when` says what ends the run early.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    traffic: Traffic
    load: AnyLoad
    lanes: Lanes = ONE_LANE
    phases: tuple[Phase, ...] = Field(min_length=1, max_length=250)  # a phase is one byte of a sample
    objective: Objective
    checks: tuple[CheckUse, ...] = Field(min_length=1)
    providers: dict[ProviderName, AnyProvider] = Field(
        default_factory=lambda: {"provider-a": ProviderModel(), "provider-b": ProviderModel()},
        min_length=1,
        max_length=250,
    )
    target_settings: dict[str, str | int | float | bool] = Field(default_factory=dict)
    needs: tuple[str, ...] = ()
    request_id: tuple[Literal["header", "user"], ...] = ("header", "user")
    deadlines: Deadlines = Deadlines()
    pool: int | None = Field(default=None, ge=1)
    dispatch_limit_ms: float | None = Field(default=None, gt=0)
    headers: dict[str, str] = Field(default_factory=dict)
    keys: str | None = None
    tiers: tuple[str, ...] = ()
    declared: dict[str, dict[str, str | int | float | bool]] = Field(default_factory=dict)
    reactive: Reactive | None = None
    most_faults: int = Field(default=5, ge=1, le=50)
    stop_when: StopWhen | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Scenario:
        problems: list[str] = []
        names = [phase.name for phase in self.phases]
        problems += [
            f'two phases are called "{name}"; give each its own name'
            for name in sorted({n for n in names if names.count(n) > 1})
        ]
        for check in self.checks:
            if check.phase is not None and check.phase not in names:
                problems.append(
                    f'check("{check.metric}") names the phase "{check.phase}"; the phases are {", ".join(names)}'
                )
            if check.route is not None and not self._has_route(check.route):
                problems.append(
                    f'check("{check.metric}") names the route "{check.route}"; the routes are {", ".join(self.traffic.route_names())}'
                )
        for part in open_parts(self.load):
            for kind, name, known in (
                ("route", part.route, self.traffic.route_names()),
                ("tenant", part.tenant, self.traffic.tenant_names()),
            ):
                awaited = kind == "route" and self.traffic.awaits_tasks()
                if name is not None and name not in known and not awaited:
                    problems.append(
                        f'a part of the load is for the {kind} "{name}"; the {kind}s are {", ".join(known[:10])}'
                    )
        problems += undeclarable(self.declared)
        problems += self._unprobable()
        if problems:
            raise ValueError("\n".join(problems))
        return self

    def tenant_names(self) -> tuple[str, ...]:
        """Return the names of the tenants of the load, and of the reactive probe's own."""
        return self.traffic.tenant_names(probed=self.reactive is not None)

    def _unprobable(self) -> Iterator[str]:
        """Yield what keeps the reactive probe from asking."""
        if self.reactive is None:
            return
        if isinstance(self.load, Locustfile):
            yield "reactive has no place beside a locustfile, which says all of its load itself; leave it out"
        routes = {route.name: route for route in self.traffic.routes}
        asked = self.reactive.route or self.traffic.routes[0].name
        if asked not in routes:
            yield f'reactive asks for the route "{asked}"; the routes are {", ".join(routes)}'
        elif routes[asked].kind == "task":
            yield f'reactive asks for the route "{asked}", which is user code; name a route that is not'

    def _has_route(self, name: str) -> bool:
        """Tell whether there is such a route; those of tasks are known when the run is planned, which asks again."""
        return self.traffic.awaits_tasks() or name in self.traffic.route_names()


def phase(
    name: str,
    duration: str,
    *,
    role: str | None = None,
    faults: list[FaultUse] | None = None,
    chaos: str | list[str] | None = None,
    **unknown: Any,
) -> Phase:
    """A phase of the run: its name, how long it lasts, what breaks in it; `role` is needed when the name is none.

    `chaos` names fault plans (`chaos/NAME.toml`); their windows count from the start of the phase.
    """
    return cast(
        Phase,
        {
            "name": name,
            "duration": duration,
            "role": role or (name if name in ROLES else "steady"),
            "faults": tuple(faults or ()),
            "chaos": (chaos,) if isinstance(chaos, str) else tuple(chaos or ()),
            **unknown,
        },
    )


def check(metric: str, **bound: Any) -> CheckUse:
    """A bound on a metric: `at_least=` or `at_most=`, optionally for one `phase=` or `route=`, or where there is what it `needs=`."""
    return cast(CheckUse, {"metric": metric, **bound})
