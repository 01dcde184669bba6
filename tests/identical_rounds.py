"""Plays identical rounds without a gateway: writes what a run would have left, with numbers that vary as they are told to."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from gatebench import __version__
from gatebench.execution.provenance import provenance
from gatebench.experiment.making import Made, Making
from gatebench.plan import Plan
from gatebench.run.folder import Clock, RunFolder, RunRecord
from gatebench.run.summary import Ledger, MetricValue, PhaseWindow, Summary, Verdict

LEVELS = {"response_p50_ms": 22.0, "response_p95_ms": 26.0, "response_p99_ms": 31.0}
Chosen = Callable[[int], Verdict]
"""Returns the verdict of the n-th run."""


def fake_make(
    sd: float = 0.01, rows: int = 400, verdict: Chosen = lambda number: "pass", seed: int = 1
) -> Callable[..., Made]:
    """Return what stands in for `gatebench.experiment.rounds.make`: times vary by `sd` between runs, and no request fails."""
    generator = np.random.default_rng(seed)
    made: list[str] = []
    facts = {"gatebench": __version__, "machine": {**provenance(Path())["machine"]}}

    def make(plan: Plan, out: Path, making: Making) -> Made:
        folder = RunFolder.create(out, plan)
        clock = Clock(monotonic_ns=0, unix_ns=0)
        folder.save(RunRecord(id=folder.path.name, created="now", plan=plan, clock=clock, provenance=facts))
        values = {name: level * float(np.exp(generator.normal(0, sd))) for name, level in LEVELS.items()}
        summary = summary_of(plan, values, rows, verdict(len(made)))
        made.append(folder.path.name)
        (folder.path / "summary.json").write_text(summary.model_dump_json(by_alias=True))
        return Made(folder, summary, 0)

    return make


def summary_of(plan: Plan, values: dict[str, float], rows: int, verdict: Verdict = "pass") -> Summary:
    """Return the reading of a run that measured `values` in its baseline, and no error among `rows` requests."""
    known = [_metric(name, value, "ms", rows) for name, value in values.items()]
    known.append(_metric("error_share", 0.0, "share", rows))
    warmup = _metric("response_p50_ms", 99.0, "ms", 10).model_copy(update={"phase": "warmup"})
    unknown = _metric("response_p999_ms", 0.0, "ms", rows).model_copy(update={"status": "unknown", "value": None})
    nobody = dict.fromkeys(name for name in Ledger.model_fields if name not in {"balances", "causes", "sentences"})
    ledger = Ledger(**{**dict.fromkeys(nobody, 0), "balances": True, "causes": {}, "sentences": []})
    return Summary(
        run_id="run",
        scenario=plan.scenario,
        title=plan.title,
        target=plan.target.name,
        engine=plan.engine.kind,
        seed=plan.seed,
        status="finished",
        evidence="full",
        verdict=verdict,
        exit_code={"pass": 0, "fail": 1, "inconclusive": 4, "invalid": 3}[verdict],
        headline="",
        reasons=["the generator was late"] if verdict == "invalid" else [],
        warnings=[],
        validity=[],
        ledger=ledger,
        phases=[_window("warmup"), _window("baseline")],
        faults=[],
        metrics=[warmup, unknown, *known],
        checks=[],
        served={},
    )


def _metric(name: str, value: float, unit: str, rows: int) -> MetricValue:
    return MetricValue(
        name=name, title=name, unit=unit, better="lower", phase="baseline", status="known", value=value, n=rows
    )


def _window(name: str) -> PhaseWindow:
    return PhaseWindow(name=name, role=name, planned_start_s=0, planned_end_s=1, start_s=0, end_s=1)
