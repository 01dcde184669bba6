"""Makes whole runs of gateways with a limiter, without a run: the simulation's requests, some of them answered with 429."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from gatebench.analysis.checks.evidence import scope_of
from gatebench.analysis.metrics import metrics
from gatebench.analysis.metrics.registry import Measured, OutageMetric
from gatebench.analysis.tables import RunTables, read
from gatebench.oracles.limiter.limit import Limit
from gatebench.oracles.limiter.model import Model
from gatebench.plan import Plan
from gatebench.probing import Reactive
from gatebench.run.folder import RunFolder
from gatebench.sample import CAUSE, NEVER, NO_RETRY_AFTER, NO_WORD, REJECTED
from gatebench.target import Process, Store, TargetDefinition
from gatebench.traffic import Route
from tests.factory import Writing
from tests.planned import LOAD_START_NS, MS, Knobs, S, make_plan
from tests.simulated import Answer, Simulation, Try

REACTIVE: Final = 3
PROBE: Final = 5
DECLARED: Final = {"algorithm": "token-bucket", "rate": 10, "period": "1s", "burst": 20}
ROUTE: Final = Route(name="chat", tenants=5, prompt_words=4, tenant_weights=(12, 1, 1, 1, 1))

Gateway = Callable[[int, int], int | None]
"""What a limiter says to a tenant at a moment: None admits, a number refuses and is the Retry-After."""


def honest(limit: Limit, *, later_s: int = 0) -> Gateway:
    """Return a limiter that does what it declares, with a Retry-After that is `later_s` too late."""
    models: dict[int, Model] = {}

    def decide(tenant: int, at_ns: int) -> int | None:
        model = models.setdefault(tenant, limit.model())
        if model.room(at_ns):
            model.take(at_ns)
            return None
        return max(0, math.ceil(model.wait_ns(at_ns) / S) + later_s)

    return decide


class LimitedSimulation(Simulation):
    """The simulation, with a limiter in front of it, and a reactive probe when the plan has one."""

    def __init__(self, knobs: Knobs, plan: Plan, gateway: Gateway) -> None:
        super().__init__(knobs, plan)
        self.gateway = gateway

    def run(self) -> None:
        """Play everything, then let the limiter decide in order of arrival, the probe's requests among the others."""
        super().run()
        probe = self._probe() if self.plan.reactive is not None else []
        pending = sorted(self.answers, key=lambda answer: answer.row["sent_ns"])
        while pending or probe:
            if probe and (not pending or probe[0].row["sent_ns"] < pending[0].row["sent_ns"]):
                self._decide_probe(probe)
            else:
                self._decide(pending.pop(0))
        self.tries = [made for made in self.tries if made.number]

    def _decide(self, answer: Answer) -> int | None:
        row = answer.row
        says = self.gateway(row["tenant"], row["sent_ns"] + round(0.3 * MS))
        if says is None:
            row |= {"retry_after_s": NO_RETRY_AFTER}
            return None
        self._spoil(answer, REJECTED, "status", 429)
        row |= {"done_ns": row["sent_ns"] + MS, "first_byte_ns": row["sent_ns"] + MS, "retry_after_s": says}
        self.tries = [made for made in self.tries if made.kind != row["kind"] or made.arrival != row["arrival_id"]]
        return says

    def _probe(self) -> list[Answer]:
        """Return the probe's first request; `_decide_probe` makes the one that follows."""
        return [self._asked(0, 0, LOAD_START_NS + 10 * MS)]

    def _asked(self, arrival: int, ordinal: int, at_ns: int) -> Answer:
        row = dict(self.answers[0].row)
        row |= {"arrival_id": arrival, "ordinal": ordinal, "kind": REACTIVE, "tenant": PROBE, "outcome": 0, "cause": 0}
        row |= {"due_ns": at_ns, "sent_ns": at_ns, "first_byte_ns": at_ns + 40 * MS, "done_ns": at_ns + 41 * MS}
        row |= {"status": 200, "cause": CAUSE[""], "provider": NO_WORD["u1"], "attempt": 0, "service_ns": NEVER}
        return Answer(row)

    def _decide_probe(self, probe: list[Answer]) -> None:
        answer = probe.pop()
        says = self._decide(answer)
        self.answers.append(answer)
        row = answer.row
        back = says is not None and row["ordinal"] == 0
        at_ns = row["done_ns"] + (says or 0) * S if back else row["sent_ns"] + 25 * MS
        if at_ns < LOAD_START_NS + self.plan.load.duration_ns:
            probe.append(self._asked(row["arrival_id"] + (not back), int(back), at_ns))


