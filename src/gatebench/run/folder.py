"""The run folder and its files: written plan first, then tables as they come, then analysis."""

from __future__ import annotations

import json
import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from gatebench.alignment import Alignment
from gatebench.plan import Plan

RUN_SCHEMA = "gatebench.run/1"
SUMMARY_SCHEMA = "gatebench.summary/1"

Status = Literal["planned", "running", "finished", "stopped", "interrupted", "failed"]


class Clock(BaseModel):
    """Ties the machine's monotonic clock to the calendar. `load_start_ns` is None until the load began."""

    model_config = ConfigDict(extra="forbid")

    monotonic_ns: int
    unix_ns: int
    load_start_ns: int | None = None
    load_end_ns: int | None = None


class WorkerRecord(BaseModel):
    """A load worker: where it ran (`host` is a digest of the machine's boot), with which versions, and its clock.

    `differs` says in words what differs from the machine that made the run.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    worker: int
    place: Literal["local", "remote"]
    host: str | None = None
    gatebench: str | None = None
    locust: str | None = None
    gevent: str | None = None
    python: str | None = None
    system: str | None = None
    architecture: str | None = None
    cores: int | None = None
    differs: list[str] = Field(default_factory=list)
    clock: Alignment


class RunRecord(BaseModel):
    """What run.json holds: the plan, the provenance, and what became of it."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    schema_version: str = Field(default=RUN_SCHEMA, alias="schema")
    id: str
    status: Status = "planned"
    created: str
    plan: Plan
    command: list[str] = Field(default_factory=list)
    provenance: dict[str, Any] = Field(default_factory=dict)
    clock: Clock
    topology: dict[str, Any] = Field(default_factory=dict)
    workers: list[WorkerRecord] = Field(default_factory=list)
    trouble: list[str] = Field(default_factory=list)


class RunFolder:
    """One run on disk. Opening never creates; `create` does."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def create(cls, root: Path, plan: Plan) -> RunFolder:
        """Make a fresh folder below `root`, named by time, scenario and target."""
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        target = plan.target.name if plan.target.is_ours else "unix" if plan.target.unix else "url"
        if plan.target.profile != "default":
            target += f"-{plan.target.profile}"
        path = fresh_folder(root, f"{stamp}-{plan.scenario}-{target}")
        for name in ("parts", "logs", "work"):
            (path / name).mkdir()
        return cls(path)

    @property
    def parts(self) -> Path:
        """The streams of each process, as they came."""
        return self.path / "parts"

    @property
    def logs(self) -> Path:
        """What each process said."""
        return self.path / "logs"

    @property
    def work(self) -> Path:
        """Configurations and the target's scratch directory."""
        return self.path / "work"

    @property
    def samples(self) -> Path:
        """The assembled table of requests."""
        return self.path / "samples.parquet"

    @property
    def attempts(self) -> Path:
        """The assembled table of arrivals at providers."""
        return self.path / "attempts.parquet"

    @property
    def series(self) -> Path:
        """CPU, memory, descriptors and threads of every process over time."""
        return self.path / "series.parquet"

    @property
    def trace(self) -> Path:
        """The rows of the trace that was replayed; there is none for other loads."""
        return self.path / "trace.npz"

    @property
    def report(self) -> Path:
        """The HTML report."""
        return self.path / "report.html"

    def new_record(self, plan: Plan, command: list[str], provenance: dict[str, Any]) -> RunRecord:
        """Return the record of a run that is about to begin, already written."""
        clock = Clock(monotonic_ns=time.monotonic_ns(), unix_ns=time.time_ns())
        created = datetime.now(UTC).isoformat(timespec="milliseconds")
        record = RunRecord(
            id=self.path.name, created=created, plan=plan, command=command, provenance=provenance, clock=clock
        )
        self.save(record)
        return record

    def save(self, record: RunRecord) -> None:
        """Write run.json in one step: a reader sees the old or the new one, never half."""
        write_atomically(self.path / "run.json", record.model_dump_json(by_alias=True, indent=1))

    def load(self) -> RunRecord:
        """Read run.json; FileNotFoundError or pydantic.ValidationError when it is no run of ours."""
        return RunRecord.model_validate_json((self.path / "run.json").read_text(encoding="utf-8"))

    def event(self, name: str, /, at_ns: int | None = None, **facts: Any) -> int:
        """Append one event to events.jsonl and return its monotonic time."""
        at_ns = time.monotonic_ns() if at_ns is None else at_ns
        line = json.dumps({"at_ns": at_ns, "event": name, **facts}, default=str) + "\n"
        descriptor = os.open(self.path / "events.jsonl", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            os.write(descriptor, line.encode())
        finally:
            os.close(descriptor)
        return at_ns

    def events(self) -> list[dict[str, Any]]:
        """Read events.jsonl in time order; torn and damaged lines are left out."""
        path = self.path / "events.jsonl"
        if not path.exists():
            return []
        found = []
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                event = json.loads(line)
            except json.JSONDecodeError:
                continue
            if isinstance(event, dict) and isinstance(event.get("at_ns"), int):
                found.append(event)
        return sorted(found, key=lambda event: int(event["at_ns"]))


def fresh_folder(root: Path, stem: str) -> Path:
    """Make a folder below `root` that was not there before: `stem`, or `stem-2` and so on."""
    number = 1
    while True:
        path = root / (stem if number == 1 else f"{stem}-{number}")
        try:
            path.mkdir(parents=True)
        except FileExistsError:
            number += 1
        else:
            return path


def write_atomically(path: Path, text: str) -> None:
    """Write a file so that a crash leaves the old content or the new, never a part."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)
