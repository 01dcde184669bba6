"""Reads runs and experiments that were made before: what is damaged, newer than we are or not to be trusted is said, never guessed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from gatebench.errors import Problem
from gatebench.experiment.record import EXPERIMENT_SCHEMA, ExperimentFolder, ExperimentRecord, Round
from gatebench.run.folder import RUN_SCHEMA, SUMMARY_SCHEMA, RunFolder, RunRecord
from gatebench.run.summary import Summary

_Document = TypeVar("_Document", bound=BaseModel)


@dataclass(frozen=True)
class Stored:
    """A run on disk; `valid` says whether its numbers may be compared, `why` why not."""

    path: Path
    record: RunRecord
    summary: Summary
    valid: bool
    why: str = ""

    @property
    def target(self) -> str:
        """The target as the command line names it: NAME, NAME:PROFILE or a URL."""
        plan = self.record.plan.target
        return plan.name if plan.profile == "default" else f"{plan.name}:{plan.profile}"


def is_experiment(path: Path) -> bool:
    """Return whether the folder is one of an experiment rather than of one run."""
    return (path / "experiment.json").is_file()


def read_run(path: Path, problems: list[Problem]) -> Stored | None:
    """Read one run folder; None when its numbers cannot be had at all, and `problems` then says why, each with its cure."""
    if not path.is_dir():
        problems.append(Problem(str(path), "there is no such folder.", "`bench ls runs` lists the runs."))
        return None
    read_again = f"`bench report {path}` reads the run again, from its tables."
    before = len(problems)
    record = read_document(
        path / "run.json", RunRecord, RUN_SCHEMA, "Without the plan of a run nothing can be compared.", problems
    )
    summary = read_document(path / "summary.json", Summary, SUMMARY_SCHEMA, read_again, problems)
    if record is None or summary is None:
        return None
    if (summary.scenario, summary.seed) != (record.plan.scenario, record.plan.seed):
        problems.append(Problem(str(path), "its summary.json is that of another run than its run.json.", read_again))
    if len(problems) > before:
        return None
    why = _distrust(record, summary) or truncated(RunFolder(path))
    return Stored(path, record, summary, not why, why)


def read_experiment(path: Path, problems: list[Problem]) -> ExperimentRecord | None:
    """Read experiment.json; None when that cannot be done, and `problems` then says why."""
    cure = "Its rounds are run folders of their own: name those instead."
    return read_document(path / "experiment.json", ExperimentRecord, EXPERIMENT_SCHEMA, cure, problems)


def read_round(folder: ExperimentFolder, one: Round) -> tuple[Round, Stored | None]:
    """Read the run of a round. A round that counted and whose run can no longer be read does not count any more, and says so."""
    run = folder.run(one)
    if run is None:
        return one, None
    found: list[Problem] = []
    stored = read_run(run.path, found)
    if stored is None and one.valid:
        return one.model_copy(update={"valid": False, "why": _sentence(found[0])}), None
    if stored is not None and one.valid and not stored.valid:
        return one.model_copy(update={"valid": False, "why": stored.why}), stored
    return one, stored


def read_document(
    path: Path, model: type[_Document], schema: str, cure: str, problems: list[Problem]
) -> _Document | None:
    """Read a JSON document of ours; one that is missing, damaged or of a newer schema is a problem and None."""
    where = str(path)
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        problems.append(Problem(where, "is not there.", cure))
        return None
    except (OSError, ValueError) as error:
        problems.append(Problem(where, f"cannot be read ({type(error).__name__}): it is damaged or cut short.", cure))
        return None
    written = str(raw.get("schema")) if isinstance(raw, dict) else "None"
    if _newer(written, schema):
        update = "Update gatebench, or compare with the version that wrote it."
        problems.append(
            Problem(where, f"was written by a newer gatebench: {written}; this one reads {schema}.", update)
        )
        return None
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the document"
        what = f"is damaged or of another version: {place}: {first['msg']}."
        problems.append(Problem(where, what, cure))
        return None


def truncated(folder: RunFolder) -> str:
    """Return a sentence when one of the run's tables is there but cannot be opened; a table that is not there is no damage."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    for path in (folder.samples, folder.attempts):
        if not path.is_file():
            continue
        try:
            pq.read_metadata(path)
        except (pa.ArrowException, OSError):
            return f"{path.name} is damaged or cut short, so its summary can no longer be checked against its rows"
    return ""


def _newer(written: str, ours: str) -> bool:
    name, _, version = written.partition("/")
    own_name, _, own = ours.partition("/")
    return name == own_name and version.isdigit() and int(version) > int(own)


def _distrust(record: RunRecord, summary: Summary) -> str:
    if summary.verdict == "invalid":
        return next(iter(summary.reasons), "the run is invalid")
    if summary.deaths:
        return summary.deaths[0]
    if record.status != "finished":
        return f"the run is {record.status}, not finished"
    return ""


def _sentence(problem: Problem) -> str:
    return f"{Path(problem.where).name} {problem.what}".rstrip(".")
