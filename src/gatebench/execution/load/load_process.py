"""One load process as its parent sees it: what it said last, and what it is told."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from gatebench.execution.load.state import LostProcess
from gatebench.execution.process import Child
from gatebench.run.folder import WorkerRecord

_LONGEST_LINE: Final = 65536
_LOG_LINES: Final = 12


class Pace:
    """The rate between two counts."""

    def __init__(self) -> None:
        self._heard_s = 0.0
        self._sent = 0

    def after(self, sent: int) -> float | None:
        """Return the rate since the last count, per second; None at the first."""
        now_s = time.monotonic()
        rate = (sent - self._sent) / max(now_s - self._heard_s, 1e-3) if self._heard_s else None
        self._heard_s, self._sent = now_s, sent
        return rate


class LoadProcess:
    """Listens to a child in a thread of its own and keeps only the last of each kind of word, so memory stays bounded."""

    def __init__(self, child: Child, log: Path) -> None:
        self.child = child
        self.ready = threading.Event()
        self.master_port: int | None = None
        self.progress: dict[str, Any] = {}
        self.finished: dict[str, Any] | None = None
        self.rate_per_s: float | None = None
        self._log = log
        self._pace = Pace()
        self._listener = threading.Thread(target=self._listen, name=f"listens to {child.name}", daemon=True)
        self._listener.start()

    def tell(self, **message: Any) -> None:
        """Say one line; a process that is gone does not hear it, and is found lost by whoever looks."""
        if self.child.stdin is not None:
            with contextlib.suppress(OSError, ValueError):
                self.child.stdin.write(json.dumps(message).encode() + b"\n")
                self.child.stdin.flush()

    def is_over(self) -> bool:
        """Tell whether it is gone, orderly or not."""
        return self.child.poll() is not None

    def lost(self) -> LostProcess | None:
        """Return how it was lost, when it is gone before it had finished, or with an exit code that says so."""
        code = self.child.poll()
        if code is None:
            return None
        self._listener.join(1.0)  # its last words may still be in the pipe
        return LostProcess(self.child.name, self.child.pid, code) if code != 0 or self.finished is None else None

    def log_tail(self) -> list[str]:
        """Return the last lines it wrote to its log."""
        with contextlib.suppress(OSError):
            return self._log.read_text(errors="replace").splitlines()[-_LOG_LINES:]
        return []

    def _listen(self) -> None:
        """Hear the child out, to the end of its pipe: it is gone then, and both pipes are closed."""
        stdin, stdout = self.child.stdin, self.child.stdout
        while stdout is not None and (line := stdout.readline(_LONGEST_LINE)):
            with contextlib.suppress(ValueError):
                message = json.loads(line)
                if isinstance(message, dict):
                    self._hear(message)
        for pipe in (stdin, stdout):
            if pipe is not None:
                pipe.close()

    def _hear(self, message: dict[str, Any]) -> None:
        if "progress" in message:
            self.progress = message["progress"]
            self.rate_per_s = self._pace.after(self.progress["sent"])
        elif "master_port" in message:
            self.master_port = int(message["master_port"])
        elif "ready" in message:
            self.ready.set()
        elif "finished" in message:
            self.finished = message["finished"]


class MasterProcess(LoadProcess):
    """The master, and through it the workers on other machines (`far`, by their number) and every worker's record."""

    def __init__(self, child: Child, log: Path, remote: Iterable[int]) -> None:
        self.far = {worker: FarWorker(worker, self) for worker in remote}
        self.records: dict[int, WorkerRecord] = {}
        self.joined: set[int] = set()
        self.stopping = False
        self.refusals: list[str] = []
        super().__init__(child, log)

    def _hear(self, message: dict[str, Any]) -> None:
        if "remote" in message:
            told = message["remote"]
            self.far[int(told["worker"])].hear(told)
        elif "record" in message:
            record = WorkerRecord.model_validate(message["record"])
            self.records[record.worker] = record
        elif "joined" in message:
            self.joined.add(int(message["joined"]))
        elif "refused" in message:
            self.refusals.append(str(message["refused"]))
        else:
            super()._hear(message)


class FarWorker:
    """A worker on another machine, as far as the master has told."""

    def __init__(self, worker: int, master: MasterProcess) -> None:
        self.name = f"load-{worker}"
        self._worker = worker
        self.progress: dict[str, Any] = {}
        self.rate_per_s: float | None = None
        self._master = master
        self._pace = Pace()
        self._finished = False
        self._why: str | None = None

    def hear(self, told: Mapping[str, Any]) -> None:
        """Take in one word of the master's."""
        if "progress" in told:
            self.progress = told["progress"]
            self.rate_per_s = self._pace.after(self.progress["sent"])
        elif "lost" in told:
            self._why = str(told["lost"])
        elif "finished" in told:
            self._finished = True

    def is_over(self) -> bool:
        """Tell whether it has finished, or nobody can tell us any more, or it need not begin any more."""
        return self._finished or self._why is not None or self._master.is_over() or self._never_began()

    def lost(self) -> LostProcess | None:
        """Return how it was lost."""
        if self._finished or self._never_began() or not self.is_over():
            return None
        return LostProcess(self.name, 0, None, self._why or "its master is gone")

    def _never_began(self) -> bool:
        return self._master.stopping and self._worker not in self._master.records
