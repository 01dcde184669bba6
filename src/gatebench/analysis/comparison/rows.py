"""The rows of a comparison: each number of a scenario and phase, what every side has of it, and how the sides differ."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from gatebench.analysis.comparison.material import Material, Taken
from gatebench.comparing.contrast import Contrast, Floats, Typical, contrast, is_relative, typical
from gatebench.comparing.tolerance import FLOOR_MS
from gatebench.run.summary import MetricValue, Summary

IN_PHASES: Final = ("response_p50_ms", "response_p95_ms", "response_p99_ms", "availability", "goodput_per_s")
OF_RUN: Final = (
    "overhead_median_ms",
    "overhead_p95_ms",
    "ttft_p50_ms",
    "ttft_p95_ms",
    "failover_time_s",
    "time_to_recover_s",
    "requests_lost",
    "duplicate_execution",
    "amplification",
)
_PER_MS: Final = {"ms": 1.0, "s": 1e3}

Winner = Literal["head", "base"]
Scope = tuple[str, str | None]


@dataclass(frozen=True)
class Point:
    """The number of one round."""

    order: int
    pair: int
    seed: int
    value: float


@dataclass(frozen=True)
class Cell:
    """What one side has of a number: its typical round, or `why` there is none. `rounds` counts the valid ones."""

    points: tuple[Point, ...]
    typical: Typical | None
    rounds: int
    why: str = ""

    @property
    def missing(self) -> int:
        """How many valid rounds have no such number."""
        return self.rounds - len(self.points)


@dataclass(frozen=True)
class Row:
    """A number in a scenario and phase (None: the whole run). `cells` go by party; `contrasts` are each against the first,
    whose own is None. `floor` is what the null target had.
    """

    scenario: str
    phase: str | None
    metric: str
    title: str
    unit: str
    better: Literal["lower", "higher", "neither"]
    matters: bool
    cells: tuple[Cell, ...]
    contrasts: tuple[Contrast | None, ...]
    floor: float | None

    def winner(self, place: int) -> Winner | None:
        """Return who is shown to be better: the interval excludes zero, and the difference is not below our instruments."""
        found = self.contrasts[place]
        if found is None or not found.shown or self.better == "neither" or self._too_fine(place):
            return None
        return "head" if (found.change < 0) == (self.better == "lower") else "base"

    def under_floor(self, place: int) -> bool:
        """Return whether a time is no longer than that of the null target, so that it says nothing of the side."""
        mine = self.cells[place].typical
        return self.unit in _PER_MS and mine is not None and self.floor is not None and mine.median <= self.floor

    def _too_fine(self, place: int) -> bool:
        base, head = self.cells[0].typical, self.cells[place].typical
        if base is None or head is None or "overhead" in self.metric or self.unit not in _PER_MS:
            return False
        return abs(head.median - base.median) * _PER_MS[self.unit] < FLOOR_MS


def rows(material: Material) -> list[Row]:
    """Return every number that any side knows, by scenario: first what matters, in the order of reading, then the others."""
    return [row for scenario in material.scenarios for row in _of_scenario(material, scenario)]


def _of_scenario(material: Material, scenario: str) -> Iterator[Row]:
    sides = [material.of(scenario, party.label) for party in material.parties]
    read = [one.summary for side in sides for one in side if one.summary is not None]
    if not read:
        return
    known = {id(summary): _numbers(summary) for summary in read}
    floor = next((_numbers(one.summary) for one in material.floor if one.scenario == scenario and one.summary), {})
    scopes: dict[Scope, MetricValue] = {}
    for summary in read:
        for scope, value in known[id(summary)].items():
            if scope not in scopes or (scopes[scope].status != "known" and value.status == "known"):
                scopes[scope] = value
    judged = {(check.metric, check.phase) for summary in read for check in summary.checks}
    wanted = [
        scope
        for scope in what_matters(read)
        if scope in scopes and (scope in judged or scopes[scope].status != "unknown")
    ]
    for scope in [*wanted, *(scope for scope in scopes if scope not in set(wanted))]:
        sample, lowest = scopes[scope], floor.get(scope)
        if sample.status == "unknown" and scope not in wanted:
            continue
        level = lowest.value if lowest is not None and lowest.status == "known" else None
        number = _Number(scenario, scope, sample, scope in wanted, level)
        yield _row(number, [[(one, known[id(one.summary)].get(scope)) for one in side] for side in sides])


@dataclass(frozen=True)
class _Number:
    scenario: str
    scope: Scope
    sample: MetricValue
    matters: bool
    floor: float | None


def _row(number: _Number, found: Sequence[Sequence[tuple[Taken, MetricValue | None]]]) -> Row:
    sample = number.sample
    points = [tuple(_points(side)) for side in found]
    values = [np.array([point.value for point in side]) for side in points]
    relative = is_relative(sample.name, sample.unit, *values)
    cells = tuple(
        Cell(mine, _typical(numbers, sample.unit, relative=relative), len(side), "" if mine else _why(side))
        for mine, numbers, side in zip(points, values, found, strict=True)
    )
    by_pair = [{point.pair: point.value for point in side} for side in points]
    contrasts = [None, *(contrast(by_pair[0], head, relative=relative) for head in by_pair[1:])]
    return Row(
        number.scenario,
        number.scope[1],
        sample.name,
        sample.title,
        sample.unit,
        sample.better,
        number.matters,
        cells,
        tuple(contrasts),
        number.floor,
    )


def what_matters(read: Sequence[Summary]) -> list[Scope]:
    """Return what the first table shows: times, availability and goodput in each phase with load, then the moments of the
    whole run, then whatever the scenario's checks judge.
    """
    phases = list(dict.fromkeys(phase.name for summary in read for phase in summary.phases if phase.role != "warmup"))
    wanted: list[Scope] = [(metric, phase) for phase in phases for metric in IN_PHASES]
    wanted += [(metric, None) for metric in OF_RUN]
    wanted += [(check.metric, check.phase) for summary in read for check in summary.checks if check.route is None]
    return list(dict.fromkeys(wanted))


def _numbers(summary: Summary) -> dict[Scope, MetricValue]:
    return {(value.name, value.phase): value for value in summary.metrics if value.route is None}


def _points(side: Sequence[tuple[Taken, MetricValue | None]]) -> Iterator[Point]:
    for one, value in side:
        if value is not None and value.status == "known" and value.value is not None and math.isfinite(value.value):
            yield Point(one.order, one.pair, one.seed, value.value)


def _typical(numbers: Floats, unit: str, *, relative: bool) -> Typical | None:
    if not len(numbers):
        return None
    found = typical(numbers, relative=relative)
    if unit == "share" and found.high is not None:
        return Typical(found.median, found.low, min(found.high, 1.0), found.rounds)
    return found


def _why(side: Sequence[tuple[Taken, MetricValue | None]]) -> str:
    """Return why a side has no number: what its rounds say, or that there is none."""
    if not side:
        return "no valid round"
    values = [value for _, value in side if value is not None]
    if not values:
        return "not measured here"
    first = values[0]
    if first.status == "censored" and first.value is not None:
        return f"not reached within {first.value:g} {first.unit}".strip()
    return first.why or "unknown"
