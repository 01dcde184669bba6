"""From readings to lines: which numbers of two sides are compared, and what every pair has of each."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from gatebench.comparing.line import Better, Line, Measure
from gatebench.comparing.tolerance import Tolerance
from gatebench.run.summary import MetricValue, Summary


def measures(tolerances: Sequence[Tolerance], base: Sequence[Summary]) -> list[Measure]:
    """Return what is compared: each tolerance in its phase, or in every phase with load in which a base round knows the metric.

    The base decides, so a head in which a number is missing does not lose the comparison of it. The first tolerance that
    fits a metric and phase wins; name a phase to have another one there. A metric whose better direction is neither is
    compared as if less were better.
    """
    found: dict[tuple[str, str | None], Measure] = {}
    ordered = sorted(tolerances, key=lambda one: one.phase is None)
    for tolerance in ordered:
        for phase in _phases(tolerance, base):
            value = _first(base, tolerance.metric, phase)
            if value is None or (tolerance.metric, phase) in found:
                continue
            better: Better = "higher" if value.better == "higher" else "lower"
            found[tolerance.metric, phase] = Measure(
                tolerance.metric, value.title, value.unit, better, phase, tolerance
            )
    return list(found.values())


def lines(wanted: Sequence[Measure], pairs: Iterable[tuple[Summary | None, Summary | None]]) -> list[Line]:
    """Return a line for each measure, over (base, head) of each pair; a number that is unknown or censored is NaN."""
    known = [(_known(base), _known(head)) for base, head in pairs]
    found = []
    for one in wanted:
        key = (one.metric, one.phase)
        sides = np.array([[side.get(key, (math.nan, 0))[0] for side in pair] for pair in known]).reshape(-1, 2)
        rows = np.array([float(head.get(key, (math.nan, 0))[1] or math.nan) for _, head in known])
        found.append(Line(one, sides[:, 0], sides[:, 1], rows if one.counted else None))
    return found


def _known(summary: Summary | None) -> Mapping[tuple[str, str | None], tuple[float, int]]:
    """Return every known number by metric and phase, with the rows behind it."""
    if summary is None:
        return {}
    return {
        (value.name, value.phase): (value.value, value.n)
        for value in summary.metrics
        if value.route is None and value.status == "known" and value.value is not None
    }


def _phases(tolerance: Tolerance, base: Sequence[Summary]) -> list[str | None]:
    if tolerance.phase is not None:
        return [tolerance.phase]
    phases = list(dict.fromkeys(phase.name for summary in base for phase in summary.phases if phase.role != "warmup"))
    inside: list[str | None] = [phase for phase in phases if _first(base, tolerance.metric, phase) is not None]
    return inside or [None]


def _first(base: Sequence[Summary], metric: str, phase: str | None) -> MetricValue | None:
    return next(
        (
            value
            for summary in base
            for value in summary.metrics
            if (value.name, value.phase, value.route) == (metric, phase, None) and value.status == "known"
        ),
        None,
    )
