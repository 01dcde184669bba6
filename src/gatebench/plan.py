"""A plan: everything a run will do, resolved and checked, before anything is started. Stored whole in run.json."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from gatebench.faults import FaultDefinition, Value
from gatebench.probing import Reactive
from gatebench.providers import ProviderModel
from gatebench.scenario import ONE_LANE, CheckUse, Lanes, Objective, Role, StopWhen
from gatebench.schedule import AnyLoad, Locustfile, Schedule, Users, schedule_of
from gatebench.target import Setting, TargetDefinition
from gatebench.traffic import Traffic

Evidence = Literal["full", "no-ledger", "closed", "unreset"]


EngineKind = Literal["embedded", "toxiproxy", "url"]
MANUAL_IDS = tuple(f"m{number}" for number in range(1, 41))
"""The ids kept for faults that somebody injects from a second terminal while a topology stands."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class PlannedPhase(_Frozen):
    """A phase with its planned window, nanoseconds from the start of the load."""

    name: str
    role: Role
    start_ns: int
    end_ns: int


class FaultStep(_Frozen):
    """One level of a fault that ramps: from `at_ns` on, nanoseconds from the start of the load, these are its parameters."""

    at_ns: int
    parameters: dict[str, Value]


class PlannedFault(_Frozen):
    """A fault with one window on one place, its parameters filled in.

    `link` is the one that its canaries go through: the place itself, or the link that leads to it. A ramp has `steps`, the
    first at the beginning of the window; `parameters` are then those of the step that the canaries prove. `part` says
    which window of a flapping or random fault this is, as in "2 of 5".
    """

    id: str
    name: str
    on: str
    phase: str
    start_ns: int
    end_ns: int
    parameters: dict[str, Value]
    definition: FaultDefinition
    link: str = ""
    steps: tuple[FaultStep, ...] = ()
    part: str = ""
    chaos: str = ""
    manual: bool = False

    @property
    def via(self) -> str:
        """The link that leads to the place."""
        return self.link or self.on

    @property
    def initial(self) -> dict[str, Value]:
        """The parameters at the beginning of the window."""
        return self.steps[0].parameters if self.steps else self.parameters

    @property
    def proven_at_ns(self) -> int:
        """When the parameters that the canaries prove are first in force, nanoseconds from the start of the load."""
        return next((step.at_ns for step in self.steps if step.parameters == self.parameters), self.start_ns)

    @property
    def proven_until_ns(self) -> int:
        """When they cease to be."""
        later = [step.at_ns for step in self.steps if step.at_ns > self.proven_at_ns]
        return later[0] if later else self.end_ns


class ProviderPlan(ProviderModel):
    """A simulated provider: its name, and what the scenario says of it."""

    name: str

    def process_names(self) -> tuple[str, ...]:
        """Return the names of its processes: its own, or one with a number each when there are several."""
        if self.processes == 1:
            return (self.name,)
        return tuple(f"{self.name}.{number}" for number in range(self.processes))

    def stream_names(self) -> tuple[str, ...]:
        """Return the names of the files that its processes write their part of the ledger to."""
        return tuple(f"attempts-{process}.arrow" for process in self.process_names())


class TlsPlan(_Frozen):
    """How the client speaks TLS: whom it trusts (`ca` is a PEM file, None: the system's), and the name it asks for and verifies."""

    server_name: str
    ca: str | None = None
    verify: bool = True


class TargetPlan(_Frozen):
    """What is measured: a target folder with a profile, or a URL (or a Unix socket) that somebody else keeps running.

    `standing` is the folder of the topology of `bench up` behind the URL; `own_folder` that of a target that extends the
    one in `folder`; `installed` the environment that was installed for it.
    """

    name: str
    profile: str = "default"
    url: str | None = None
    unix: str | None = None
    tls: TlsPlan | None = None
    folder: str | None = None
    own_folder: str | None = None
    installed: str | None = None
    standing: str | None = None
    definition: TargetDefinition | None = None
    settings: dict[str, Setting] = Field(default_factory=dict)
    ignored_settings: dict[str, Setting] = Field(default_factory=dict)

    @property
    def is_ours(self) -> bool:
        """Whether we start it, so that its upstreams are our providers."""
        return self.url is None and self.unix is None


class EnginePlan(_Frozen):
    """Which Toxiproxy carries the links: ours, a real server that we start, or one that runs at `url`."""

    kind: EngineKind
    url: str | None = None
    program: str | None = None


class PrometheusPlan(_Frozen):
    """A Prometheus that is asked after the load for every series of `match`, a selector."""

    url: str
    match: str


class DeadlinesPlan(_Frozen):
    """The client's deadlines in nanoseconds."""

    connect_ns: int
    read_ns: int
    total_ns: int


