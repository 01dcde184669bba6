"""One load process as its parent sees it: what it said last, and what it is told."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from pathlib import Path
from typing import Any, Final

from gatebench.execution.process import Child

_LONGEST_LINE: Final = 65536
_LOG_LINES: Final = 12


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
        self._heard_s = 0.0
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

    def is_lost(self) -> bool:
        """Tell whether it is gone before it had finished, or with an exit code that says so."""
        code = self.child.poll()
        if code is None:
            return False
        self._listener.join(1.0)  # its last words may still be in the pipe
        return code != 0 or self.finished is None

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
            now_s = time.monotonic()
            sent = message["progress"]["sent"]
            if self._heard_s:
                self.rate_per_s = (sent - self.progress.get("sent", 0)) / max(now_s - self._heard_s, 1e-3)
            self._heard_s = now_s
            self.progress = message["progress"]
        elif "master_port" in message:
            self.master_port = int(message["master_port"])
        elif "ready" in message:
            self.ready.set()
        elif "finished" in message:
            self.finished = message["finished"]
