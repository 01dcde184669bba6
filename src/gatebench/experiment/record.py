"""An experiment on disk: its rounds in the order they were made, and the run folders below it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from gatebench.run.folder import RunFolder, fresh_folder, write_atomically
from gatebench.run.summary import Summary
from gatebench.suite import Suite

EXPERIMENT_SCHEMA = "gatebench.experiment/1"

Kind = Literal["rounds", "compare", "gate", "aa"]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=True)


class Side(_Part):
    """One of what is compared: its label (unique here), the target as it was asked for, and its settings."""

    label: str
    target: str
    settings: dict[str, str] = Field(default_factory=dict)


class Round(_Part):
    """One run of an experiment: `pair` counts from 0 and shares a seed, `order` is its place in time.

    `folder` is relative to the experiment's folder (or absolute, of a run that was made elsewhere); empty when the run
    has none. `valid` says whether its numbers count; `why` is the reason when they do not.
    """

    scenario: str
    pair: int
    order: int
    side: str
    seed: int
    folder: str = ""
    exit_code: int
    valid: bool
    why: str = ""
    took_s: float = 0.0


class ExperimentRecord(_Part):
    """What experiment.json holds."""

    schema_version: str = Field(default=EXPERIMENT_SCHEMA, alias="schema")
    id: str
    kind: Kind
    created: str
    command: list[str]
    status: Literal["running", "finished", "interrupted", "failed"] = "running"
    scenarios: list[str]
    sides: list[Side]
    pairs: int = Field(description="pairs that were asked for, of each scenario")
    seed: int = Field(description="of the first pair; each further one adds 1")
    rounds: list[Round] = Field(default_factory=list)
    suite: Suite | None = Field(
        default=None, description="the questions that the scenarios answer, if they are a suite's"
    )
    not_applicable: dict[str, dict[str, str]] = Field(
        default_factory=dict, description="by scenario and side: why it is not played there"
    )
    floor: list[Round] = Field(default_factory=list, description="the same scenarios on the null target, made first")
    result: dict[str, Any] = Field(default_factory=dict, description="what the kind of experiment found")


class ExperimentFolder:
    """One experiment on disk."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def create(cls, root: Path, kind: Kind, name: str) -> ExperimentFolder:
        """Make a fresh folder below `root`, named by time, kind and `name`."""
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        return cls(fresh_folder(root, f"{stamp}-{kind}-{name}"))

    def new_record(self, kind: Kind, command: list[str], **facts: Any) -> ExperimentRecord:
        """Return the record of an experiment that is about to begin, already written."""
        created = datetime.now(UTC).isoformat(timespec="milliseconds")
        record = ExperimentRecord(id=self.path.name, kind=kind, created=created, command=command, **facts)
        self.save(record)
        return record

    @property
    def report(self) -> Path:
        """The HTML report of the whole experiment."""
        return self.path / "report.html"

    def save(self, record: ExperimentRecord) -> None:
        """Write experiment.json in one step."""
        write_atomically(self.path / "experiment.json", record.model_dump_json(by_alias=True, indent=1))

    def load(self) -> ExperimentRecord:
        """Read experiment.json; FileNotFoundError or pydantic.ValidationError when it is none of ours."""
        return ExperimentRecord.model_validate_json((self.path / "experiment.json").read_text(encoding="utf-8"))

    def run(self, one: Round) -> RunFolder | None:
        """Return the run folder of a round, if it has one."""
        return RunFolder(self.path / one.folder) if one.folder else None

    def summary(self, one: Round) -> Summary | None:
        """Return the reading of a round, if it has one."""
        folder = self.run(one)
        path = folder.path / "summary.json" if folder else None
        if path is None or not path.is_file():
            return None
        return Summary.model_validate_json(path.read_text(encoding="utf-8"))
