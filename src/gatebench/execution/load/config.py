"""What a load process is told before it starts: one file, written by the engine, read once."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from gatebench.plan import Endpoint, Plan

Role = Literal["local", "master", "worker"]


class WorkerConfig(BaseModel):
    """One load process. Extra headers are not here: they may hold secrets and come over stdin, not through the folder.

    `endpoints` are where the requests of each lane go (by its name; at least "target"), `worker` is the position of this
    process in the schedule's division (`gatebench.schedule.share`), `stream_path` its samples, `facts_path` what it says of
    itself at the end, `trace_path` the rows of a trace that is replayed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    role: Role
    plan: Plan
    endpoints: dict[str, Endpoint] = Field(min_length=1)
    worker: int = Field(default=0, ge=0)
    stream_path: Path | None = None
    facts_path: Path | None = None
    trace_path: Path | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        problems = []
        if self.role != "master" and (self.stream_path is None or self.facts_path is None):
            problems.append(f'the role "{self.role}" needs "stream_path" and "facts_path"')
        if self.worker >= self.plan.load.workers:
            problems.append(f'"worker" {self.worker} is beyond the plan\'s {self.plan.load.workers}')
        if problems:
            raise ValueError("; ".join(problems))
        return self

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a file written by `write`."""
        return cls.model_validate_json(path.read_bytes())

    def write(self, path: Path) -> None:
        """Write the file for `read`."""
        path.write_text(self.model_dump_json())
