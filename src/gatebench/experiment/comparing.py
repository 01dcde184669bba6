"""An experiment as a comparison: reads its rounds, says what they show, and writes its report."""

from __future__ import annotations

import os
from pathlib import Path

from gatebench.analysis.comparison.comparison import Comparison, compare
from gatebench.analysis.comparison.material import Material, Party, Taken
from gatebench.content import Content
from gatebench.errors import Problem
from gatebench.experiment.record import ExperimentFolder, ExperimentRecord, Round
from gatebench.experiment.stored import read_experiment, read_round


def material(folder: ExperimentFolder, record: ExperimentRecord, beside: Path | None = None) -> Material:
    """Read every round of an experiment; links lead from `beside` (default: its own report's folder) to the rounds' reports."""
    start = beside or folder.path
    return Material(
        id=record.id,
        kind=record.kind,
        created=record.created,
        command=tuple(record.command),
        status=record.status,
        scenarios=tuple(record.scenarios),
        parties=tuple(Party(side.label, side.target, side.settings) for side in record.sides),
        pairs=record.pairs,
        seed=record.seed,
        taken=tuple(_taken(folder, one, start) for one in record.rounds),
        floor=tuple(_taken(folder, one, start) for one in record.floor),
        notes=tuple(str(note) for note in record.result.get("notes", [])),
        suite=record.suite,
        not_applicable=record.not_applicable,
    )


def conclude(folder: ExperimentFolder, record: ExperimentRecord) -> Comparison:
    """Compare what was made, put the verdict into the record, and write the report into the experiment's folder."""
    from gatebench.analysis.report.comparison import write_comparison

    found = compare(material(folder, record))
    record.result |= {"sentence": found.verdict.sentence, "exit_code": found.verdict.exit_code}
    folder.save(record)
    write_comparison(found, folder.report)
    return found


def rebuild(
    path: Path, problems: list[Problem], out: Path | None = None, content: Content | None = None
) -> Comparison | None:
    """Write the report of an experiment again, from its folder; to `out` instead when that is given. None: `problems` says why."""
    from gatebench.analysis.report.comparison import write_comparison

    record = read_experiment(path, problems)
    if record is None:
        return None
    folder = ExperimentFolder(path)
    found = compare(material(folder, record, out.resolve().parent if out else None))
    write_comparison(found, out or folder.report, content)
    return found


def _taken(folder: ExperimentFolder, one: Round, start: Path) -> Taken:
    checked, stored = read_round(folder, one)
    run = folder.run(one)
    link = ""
    if run is not None and run.report.is_file():
        link = os.path.relpath(run.report.resolve(), start.resolve()).replace(os.sep, "/")
    return Taken(
        scenario=checked.scenario,
        side=checked.side,
        pair=checked.pair,
        order=checked.order,
        seed=checked.seed,
        name=run.path.name if run is not None else "",
        valid=checked.valid,
        why=checked.why,
        link=link,
        took_s=checked.took_s,
        record=stored.record if stored is not None else None,
        summary=stored.summary if stored is not None else None,
    )
