"""A worker as its master knows it: its seat, what it said of itself, its clock, and the rows that came from afar."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from gatebench.alignment import Alignment, Exchange, Reading, align
from gatebench.execution.load.joining import Silence, differences
from gatebench.execution.load.machine import told
from gatebench.run.folder import WorkerRecord, write_atomically

_MOMENTS: Final = ("t0_ns", "stopped_ns")


@dataclass
class Member:
    """One worker that was let in. `worker` is its seat: its position in the schedule's division."""

    client_id: str
    worker: int
    remote: bool
    one_clock: bool
    facts: Mapping[str, Any]
    seated: bool = False
    manned: bool = False
    over: bool = False
    silence: Silence = field(default_factory=Silence)
    before: Reading | None = None
    after: Reading | None = None
    between: list[Exchange] = field(default_factory=list)

    def alignment(self) -> Alignment:
        """Return how its times become the run's, as far as is known by now."""
        if self.before is None:
            return Alignment(same=self.one_clock)
        return align(self.before, self.after, self.between, one_clock=self.one_clock)

    def begins_at(self, t0_ns: int) -> int:
        """Return the schedule's zero on its own clock."""
        clock = self.alignment()
        return t0_ns if clock.same else t0_ns + clock.offset_ns

    def record(self, ours: Mapping[str, Any]) -> WorkerRecord:
        """Return what run.json says of it; `ours` are the facts of the master's machine."""
        return WorkerRecord(
            worker=self.worker,
            place="remote" if self.remote else "local",
            differs=list(differences(ours, self.facts)),
            clock=self.alignment(),
            **told(self.facts),
        )


class Inbox:
    """The stream and the facts of a worker on another machine, written here as they come."""

    def __init__(self, parts: Path, worker: int) -> None:
        self.size = 0
        self._stream = parts / f"samples-{worker}.arrow"
        self._facts = parts / f"load-{worker}.json"

    def take(self, offset: int, data: bytes) -> int:
        """Append `data` if it is what comes next; returns how much is here, so that the sender knows where to go on."""
        if offset == self.size:
            with self._stream.open("ab") as file:
                file.write(data)
            self.size += len(data)
        return self.size

    def finish(self, facts: Mapping[str, Any], clock: Alignment) -> dict[str, Any]:
        """Write the worker's facts, its moments on the run's clock, and return them."""
        found = dict(facts)
        for name in _MOMENTS:
            if isinstance(found.get(name), int):
                found[name] = int(clock.to_run(np.array([found[name]], dtype=np.int64))[0])
        write_atomically(self._facts, json.dumps(found, indent=1))
        return found
