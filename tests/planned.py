"""The knobs of a simulated run, and the plan of the run that they describe."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gatebench.faults import FaultDefinition, Parameter, Proof
from gatebench.plan import (
    DeadlinesPlan,
    EnginePlan,
    Evidence,
    LoadPlan,
    Plan,
    PlannedFault,
    PlannedPhase,
    ProviderPlan,
    TargetPlan,
)
from gatebench.scenario import CheckUse, LatencyModel, Objective, Role
from gatebench.schedule import Load, due_times_ns
from gatebench.target import Process, TargetDefinition
from gatebench.traffic import Route, Traffic

MS = 1_000_000
S = 1_000 * MS
LOAD_START_NS = 5_000 * S
TOTAL_DEADLINE_NS = 5 * S
CHECKS = (
    CheckUse(metric="availability", phase="fault", at_least=0.99),
    CheckUse(metric="failover_time_s", at_most=1.0),
    CheckUse(metric="requests_lost", at_most=0),
    CheckUse(metric="duplicate_execution", at_most=0),
    CheckUse(metric="time_to_recover_s", at_most=2.0),
)
ROUTE = Route(name="chat", tenants=5, prompt_words=4)


@dataclass(frozen=True)
class Knobs:
    """What may be turned. Times in the unit of the name, from the start of the load; counts are rows."""

    seed: int = 7
    rate_per_s: float = 200
    warmup_s: float = 3
    baseline_s: float = 10
    fault_s: float = 10
    recovery_s: float = 10
    workers: int = 1
    routes: tuple[Route, ...] = (ROUTE,)
    checks: tuple[CheckUse, ...] = CHECKS
    objective_ms: float = 250
    evidence: Evidence = "full"
    stamped: bool = False  # also where the evidence is "no-ledger": our providers stand behind somebody else's gateway
    not_applicable: str | None = None
    request_id: str = "header"
    fault_on: str = "provider-a"
    effect: str = "yes/no"
    attempts_visible: bool = True
    # the target
    direct: bool = False
    latency_ms: float = 45
    sigma: float = 0.2
    failover: bool = True
    notice_ms: float = 80  # how long an attempt at the dropping provider takes to fail
    breaker_failures: int = 5
    breaker_open_s: float = 2
    split: float = 0  # share of requests that go to provider-b first
    sick_after_s: float = 0  # how long after the fault every answer stays slow
    sick_ms: float = 400
    duplicates: int = 0
    lost: int = 0
    lost_phase: str = "fault"
    truncated: int = 0
    rejected: int = 0
    wrong_answers: int = 0
    foreign_attempts: int = 0
    foreign_at_s: float = 5
    ghost_stamps: int = 0  # answers whose stamp names an attempt that no ledger holds
    resends: int = 0
    hang: bool = False  # requests hang to the total deadline instead of failing over
    # the lanes
    lanes: tuple[str, ...] = ("target",)
    gateway_ms: float = 0.0  # what the gateway adds to each request
    path_ms: float = 0.3  # median of what every path costs beyond the provider, a lognormal of sigma 0.5
    awful_controls: bool = False  # requests past the gateway are asked three times and end as errors after four seconds
    # our own side
    dispatch_ms: float = 0.15
    late_share: float = 0.0  # share of the rows sent 80 ms late
    shifted: int = 0  # rows whose due time is not the schedule's
    unsent_generator: int = 0
    unsent_pool: int = 0
    missing: int = 0
    doubled: int = 0
    cpu_share: float = 0.35
    lost_worker: bool = False
    written_twice: int = 0  # requests that the client says it wrote more than once
    local_errors: int = 0
    defect: str | None = None
    bite: float = 1.0  # 1: canaries meet the fault; 0: they do not; between: effect of a ratio fault
    clear: bool = True
    canaries: bool = True
    apply: bool = True
    provider_streams: tuple[str, ...] = ("provider-a", "provider-b")
    series: bool = True
    torn_bytes: int = 0  # cut from the end of every samples stream
    stopped_at_s: float | None = None
    killed_at_s: float | None = None


def make_plan(knobs: Knobs) -> Plan:
    """Return the plan of the run that the knobs describe."""
    ends = np.cumsum([knobs.warmup_s, knobs.baseline_s, knobs.fault_s, knobs.recovery_s])
    roles: tuple[Role, ...] = ("warmup", "baseline", "fault", "recovery")
    phases = tuple(
        PlannedPhase(name=role, role=role, start_ns=round((end - length) * S), end_ns=round(end * S))
        for role, end, length in zip(
            roles, ends, (knobs.warmup_s, knobs.baseline_s, knobs.fault_s, knobs.recovery_s), strict=True
        )
        if length > 0
    )
    load = Load(rates=(f"{knobs.rate_per_s}/s",))
    duration_ns = round(float(ends[-1]) * S)
    deadlines = DeadlinesPlan(connect_ns=S, read_ns=5 * S, total_ns=TOTAL_DEADLINE_NS)
    load_plan = LoadPlan(
        load=load,
        duration_ns=duration_ns,
        scheduled=0,
        workers=knobs.workers,
        pool=2000,
        deadlines=deadlines,
        late_ns=100 * MS,
        dispatch_limit_ms=25.0,
    )
    scheduled = len(due_times_ns(load, duration_ns / 1e9, knobs.seed))
    target = TargetDefinition(
        description="the reference gateway",
        process=() if knobs.direct else (Process(name="gateway", command=("gateway",)),),
        entry="provider-a" if knobs.direct else None,
    )
    return Plan.model_validate(
        {
            "token": "0badcafe",
            "scenario": "failover-outage",
            "title": "The first provider drops every request for ten seconds; nobody should notice.",
            "scenario_digest": "sha256:feed",
            "seed": knobs.seed,
            "time_scale": 1.0,
            "target": TargetPlan(name="direct" if knobs.direct else "reference", folder="targets/x", definition=target),
            "engine": EnginePlan(kind="embedded"),
            "phases": phases,
            "faults": tuple(_plan_fault(knobs, phase) for phase in phases if phase.role == "fault"),
            "traffic": Traffic(routes=knobs.routes),
            "load": load_plan.model_copy(update={"scheduled": scheduled}),
            "lanes": knobs.lanes,
            "objective": Objective(response_ms=knobs.objective_ms),
            "checks": knobs.checks,
            "providers": tuple(
                ProviderPlan(name=name, latency=LatencyModel()) for name in ("provider-a", "provider-b")
            ),
            "request_id": knobs.request_id,
            "evidence": knobs.evidence,
            "not_applicable": knobs.not_applicable,
        }
    )


def _plan_fault(knobs: Knobs, phase: PlannedPhase) -> PlannedFault:
    ratio = knobs.effect == "ratio"
    layer = "provider" if knobs.attempts_visible and not ratio else "link"
    mechanism = "provider.drop" if layer == "provider" else "toxic.latency" if ratio else "link.down"
    definition = FaultDefinition.model_validate(
        {
            "description": "The provider takes the request and closes the connection without an answer.",
            "layer": layer,
            "mechanism": mechanism,
            "live_connections": "FIN",
            "attempts_visible": knobs.attempts_visible,
            "effect": knobs.effect,
            "proof": Proof(expect="delay" if ratio else "eof", parameter="latency" if ratio else ""),
            "parameters": {"latency": Parameter(default=200, unit="ms")} if ratio else {},
        }
    )
    return PlannedFault(
        id="f1",
        name="latency" if ratio else "provider-drops",
        on=knobs.fault_on,
        phase=phase.name,
        start_ns=phase.start_ns,
        end_ns=phase.end_ns,
        parameters={"latency": 200} if ratio else {},
        definition=definition,
    )
