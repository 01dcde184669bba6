"""What `bench aa` was asked for: read and checked, every problem at once, before anything is started."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gatebench.errors import ConfigurationError, Problem

if TYPE_CHECKING:
    from gatebench.comparing.tolerance import Tolerance
    from gatebench.experiment.record import ExperimentFolder, ExperimentRecord
    from gatebench.experiment.rounds import Course
    from gatebench.plan import Plan

DEFAULT_ROUNDS = 40


def tolerances_of(texts: list[str], problems: list[Problem]) -> list[Tolerance]:
    """Return the tolerances of repeated options and comma lists; what is none of them goes to `problems`."""
    from gatebench.analysis.metrics import metrics
    from gatebench.cli.options import commas
    from gatebench.comparing.tolerance import parse

    units = {name: metric.unit for name, metric in metrics().items()}
    found = [parse(text, units, "--tolerance", problems) for text in commas(texts)]
    return [one for one in found if one is not None]


def course_of(
    scenario: str, target: str | None, rounds: int, seed: int, options: dict[str, Any], problems: list[Problem]
) -> Course | None:
    """Return what is played; every problem of it goes to `problems`."""
    from gatebench.analysis.metrics import known_metrics
    from gatebench.cli.options import pairs
    from gatebench.content import Content
    from gatebench.execution.asking import RunRequest
    from gatebench.execution.planning import make_plan
    from gatebench.experiment.identical import SIDES
    from gatebench.experiment.noise import LEAST_ROUNDS
    from gatebench.experiment.rounds import Course

    content = Content()
    if target is None:
        cure = f"Add --target NAME; the targets are: {', '.join(content.target_names())}."
        problems.append(Problem("--target", "is missing.", cure))
    if rounds < LEAST_ROUNDS:
        cure = f"Take at least {LEAST_ROUNDS}; {DEFAULT_ROUNDS} show the noise of most machines."
        problems.append(Problem(f"--rounds {rounds}", "are too few to know any noise.", cure))
    chosen = pairs("--set", options["settings"], problems)

    def plan(side: str, of_seed: int) -> Plan:
        request = RunRequest(
            scenario=scenario, target=target or "direct", seed=of_seed, engine=options["engine"], settings=chosen
        )
        return make_plan(request, content, known_metrics())

    try:
        first = plan(SIDES[0], seed)
    except ConfigurationError as error:
        problems.extend(error.problems)
        return None
    return Course(first.scenario, SIDES, plan, rounds, seed)


def phases_known(tolerances: list[Tolerance], plan: Plan, problems: list[Problem]) -> None:
    """Refuse tolerances in phases that the scenario does not have."""
    names = [phase.name for phase in plan.phases]
    for one in tolerances:
        if one.phase is not None and one.phase not in names:
            cure = f"The phases are: {', '.join(names)}."
            problems.append(Problem(f"--tolerance {one}", f"{plan.scenario} has no phase {one.phase}.", cure))


def writable(out: Path, problems: list[Problem]) -> None:
    """Ask whether `out` could be written, and leave nothing behind."""
    there = next(path for path in (out, *out.absolute().parents) if path.exists())
    if not (there.is_dir() and os.access(there, os.W_OK | os.X_OK)):
        problems.append(Problem(f"--out {out}", f"cannot be written below {there}.", "Choose another folder."))


def stored(path: Path, problems: list[Problem]) -> tuple[ExperimentFolder, ExperimentRecord | None]:
    """Return an experiment of `bench aa` on disk; what is wrong with it goes to `problems`."""
    from pydantic import ValidationError

    from gatebench.experiment.record import ExperimentFolder

    folder = ExperimentFolder(path)
    try:
        record = folder.load()
    except (OSError, ValidationError) as error:
        what = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
        cure = "Name a folder that `bench aa` of this version wrote."
        problems.append(Problem(str(path / "experiment.json"), f"cannot be read: {what}.", cure))
        return folder, None
    if record.kind != "aa":
        cure = "Its sides differ, so its rounds hold no noise; run `bench aa SCENARIO --target T`."
        problems.append(Problem(str(path), f'is an experiment of kind "{record.kind}", not "aa".', cure))
    return folder, record
