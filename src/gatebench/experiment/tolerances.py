"""What a gate tolerates: whose word counts, whether its phases are there, and whether this machine could show it at all."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gatebench.comparing.line import Better, Measure
from gatebench.comparing.tolerance import Tolerance, default_tolerances, parse
from gatebench.errors import Problem
from gatebench.experiment.gate_table import WHERE

if TYPE_CHECKING:
    from gatebench.experiment.noise import Noise


@dataclass(frozen=True)
class Said:
    """Where tolerances are written: the command line, the baseline's own, a workspace's pyproject.toml.

    The baseline's are the whole list, else those of pyproject.toml, else the defaults. A tolerance of the command line goes over that
    list's of its metric and phase; the rest of the list stays.
    """

    command_line: Sequence[str] = ()
    kept: Sequence[str] = ()
    table: Sequence[str] = ()
    table_where: str = WHERE

    def read(
        self,
        phases: Collection[str] | None,
        lanes: bool,
        problems: list[Problem],
        known: Collection[str] | None = None,
    ) -> list[Tolerance]:
        """Return the tolerances; every one that is wrong goes to `problems`.

        `phases` are those that are measured; None: nobody knows them. `known`: the defaults are of these metrics alone.
        """
        from gatebench.analysis.metrics import metrics

        units = {name: entry.unit for name, entry in metrics().items()}
        own = _parsed(self.command_line, units, "--tolerance", phases, problems)
        others, where = (self.kept, "the baseline's") if self.kept else (self.table, self.table_where)
        rest = _parsed(others, units, where, phases, problems) or default_tolerances(
            units if known is None else known, lanes=lanes
        )
        taken = {(one.metric, one.phase) for one in own}
        return [
            *own,
            *(one for one in rest if (one.metric, one.phase) not in taken and (one.metric, None) not in taken),
        ]


def _parsed(
    texts: Sequence[str], units: dict[str, str], where: str, phases: Collection[str] | None, problems: list[Problem]
) -> list[Tolerance]:
    found: dict[tuple[str, str | None], Tolerance] = {}
    for text in texts:
        one = parse(text, units, where, problems)
        if one is None:
            continue
        if one.phase is not None and phases is not None and one.phase not in phases:
            cure = f"The phases are: {', '.join(phases)}."
            problems.append(Problem(f"{where} {text}", f"there is no phase {one.phase} that is measured.", cure))
        if (one.metric, one.phase) in found:
            problems.append(Problem(f"{where} {text}", f"{one.metric} is given twice.", "Say it once."))
        found[one.metric, one.phase] = one
    return list(found.values())


def unmeasured(tolerances: Sequence[Tolerance], found: Sequence[Measure]) -> list[Measure]:
    """Return the measures that were asked for and that no round of base has: they are missing, not passed."""
    there = {(one.metric, one.phase) for one in found}
    metrics = {one.metric for one in found}
    return [
        measure_of(one, one.phase)
        for one in tolerances
        if ((one.metric, one.phase) not in there if one.phase is not None else one.metric not in metrics)
    ]


def measure_of(tolerance: Tolerance, phase: str | None) -> Measure:
    """Return what a tolerance asks for in a phase, with the words of the metric's definition."""
    from gatebench.analysis.metrics import metrics

    entry = metrics()[tolerance.metric]
    better: Better = "higher" if entry.better == "higher" else "lower"
    return Measure(tolerance.metric, entry.title, entry.unit, better, phase, tolerance)


def under_the_noise(
    noise: Noise, tolerances: Sequence[Tolerance], phases: Collection[str], pairs: int
) -> list[Problem]:
    """Return a problem for every tolerance that this machine's own noise exceeds: such a gate could only guess."""
    found: list[Problem] = []
    own = {(one.metric, one.phase) for one in tolerances}
    for one in tolerances:
        for phase in [one.phase] if one.phase else _measured_in(noise, one, phases):
            if phase != one.phase and (one.metric, phase) in own:
                continue  # another tolerance holds there
            measure = measure_of(one, phase)
            floor, margin = noise.floor(measure, pairs), noise.margin(measure)
            if floor is None or margin is None or margin >= floor:
                continue
            found.append(
                Problem(
                    f"the tolerance {one}" + (f" in {phase}" if phase and not one.phase else ""),
                    f"lies under the noise of this machine: in {pairs} pairs of identical rounds {measure.metric} shifts by "
                    f"{_amount(measure, floor)} (`bench aa`).",
                    f"Tolerate {_amount(measure, floor)} or more, make more pairs, or have less noise.",
                )
            )
    return found


def _measured_in(noise: Noise, tolerance: Tolerance, phases: Collection[str]) -> list[str | None]:
    """Return the phases in which the noise knows the metric, or, where it knows it in none, the whole run."""
    inside: list[str | None] = [phase for phase in phases if noise.of(measure_of(tolerance, phase)) is not None]
    return inside or [None]


def _amount(measure: Measure, worse: float) -> str:
    """Return a tolerance of this size as it is written, rounded up."""
    if measure.relative:
        share = math.expm1(worse) if measure.better == "lower" else -math.expm1(-worse)
        return f"{math.ceil(share * 1000) / 10:g} %"
    if measure.unit == "share":
        return f"{math.ceil(worse * 1e4) / 100:g} pp"
    return f"{float(f'{worse * 1.005:.2g}'):g} {measure.unit}".strip()


def noise_of(workspace: Path, scenario: str, target: str) -> Noise | None:
    """Return what `bench aa` found of this scenario and target here, None when it was never asked."""
    from gatebench.experiment.noise import load_noise

    return load_noise(workspace, scenario, target)
