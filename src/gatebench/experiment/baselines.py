"""Baselines: what a later gate compares with, kept in a folder of the workspace that is small enough for git."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field

from gatebench.errors import Problem
from gatebench.experiment.record import ExperimentFolder, ExperimentRecord, Round, Side
from gatebench.experiment.stored import Stored, is_experiment, read_experiment, read_round, read_run
from gatebench.run.folder import RunFolder, RunRecord
from gatebench.run.summary import Summary

FOLDER: Final = "baselines"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class Kept(BaseModel):
    """What a baseline says of itself, in `record.result["baseline"]`.

    `tolerances` are written as on the command line; none: the gate's own defaults. `machine` and `gatebench` are those of
    the first round.
    """

    model_config = ConfigDict(extra="forbid")

    scenario: str
    scenario_digest: str
    target: str
    tolerances: list[str] = Field(default_factory=list)
    gatebench: str
    engine: str
    machine: dict[str, Any] = Field(default_factory=dict)
    origin: list[str] = Field(default_factory=list, description="names of the folders that it was saved from")


@dataclass(frozen=True)
class Baseline:
    """A baseline, read: `summaries` are those of its valid rounds, in the order of `record.rounds`."""

    name: str
    path: Path
    record: ExperimentRecord
    summaries: list[Summary]

    @property
    def kept(self) -> Kept:
        """What it says of itself; the tolerances and the scenario of a gate come from here."""
        return Kept.model_validate(self.record.result["baseline"])

    @property
    def rounds(self) -> list[Round]:
        """Its valid rounds, one for each summary."""
        return [one for one in self.record.rounds if one.valid]


def load_baseline(name: str, workspace: Path, problems: list[Problem]) -> Baseline | None:
    """Return the baseline `name` of the workspace, or whatever folder `name` is the path of: a baseline, an experiment with
    one scenario and one side, or a single run. None when there is none or nothing of it counts; `problems` says why.
    """
    path = workspace / FOLDER / name if _NAME.fullmatch(name) else Path(name)
    if not path.is_dir() and Path(name).is_dir():
        path = Path(name)
    if not path.is_dir():
        known = ", ".join(names(workspace)) or "none yet"
        cure = f"The baselines are: {known}. `bench baseline save NAME RUN...` makes one; or name a run folder."
        problems.append(Problem(f"--baseline {name}", "there is no such baseline.", cure))
        return None
    record = read_experiment(path, problems) if is_experiment(path) else None
    if record is not None and "baseline" in record.result:
        return _read(name, path, record, problems)
    if is_experiment(path) and record is None:
        return None
    taken = take([path], problems)
    if taken is None:
        return None
    return Baseline(name, path, _record(path.name, taken, []), [one.summary for one in taken])


def names(workspace: Path) -> list[str]:
    """Return the names of the workspace's baselines, sorted."""
    return sorted(path.parent.name for path in (workspace / FOLDER).glob("*/experiment.json"))


def take(
    paths: Iterable[Path], problems: list[Problem], *, target: str | None = None, scenario: str | None = None
) -> list[Stored] | None:
    """Return the valid runs of run folders and experiments that make one baseline: one scenario on one target.

    `target` picks a side of an experiment by its label, `scenario` one of several. Whatever keeps them from being one
    baseline goes to `problems`, and None is returned.
    """
    before = len(problems)
    found: list[Stored] = []
    for path in paths:
        found += _experiment_runs(path, target, problems) if is_experiment(path) else _single(path, problems)
    if scenario is not None:
        found = [one for one in found if one.summary.scenario == scenario]
    where = "the runs"
    valid = [one for one in found if one.valid]
    for what, cure, values in (
        ("are of several scenarios", "Pick one with --scenario.", {one.summary.scenario for one in valid}),
        ("are of several targets", "Pick one with --target.", {one.target for one in valid}),
        (
            "are of several versions of the scenario",
            "Save those that were made with the same scenario file.",
            {one.record.plan.scenario_digest for one in valid},
        ),
    ):
        if len(values) > 1:
            problems.append(Problem(where, f"{what}: {', '.join(sorted(values))}.", cure))
    if not valid and len(problems) == before:
        said = "; ".join(dict.fromkeys(f"{one.path.name}: {one.why}" for one in found)) or "there is none"
        problems.append(Problem(where, f"none of them counts: {said}.", "A baseline is made of valid runs."))
    return valid if len(problems) == before else None


def save(name: str, runs: Sequence[Stored], workspace: Path, tolerances: Sequence[str] = ()) -> Path:
    """Write the baseline and return its folder; one of that name is replaced whole, or not at all."""
    folder = workspace / FOLDER / name
    draft = folder.with_name(f".{name}.draft")
    shutil.rmtree(draft, ignore_errors=True)
    for one in runs:
        own = RunFolder(draft / "rounds" / one.path.name)
        own.path.mkdir(parents=True)
        own.save(without_places(one.record))
        (own.path / "summary.json").write_text(
            slim(one.summary).model_dump_json(by_alias=True, indent=1), encoding="utf-8"
        )
    record = _record(name, runs, tolerances)
    rounds = [
        one.model_copy(update={"folder": f"rounds/{run.path.name}"})
        for one, run in zip(record.rounds, runs, strict=True)
    ]
    ExperimentFolder(draft).save(record.model_copy(update={"rounds": rounds}))
    shutil.rmtree(folder, ignore_errors=True)
    draft.replace(folder)
    return folder


