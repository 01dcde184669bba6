"""Readings of rounds that nobody made, and a `make` that writes them: gates in milliseconds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from gatebench.comparing.checks import CheckVerdict
from gatebench.comparing.gated import Gated
from gatebench.comparing.judging import LineVerdict, judge
from gatebench.comparing.line import Line, Measure
from gatebench.comparing.looks import plan_looks
from gatebench.comparing.tolerance import Tolerance
from gatebench.experiment.making import Made, Making
from gatebench.plan import Plan
from gatebench.run.folder import RunFolder
from gatebench.run.summary import EXIT_CODES, CheckResult, Ledger, MetricValue, PhaseWindow, Summary, Verdict

COUNTS = ("scheduled", "sent", "ok", "rejected", "error", "timeout", "in_flight", "missing", "doubled")
UNSENT = ("unsent_pool", "unsent_generator", "unsent_stopped")
UNKNOWN = ("attempts", "attempts_joined", "attempts_foreign", "answers_joined", "answers_unjoined", "client_resends")
LEDGER = Ledger.model_validate(
    {**dict.fromkeys((*COUNTS, *UNSENT), 0), **dict.fromkeys(UNKNOWN), "balances": True, "causes": {}, "sentences": []}
)
UNITS = {"response_p50_ms": "ms", "response_p95_ms": "ms", "error_share": "share", "overhead_median_ms": "ms"}


def reading(
    seed: int = 1,
    *,
    values: Mapping[str, float | None],
    checks: Mapping[str, str] | None = None,
    verdict: Verdict = "pass",
    why: str = "",
    scenario: str = "smoke",
    phase: str = "baseline",
) -> Summary:
    """Return the reading of a round: `values` by metric (None: unknown) in one phase, `checks` by sentence."""
    return Summary(
        run_id=f"run-{seed}",
        scenario=scenario,
        title="",
        target="reference",
        engine="embedded 0.1.0",
        seed=seed,
        status="finished",
        evidence="full",
        verdict=verdict,
        exit_code=EXIT_CODES[verdict],
        headline="",
        reasons=[why] if why else [],
        warnings=[],
        validity=[],
        ledger=LEDGER,
        phases=[
            PhaseWindow(name=phase, role="baseline", planned_start_s=0, planned_end_s=4, start_s=0, end_s=4),
        ],
        faults=[],
        metrics=[
            MetricValue(
                name=name,
                title=name.replace("_", " "),
                unit=UNITS.get(name, ""),
                better="lower",
                phase=phase,
                status="unknown" if value is None else "known",
                value=value,
            )
            for name, value in values.items()
        ],
        checks=[
            CheckResult.model_validate(
                {
                    "sentence": sentence,
                    "metric": "error_share",
                    "bound": 0,
                    "direction": "at_most",
                    "estimate": "point",
                    "unit": "",
                    "verdict": found,
                }
            )
            for sentence, found in (checks or {}).items()
        ],
        served={},
    )


@dataclass
class Maker:
    """Stands in for `gatebench.experiment.rounds.make`: `tell` says what each run found."""

    tell: Callable[[int, Plan], Summary | Made]
    plans: list[Plan] = field(default_factory=list)

    def __call__(self, plan: Plan, out: Path, making: Making) -> Made:
        """Write what the run would have left."""
        self.plans.append(plan)
        found = self.tell(len(self.plans) - 1, plan)
        if isinstance(found, Made):
            return found
        folder = RunFolder.create(out, plan)
        folder.save(folder.new_record(plan, [], {}))
        (folder.path / "summary.json").write_text(found.model_dump_json(by_alias=True))
        return Made(folder, found, 0)


def noise(seed: int, count: int, spread: float = 0.01) -> list[float]:
    """Return factors near 1 with a spread, the same for the same seed."""
    return [float(factor) for factor in np.exp(np.random.default_rng(seed).normal(0, spread, count))]


def verdicts(
    factor: float = 1.0,
    *,
    pairs: int = 10,
    spread: float = 0.01,
    metric: str = "response_p95_ms",
    tolerance: Tolerance | None = None,
    missing: bool = False,
) -> tuple[LineVerdict, ...]:
    """Return what a gate shows of one number whose head is `factor` times its base."""
    measure = Measure(metric, "Response p95", "ms", "lower", "baseline", tolerance or Tolerance(metric, relative=0.05))
    base = 40 * np.array(noise(3, pairs, spread))
    head = 40 * factor * np.array(noise(5, pairs, spread))
    line = Line(measure, base, np.full(pairs, np.nan) if missing else head)
    return judge([line], plan_looks(pairs, sequential=False)).lines


def gated(code: int, lines: Sequence[LineVerdict] = (), checks: Sequence[CheckVerdict] = (), **facts: Any) -> Gated:
    """Return a gate's findings."""
    return Gated(
        **{
            "subject": "smoke on mygw",
            "base": "mygw, main (0123456789ab)",
            "head": "mygw",
            "how": "interleaved",
            "pairs": 10,
            "planned": 10,
            "looks": ((10, 1.0),),
            "took_s": 160.0,
            **facts,
        },
        code=code,
        lines=tuple(lines),
        checks=tuple(checks),
    )
