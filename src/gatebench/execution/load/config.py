"""What a load process is told before it starts: one file, written by the engine, read once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from gatebench.plan import Endpoint, Plan

Role = Literal["local", "master", "worker"]


class WorkerConfig(BaseModel):
    """One load process. Extra headers are not here: they may hold secrets and come over stdin, not through the folder.

    `endpoints` are where the requests of each lane go (by its name; at least "target"), `worker` is the position of this
    process in the schedule's division (`gatebench.schedule.share`), `stream_path` its samples, `facts_path` what it says of
    itself at the end, `trace_path` the rows of a trace that is replayed. `parts_path` is where a master puts what workers
    on other machines send.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    role: Role
    plan: Plan
    endpoints: dict[str, Endpoint] = Field(min_length=1)
    worker: int = Field(default=0, ge=0)
    stream_path: Path | None = None
    facts_path: Path | None = None
    trace_path: Path | None = None
    parts_path: Path | None = None

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

    def for_guest(self, worker: int) -> str:
        """Return what a worker on another machine is told: everything but paths, which are its own affair."""
        paths = {"stream_path": None, "facts_path": None, "parts_path": None}
        return self.model_copy(update={"role": "worker", "worker": worker, **paths}).model_dump_json()

    @classmethod
    def of_guest(cls, text: str, folder: Path, allow_remote: tuple[str, ...]) -> Self:
        """Read what `for_guest` wrote. Where load may go is not the master's to say: `allow_remote` is this machine's."""
        told = json.loads(text)
        worker = told["worker"]
        told["plan"]["allow_remote"] = allow_remote
        told |= {
            "stream_path": str(folder / f"samples-{worker}.arrow"),
            "facts_path": str(folder / f"load-{worker}.json"),
        }
        return cls.model_validate_json(json.dumps(told))

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a file written by `write`."""
        return cls.model_validate_json(path.read_bytes())

    def write(self, path: Path) -> None:
        """Write the file for `read`."""
        path.write_text(self.model_dump_json())