def remove(name: str, workspace: Path) -> None:
    """Delete a baseline; FileNotFoundError when there is none of that name."""
    if name not in names(workspace):
        raise FileNotFoundError(name)
    shutil.rmtree(workspace / FOLDER / name)


def name_problem(name: str) -> Problem | None:
    """Return what is wrong with a name for a baseline, which is the name of a folder."""
    if _NAME.fullmatch(name):
        return None
    return Problem(f"NAME {name}", "is no name for a baseline.", "Use letters, digits, dots, dashes and underscores.")


def without_places(record: RunRecord) -> RunRecord:
    """Return the record without what only the machine that made the run can use: its folders, ports and processes."""
    target = record.plan.target.model_copy(update=dict.fromkeys(("folder", "own_folder", "installed", "standing")))
    kept = {name: value for name, value in record.topology.items() if name.startswith("target_")}
    return record.model_copy(update={"plan": record.plan.model_copy(update={"target": target}), "topology": kept})


def slim(summary: Summary) -> Summary:
    """Return the summary without the numbers of single routes and the rows of evidence, which no gate reads."""
    metrics = [value for value in summary.metrics if value.route is None]
    checks = [check.model_copy(update={"evidence": []}) for check in summary.checks]
    return summary.model_copy(update={"metrics": metrics, "checks": checks})


def _read(name: str, path: Path, record: ExperimentRecord, problems: list[Problem]) -> Baseline | None:
    before = len(problems)
    folder = ExperimentFolder(path)
    summaries = []
    for one in record.rounds:
        run = folder.run(one) if one.valid else None
        stored = read_run(run.path, problems) if run is not None else None
        if stored is not None:
            summaries.append(stored.summary)
    if len(problems) > before:
        return None
    if not summaries:
        problems.append(Problem(f"--baseline {name}", "holds no valid round.", "Save it again from valid runs."))
        return None
    return Baseline(name, path, record, summaries)


def _single(path: Path, problems: list[Problem]) -> list[Stored]:
    stored = read_run(path, problems)
    return [stored] if stored is not None else []


def _experiment_runs(path: Path, target: str | None, problems: list[Problem]) -> list[Stored]:
    record = read_experiment(path, problems)
    if record is None:
        return []
    labels = [side.label for side in record.sides]
    if target is not None and target not in labels:
        problems.append(
            Problem(f"--target {target}", f"{path.name} has no such side.", f"Its sides are: {', '.join(labels)}.")
        )
        return []
    if target is None and len(labels) > 1:
        cure = f"Pick one with --target: {', '.join(labels)}."
        problems.append(Problem(str(path), "holds rounds of several sides.", cure))
        return []
    folder = ExperimentFolder(path)
    found = []
    for one in sorted(record.rounds, key=lambda one: one.order):
        if one.side == (target or labels[0]) and one.valid:
            _, stored = read_round(folder, one)
            if stored is not None:
                found.append(stored)
    return found


def _record(name: str, runs: Sequence[Stored], tolerances: Sequence[str]) -> ExperimentRecord:
    first = runs[0]
    settings = {key: str(value) for key, value in first.record.plan.target.settings.items()}
    kept = Kept(
        scenario=first.summary.scenario,
        scenario_digest=first.record.plan.scenario_digest,
        target=first.target,
        tolerances=list(tolerances),
        gatebench=str(first.record.provenance.get("gatebench", "")),
        engine=first.summary.engine,
        machine={key: value for key, value in _machine(first.record).items() if key != "load_average"},
        origin=list(dict.fromkeys(_origin(one.path) for one in runs)),
    )
    rounds = [
        Round(
            scenario=one.summary.scenario,
            pair=place,
            order=place,
            side=first.target,
            seed=one.summary.seed,
            folder=str(one.path.resolve()),
            exit_code=one.summary.exit_code,
            valid=one.valid,
            why=one.why,
        )
        for place, one in enumerate(runs)
    ]
    return ExperimentRecord(
        id=name,
        kind="rounds",
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        command=first.record.command,
        status="finished",
        scenarios=[kept.scenario],
        sides=[Side(label=first.target, target=first.target, settings=settings)],
        pairs=len(rounds),
        seed=min(one.seed for one in rounds),
        rounds=rounds,
        result={"baseline": kept.model_dump()},
    )


def _machine(record: RunRecord) -> dict[str, Any]:
    machine = record.provenance.get("machine")
    return dict(machine) if isinstance(machine, dict) else {}


def _origin(path: Path) -> str:
    """Return the experiment that a run lies in, or else the run."""
    parent = path.resolve().parent
    return parent.parent.name if parent.name == "rounds" else path.name
