"""A plan: everything a run will do, resolved and checked, before anything is started. Stored whole in run.json."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from gatebench.faults import FaultDefinition
from gatebench.providers import ProviderModel
from gatebench.scenario import CheckUse, Objective, Role
from gatebench.schedule import DueTimes, Load, due_times_ns
from gatebench.target import Setting, TargetDefinition
from gatebench.traffic import Traffic

Evidence = Literal["full", "no-ledger", "closed", "unreset"]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class PlannedPhase(_Frozen):
    """A phase with its planned window, nanoseconds from the start of the load."""

    name: str
    role: Role
    start_ns: int
    end_ns: int


class PlannedFault(_Frozen):
    """A fault with its planned window and its parameters filled in."""

    id: str
    name: str
    on: str
    phase: str
    start_ns: int
    end_ns: int
    parameters: dict[str, int | float | str]
    definition: FaultDefinition


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


class TargetPlan(_Frozen):
    """What is measured: a target folder with a profile, or a URL that somebody else keeps running."""

    name: str
    profile: str = "default"
    url: str | None = None
    folder: str | None = None
    definition: TargetDefinition | None = None
    settings: dict[str, Setting] = Field(default_factory=dict)
    ignored_settings: dict[str, Setting] = Field(default_factory=dict)


class EnginePlan(_Frozen):
    """Which Toxiproxy carries the links: ours, a real server that we start, or one that runs at `url`."""

    kind: Literal["embedded", "toxiproxy", "url"]
    url: str | None = None
    program: str | None = None


class DeadlinesPlan(_Frozen):
    """The client's deadlines in nanoseconds."""

    connect_ns: int
    read_ns: int
    total_ns: int


class TlsPlan(_Frozen):
    """How the client speaks TLS: whom it trusts (`ca` is a PEM file, None: the system's), and the name it asks for and verifies."""

    server_name: str
    ca: str | None = None
    verify: bool = True


class Endpoint(_Frozen):
    """Where requests of one lane go. `authority` is the Host header when it is not the address itself."""

    host: str = ""
    port: int = Field(default=0, ge=0, le=65535)
    unix: str | None = None
    tls: TlsPlan | None = None
    authority: str | None = None

    def host_header(self) -> str:
        """Return the authority that requests name."""
        if self.authority is not None:
            return self.authority
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class LoadPlan(_Frozen):
    """The load over the whole run. `pool` is the number of requests that may be in flight, over all workers."""

    load: Load
    duration_ns: int
    scheduled: int
    workers: int
    pool: int
    deadlines: DeadlinesPlan
    late_ns: int
    dispatch_limit_ms: float

    def due_times_ns(self, seed: int) -> DueTimes:
        """Return the due time of every arrival, nanoseconds from the start of the load."""
        return due_times_ns(self.load, self.duration_ns / 1e9, seed)


class Plan(_Frozen):
    """One run, resolved: the only thing that the execution wing needs to be told."""

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
    objective: Objective
    checks: tuple[CheckUse, ...]
    providers: tuple[ProviderPlan, ...]
    request_id: Literal["header", "user", "none"]
    evidence: Evidence
    not_applicable: str | None = None
    allow_remote: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    def vocabularies(self) -> dict[str, tuple[str, ...]]:
        """Return the words that the coded columns of this run's streams point into, besides the fixed ones."""
        return {
            "phase": tuple(phase.name for phase in self.phases),
            "route": self.traffic.route_names(),
            "tenant": self.traffic.tenant_names(),
            "provider": tuple(provider.name for provider in self.providers),
            "fault": ("", *(fault.id for fault in self.faults)),
        }