class Endpoint(_Frozen):
    """Where requests of one lane go. `authority` is the Host header when it is not the address itself.

    `prefix` comes before the path of each request, and `headers` go with it: what the target asks of everybody, so no secrets.
    `user` is what carries the id of a request in its body, where that is not the field of this name.
    """

    host: str = ""
    port: int = Field(default=0, ge=0, le=65535)
    unix: str | None = None
    tls: TlsPlan | None = None
    authority: str | None = None
    prefix: str = ""
    user: dict[str, Any] = Field(default_factory=dict)
    headers: dict[str, str] = Field(default_factory=dict)

    def host_header(self) -> str:
        """Return the authority that requests name."""
        if self.authority is not None:
            return self.authority
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class PagePlan(_Frozen):
    """The page on which the target tells Prometheus of itself: its path, and where (None: at the address of the gateway we start)."""

    path: str
    at: Endpoint | None = None


class LoadPlan(_Frozen):
    """The load over the whole run. `pool` is the number of requests that may be in flight, over all workers.

    The last `remote_workers` of the `workers` run on other machines and join at `listen` (`HOST:PORT`) within
    `join_within_s`; without them the workers' own master listens on loopback.

    `scheduled`, by phase too, is 0 for a closed load: what becomes due there depends on the target.
    """

    load: AnyLoad
    duration_ns: int
    scheduled: int
    scheduled_by_phase: tuple[int, ...] = ()
    workers: int
    pool: int
    deadlines: DeadlinesPlan
    late_ns: int
    dispatch_limit_ms: float
    remote_workers: int = 0
    listen: str | None = None
    join_within_s: float = 120.0

    def listens_on(self) -> tuple[str, int]:
        """Return host and port of the workers' master; port 0 is any free one."""
        if self.listen is None:
            return "127.0.0.1", 0
        host, _, port = self.listen.rpartition(":")
        return host, int(port)

    @property
    def users(self) -> Users | None:
        """The closed model of the load, None for an open one."""
        return self.load if isinstance(self.load, Users) else None

    @property
    def locustfile(self) -> Locustfile | None:
        """The user's own locustfile, when Locust itself drives the load."""
        return self.load if isinstance(self.load, Locustfile) else None


class Plan(_Frozen):
    """One run, resolved: the only thing that the execution wing needs to be told.

    `headers` and `keys` say where their values are found, never what they are. `declared` is what the target's mechanisms
    are set to, by family and role (`gatebench.mechanisms`).
    """

    token: str = Field(pattern=r"^[0-9a-f]{8}$")
    scenario: str
    title: str
    scenario_digest: str
    seed: int
    time_scale: float
    target: TargetPlan
    engine: EnginePlan
    phases: tuple[PlannedPhase, ...]
    faults: tuple[PlannedFault, ...]
    traffic: Traffic
    load: LoadPlan
    lanes: Lanes = ONE_LANE
    objective: Objective
    checks: tuple[CheckUse, ...]
    providers: tuple[ProviderPlan, ...]
    request_id: Literal["header", "user", "any", "none"]
    evidence: Evidence
    not_applicable: str | None = None
    headers: dict[str, str] = Field(default_factory=dict)
    keys: str | None = None
    tiers: tuple[str, ...] = ()
    declared: dict[str, dict[str, Setting]] = Field(default_factory=dict)
    reactive: Reactive | None = None
    most_faults: int = 5
    stop_when: StopWhen | None = None
    page: PagePlan | None = None
    prometheus: PrometheusPlan | None = None
    allow_remote: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    def schedule(self, trace: Path | None = None) -> Schedule:
        """Return when every arrival is due, nanoseconds from the start of the load; `trace` is the run folder's copy."""
        return schedule_of(
            self.load.load,
            self.load.duration_ns / 1e9,
            self.seed,
            routes=self.traffic.route_names(),
            tenants=self.traffic.tenant_names(),
            trace=trace,
        )

    def tenant_names(self) -> tuple[str, ...]:
        """Return the names of the tenants of the load, and of the reactive probe's own."""
        return self.traffic.tenant_names(probed=self.reactive is not None)

    def control_provider(self) -> str:
        """Return the provider that the control lanes reach past the gateway: the first, or where a target without one enters."""
        definition = self.target.definition
        entry = definition.entry if definition is not None and definition.front is None else None
        return entry or self.providers[0].name

    def vocabularies(self) -> dict[str, tuple[str, ...]]:
        """Return the words that the coded columns of this run's streams point into, besides the fixed ones."""
        return {
            "phase": tuple(phase.name for phase in self.phases),
            "route": self.traffic.route_names(),
            "tenant": self.tenant_names(),
            "provider": tuple(provider.name for provider in self.providers),
            "fault": ("", *(fault.id for fault in self.faults), *MANUAL_IDS),
        }
