"""Run folders for comparisons: one real reading of a simulated run, its numbers then set as a test wants them."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from gatebench.errors import Ending, EnvironmentFailure, Interrupted
from gatebench.execution.runner import Nobody
from gatebench.experiment.making import Made, Making
from gatebench.plan import Plan
from gatebench.run.folder import RunFolder, RunRecord, write_atomically
from gatebench.run.summary import Summary
from tests.factory import make_run

P50, P95 = ("response_p50_ms", "baseline"), ("response_p95_ms", "baseline")
LOST, AVAILABLE = ("requests_lost", None), ("availability", "fault")

Numbers = dict[tuple[str, str | None], float | None]


@functools.cache
def example() -> tuple[RunRecord, Summary]:
    """Return record and summary of one simulated run that passes: four seconds of failover-outage."""
    from gatebench.analysis.summary import summarise

    with tempfile.TemporaryDirectory() as folder:
        run = make_run(Path(folder), warmup_s=0.5, baseline_s=1, fault_s=1, recovery_s=1.5, series=False)
        return run.load(), summarise(run)


def plan_of(target: str, seed: int, scenario: str = "failover-outage") -> Plan:
    """Return the plan of the example, for another target, seed or scenario."""
    plan = example()[0].plan
    told = plan.target.model_copy(update={"name": target})
    return plan.model_copy(update={"target": told, "seed": seed, "scenario": scenario})


def summary_of(plan: Plan, numbers: Numbers | None = None, *, verdict: str = "pass", name: str = "run") -> Summary:
    """Return the example's summary with `numbers` by metric and phase; None makes one unknown."""
    read = example()[1]
    wanted = numbers or {}
    metrics = []
    for value in read.metrics:
        key = (value.name, value.phase)
        if value.route is None and key in wanted:
            told: dict[str, Any] = {"value": wanted[key], "status": "known", "low": None, "high": None}
            if wanted[key] is None:
                told |= {"status": "unknown", "why": "nobody was there to see"}
            value = value.model_copy(update=told)  # noqa: PLW2901 - the number as the test wants it
        metrics.append(value)
    facts: dict[str, Any] = {
        "run_id": name,
        "scenario": plan.scenario,
        "target": plan.target.name,
        "seed": plan.seed,
        "metrics": metrics,
        "verdict": verdict,
        "exit_code": {"pass": 0, "fail": 1, "invalid": 3}[verdict],
        "reasons": ["the generator was late"] if verdict == "invalid" else [],
    }
    return read.model_copy(update=facts)


def write_run(
    root: Path,
    target: str = "gate",
    seed: int = 1,
    numbers: Numbers | None = None,
    *,
    scenario: str = "failover-outage",
    verdict: str = "pass",
    created: str = "2026-11-21T12:00:00.000+00:00",
    provenance: dict[str, Any] | None = None,
    plan: dict[str, Any] | None = None,
) -> RunFolder:
    """Write a run folder that holds run.json and summary.json, as one that was made and read."""
    planned = plan_of(target, seed, scenario).model_copy(update=plan or {})
    folder = RunFolder.create(root, planned)
    record = example()[0]
    told = {"id": folder.path.name, "plan": planned, "created": created, "status": "finished"}
    told["provenance"] = record.provenance | (provenance or {})
    folder.save(record.model_copy(update=told))
    summary = summary_of(planned, numbers, verdict=verdict, name=folder.path.name)
    write_atomically(folder.path / "summary.json", summary.model_dump_json(by_alias=True))
    return folder


def nobody(plan: Plan) -> AbstractContextManager[Nobody]:
    """Look on at a run as nobody does."""
    return nullcontext(Nobody())


class Maker:
    """Stands in for `gatebench.experiment.rounds.make`: writes a run at once, and keeps which plans it was given.

    `numbers` by target; `outcomes` by the place of a run: "invalid", "interrupted" or "does not start".
    """

    def __init__(self, numbers: dict[str, Numbers] | None = None, outcomes: dict[int, str] | None = None) -> None:
        self.numbers, self.outcomes = numbers or {}, outcomes or {}
        self.plans: list[Plan] = []

    def __call__(self, plan: Plan, out: Path, making: Making) -> Made:
        """Make the run that is next."""
        outcome = self.outcomes.get(len(self.plans), "pass")
        self.plans.append(plan)
        error: Ending | None = None
        if outcome == "does not start":
            error = EnvironmentFailure("the gateway ended by itself")
            return Made(None, None, error.exit_code, error)
        if outcome == "interrupted":
            error = Interrupted("Ctrl-C")
        numbers = self.numbers.get(plan.target.name, {})
        verdict = outcome if outcome in {"invalid", "fail"} else "pass"
        folder = write_run(out, plan.target.name, plan.seed, numbers, scenario=plan.scenario, verdict=verdict)
        summary = Summary.model_validate_json((folder.path / "summary.json").read_text())
        return Made(folder, summary, error.exit_code if error else 0, error)

    @property
    def order(self) -> Iterator[tuple[str, int]]:
        """Target and seed of every run, in the order of time."""
        return ((plan.target.name, plan.seed) for plan in self.plans)
