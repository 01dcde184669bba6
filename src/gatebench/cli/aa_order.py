"""What `bench aa` was asked for: read and checked, every problem at once, before anything is started."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gatebench.errors import ConfigurationError, Problem

if TYPE_CHECKING:
    from gatebench.comparing.tolerance import Tolerance
    from gatebench.experiment.gate_table import GateTable
    from gatebench.experiment.noise import Noise
    from gatebench.experiment.record import ExperimentFolder, ExperimentRecord
    from gatebench.experiment.rounds import Course
    from gatebench.experiment.tolerances import Said
    from gatebench.plan import Plan

DEFAULT_ROUNDS = 40


@dataclass(frozen=True)
class Judging:
    """The gate whose alarms are counted: what the command line says, over what the workspace's pyproject.toml does."""

    said: Said
    table: GateTable

    @property
    def pairs(self) -> int:
        """Of how many pairs a gate is."""
        from gatebench.comparing.looks import DEFAULT_PAIRS

        return DEFAULT_PAIRS if self.table.pairs is None else self.table.pairs

    def check(self, plan: Plan | None, problems: list[Problem]) -> None:
        """Add what is wrong with it; `plan` is what is measured, None when nobody knows it."""
        from gatebench.experiment.gate import LEAST, MOST
        from gatebench.experiment.gate_table import WHERE

        if not LEAST <= self.pairs <= MOST:
            cure = "Leave it out for the default."
            problems.append(Problem(f"{WHERE} pairs = {self.pairs}", f"must lie between {LEAST} and {MOST}.", cure))
        phases = None if plan is None else [phase.name for phase in plan.phases if phase.role != "warmup"]
        self.said.read(phases, False, problems)

    def tolerances(self, noise: Noise) -> list[Tolerance]:
        """Return what is tolerated of the numbers that were measured; the defaults where nobody says any."""
        known = {one.metric for one in noise.series}
        return self.said.read(None, "overhead_median_ms" in known, [], known)


def judging_of(words: list[str], problems: list[Problem]) -> Judging:
    """Return the gate that is meant by the options and the workspace; what is wrong with its table goes to `problems`."""
    from gatebench.cli.options import commas
    from gatebench.content import Content
    from gatebench.experiment.gate_table import read_table
    from gatebench.experiment.tolerances import Said

    table = read_table(Content().workspace, problems)
    return Judging(Said(commas(words), (), table.terms()), table)


def course_of(
    scenario: str, target: str | None, rounds: int, seed: int, options: dict[str, Any], problems: list[Problem]
) -> Course | None:
    """Return what is played; every problem of it goes to `problems`."""
    from gatebench.analysis.metrics import known_metrics
    from gatebench.cli.options import commas, pairs
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
    remote = tuple(commas(options["allow_remote"]))

    def plan(side: str, of_seed: int) -> Plan:
        request = RunRequest(
            scenario=scenario,
            target=target or "direct",
            seed=of_seed,
            engine=options["engine"],
            settings=chosen,
            allow_remote=remote,
        )
        return make_plan(request, content, known_metrics())

    try:
        first = plan(SIDES[0], seed)
    except ConfigurationError as error:
        problems.extend(error.problems)
        return None
    return Course(first.scenario, SIDES, plan, rounds, seed)


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