def limited_plan(declared: Mapping[str, Any], *, store_fault: bool, probed: bool, tiers: tuple[str, ...]) -> Plan:
    """Return the plan of a run with a declared limiter."""
    knobs = knobs_of(store_fault=store_fault)
    plan = make_plan(knobs)
    target = TargetDefinition(
        description="a gateway with a limiter and its store",
        process=(Process(name="gateway", command=("gateway",)), Process(name="redis", command=("redis",))),
        store=(Store(process="redis"),),
    )
    changes = {
        "declared": {"limiter": dict(declared)},
        "tiers": tiers,
        "reactive": Reactive() if probed else None,
        "target": plan.target.model_copy(update={"definition": target}),
    }
    return plan.model_copy(update=changes)


def knobs_of(*, store_fault: bool) -> Knobs:
    """Return five tenants, of whom the first asks for 30/s and the others for 2.5/s, over 30 s in three phases."""
    return Knobs(
        rate_per_s=40,
        warmup_s=0,
        baseline_s=10,
        fault_s=10,
        recovery_s=10,
        routes=(ROUTE,),
        fault_on="store" if store_fault else "provider-b",
        apply=store_fault,
        latency_ms=5,
    )


def limited_run(
    root: Path,
    gateway: Gateway,
    declared: Mapping[str, Any] = DECLARED,
    *,
    store_fault: bool = False,
    probed: bool = False,
    tiers: tuple[str, ...] = (),
    bend: Callable[[list[Answer], list[Try]], None] | None = None,
) -> RunFolder:
    """Write a run of a gateway with that limiter; `bend` changes rows and attempts before they are written."""
    plan = limited_plan(declared, store_fault=store_fault, probed=probed, tiers=tiers)
    folder = RunFolder.create(root, plan)
    simulation = LimitedSimulation(knobs_of(store_fault=store_fault), plan, gateway)
    simulation.run()
    if bend is not None:
        bend(simulation.answers, simulation.tries)
    Writing(folder, simulation).write()
    return folder


class Limited:
    """A run that was read, and its metrics by name and phase."""

    def __init__(self, folder: RunFolder) -> None:
        self.tables: RunTables = read(folder)

    def __call__(self, name: str, phase: str | None = None) -> Measured:
        entry = metrics()[name]
        if isinstance(entry, OutageMetric):
            return entry.function(self.tables, self.tables.outages[0])
        return entry.function(scope_of(self.tables, phase, None))

    def offenders(self, name: str) -> int:
        """Return how many rows show what is wrong."""
        entry = metrics()[name]
        assert entry.offenders is not None
        return len(entry.offenders(scope_of(self.tables, None, None)))

    def known(self, name: str, phase: str | None = None) -> float:
        """Return the number of a metric that is known."""
        value = self(name, phase)
        assert value.status == "known", value.why
        assert value.value is not None
        return value.value


def at_random(share: float, gateway: Gateway, seed: int = 3) -> Gateway:
    """Return the gateway, which refuses a share of those whom it would admit."""
    random = np.random.default_rng(seed)

    def decide(tenant: int, at_ns: int) -> int | None:
        says = gateway(tenant, at_ns)
        return 1 if says is None and random.random() < share else says

    return decide
