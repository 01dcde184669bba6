"""A gate as one JSON document, for programs: every number with its unit, its interval and its word."""

from __future__ import annotations

import math
from typing import Any, Final

from gatebench.comparing.checks import CheckVerdict
from gatebench.comparing.gated import Gated, advice, headline
from gatebench.comparing.judging import LineVerdict

GATE_SCHEMA: Final = "gatebench.gate/1"


def document(gated: Gated) -> dict[str, Any]:
    """Return the gate as plain data. `worse`, `low`, `high` and `tolerance` are log-ratios where `scale` says so, else
    differences in the metric's unit; positive is worse. Numbers that are not there are null.
    """
    return {
        "schema": GATE_SCHEMA,
        "exit_code": gated.code,
        "verdict": gated.verdict,
        "headline": headline(gated),
        "advice": advice(gated),
        "reasons": list(gated.reasons),
        "notes": list(gated.notes),
        "subject": gated.subject,
        "base": gated.base,
        "head": gated.head,
        "how": gated.how,
        "pairs": gated.pairs,
        "pairs_planned": gated.planned,
        "looks": [{"pairs": pairs, "share": share} for pairs, share in gated.looks],
        "took_s": gated.took_s,
        "folder": gated.folder,
        "command": list(gated.command),
        "lines": [_line(line) for line in gated.lines],
        "checks": [_check(check) for check in gated.checks],
    }


def _line(line: LineVerdict) -> dict[str, Any]:
    measure = line.measure
    return {
        "metric": measure.metric,
        "title": measure.title,
        "phase": measure.phase,
        "unit": measure.unit,
        "better": measure.better,
        "tolerated": str(measure.tolerance),
        "word": line.word,
        "why": line.why,
        "pairs": line.pairs,
        "base": _finite(line.base),
        "head": _finite(line.head),
        "scale": "log-ratio" if measure.relative else "difference",
        "worse": _finite(line.worse),
        "low": _finite(line.low),
        "high": _finite(line.high),
        "tolerance": _finite(line.margin),
        "p": _finite(line.p),
    }


def _check(check: CheckVerdict) -> dict[str, Any]:
    return {
        "sentence": check.sentence,
        "word": check.word,
        "why": check.why,
        "pairs": check.pairs,
        "passes_in_base_fails_in_head": check.broke,
        "fails_in_base_passes_in_head": check.healed,
        "failed_in_base": check.base_failed,
        "failed_in_head": check.head_failed,
        "p": check.p,
    }


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
