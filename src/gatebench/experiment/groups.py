"""Groups of runs that exist already become an experiment: who stands against whom, and which rounds are pairs."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gatebench.errors import Problem
from gatebench.experiment.record import ExperimentFolder, Round, Side
from gatebench.experiment.stored import Stored, is_experiment, read_experiment, read_round, read_run


@dataclass(frozen=True)
class Member:
    """A run with what an experiment said of it, if it came from one."""

    stored: Stored
    label: str
    origin: Path


@dataclass(frozen=True)
class Group:
    """Runs that stand on one side, in the order of time; `label` is unique."""

    label: str
    members: tuple[Member, ...]


def given(sides: Sequence[tuple[str, Sequence[Path]]], problems: list[Problem]) -> list[Group]:
    """Return the sides that somebody named, such as base and head, with the runs of each; where their targets differ, those
    are the labels.
    """
    read = {label: _read(paths, problems) for label, paths in sides}
    targets = {label: list(dict.fromkeys(one.label for one in members)) for label, members in read.items()}
    for label, names in targets.items():
        if len(names) > 1:
            cure = "Name the run folders of one target; those of an experiment lie below its rounds/."
            problems.append(Problem(f"--{label}", f"holds runs of several targets: {', '.join(names)}.", cure))
    firsts = [names[0] for names in targets.values() if names]
    labels = {label: names[0] if len(set(firsts)) == len(sides) else label for label, names in targets.items() if names}
    doubled = [
        name for name, number in _counts([one for members in read.values() for one in members]).items() if number > 1
    ]
    if doubled:
        problems.append(Problem("RUN", f"stands on both sides or twice: {', '.join(doubled)}.", "Name each run once."))
    return [Group(labels[label], tuple(members)) for label, members in read.items() if members]


def found(paths: Sequence[Path], problems: list[Problem]) -> list[Group]:
    """Return the sides that paths stand for: the runs of each target are one. Two paths of one target are a side each."""
    members = _read(paths, problems)
    doubled = [name for name, number in _counts(members).items() if number > 1]
    if doubled:
        problems.append(Problem("RUN", f"named twice: {', '.join(doubled)}.", "Name each run once."))
    labels = list(dict.fromkeys(one.label for one in members))
    if len(labels) > 1:
        return [Group(label, tuple(one for one in members if one.label == label)) for label in labels]
    origins = list(dict.fromkeys(one.origin for one in members))
    if len(origins) == 2:
        return [
            Group(f"{place}: {one.name}", tuple(m for m in members if m.origin == one))
            for place, one in zip("AB", origins, strict=True)
        ]
    if members:
        cure = "Say which are which: --base RUN... --head RUN...; or name runs of several targets."
        problems.append(Problem("RUN", f"all runs are of {labels[0]}, so there is nothing to compare.", cure))
    return []


def record_facts(groups: Sequence[Group], folder: ExperimentFolder) -> dict[str, Any]:
    """Return what an experiment's record says of these groups: runs with the same seed are pairs, in the order of time.

    The second run with a seed on one side belongs to the second with it on the other. A run without a partner has a pair
    of its own.
    """
    pairs: dict[tuple[str, int, int], int] = {}
    rounds: list[Round] = []
    for group in groups:
        times: dict[tuple[str, int], int] = defaultdict(int)
        for member in group.members:
            one = member.stored
            key = (one.summary.scenario, one.summary.seed)
            pair = pairs.setdefault((*key, times[key]), len(pairs))
            times[key] += 1
            rounds.append(
                Round(
                    scenario=one.summary.scenario,
                    pair=pair,
                    order=0,
                    side=group.label,
                    seed=one.summary.seed,
                    folder=_where(one.path, folder),
                    exit_code=one.summary.exit_code,
                    valid=one.valid,
                    why=one.why,
                )
            )
    created = {_where(m.stored.path, folder): m.stored.record.created for group in groups for m in group.members}
    in_time = sorted(rounds, key=lambda one: created[one.folder])
    return {
        "scenarios": list(dict.fromkeys(one.scenario for one in rounds)),
        "sides": [_side(group) for group in groups],
        "pairs": 0,
        "seed": min((one.seed for one in rounds), default=0),
        "rounds": [one.model_copy(update={"order": place}) for place, one in enumerate(in_time)],
    }


def _side(group: Group) -> Side:
    plan = group.members[0].stored.record.plan.target
    settings = {key: str(value) for key, value in plan.settings.items()}
    return Side(label=group.label, target=group.members[0].stored.target, settings=settings)


def _read(paths: Iterable[Path], problems: list[Problem]) -> list[Member]:
    members: list[Member] = []
    for path in paths:
        if not is_experiment(path):
            stored = read_run(path, problems)
            members += [Member(stored, stored.target, path)] if stored is not None else []
            continue
        record = read_experiment(path, problems)
        folder = ExperimentFolder(path)
        for one in sorted(record.rounds, key=lambda one: one.order) if record is not None else []:
            checked, stored = read_round(folder, one)
            run = folder.run(one)
            if stored is None and one.valid and run is not None:
                cure = f"`bench report {run.path}` reads the run again; or name the runs without it."
                problems.append(Problem(str(run.path), f"{checked.why}.", cure))
            if stored is not None:
                kept = Stored(stored.path, stored.record, stored.summary, checked.valid, checked.why)
                members.append(Member(kept, one.side, path))
    return members


def _counts(members: Sequence[Member]) -> dict[str, int]:
    counts: dict[str, int] = defaultdict(int)
    for member in members:
        counts[str(member.stored.path.resolve())] += 1
    return {Path(path).name: count for path, count in counts.items()}


def _where(path: Path, folder: ExperimentFolder) -> str:
    """Return the way from the experiment's folder to a run, so that both may be moved together."""
    return os.path.relpath(path.resolve(), folder.path.resolve())
