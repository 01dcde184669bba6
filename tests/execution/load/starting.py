"""Starts load processes for tests, the way the guardian does for a run."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO


@dataclass
class PipedChild:
    """A process over `subprocess`, which knows its name."""

    name: str
    process: subprocess.Popen[bytes]

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def stdin(self) -> IO[bytes] | None:
        return self.process.stdin

    @property
    def stdout(self) -> IO[bytes] | None:
        return self.process.stdout

    def poll(self) -> int | None:
        return self.process.poll()


class PlainStart:
    """Starts children with `subprocess`, and ends in `close` the ones that still run."""

    def __init__(self) -> None:
        self.children: dict[str, PipedChild] = {}
        self._files = ExitStack()

    def start(
        self,
        name: str,
        argv: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        log: Path,
        pipes: bool = False,
    ) -> PipedChild:
        stderr = self._files.enter_context(log.open("ab"))
        pipe = subprocess.PIPE if pipes else subprocess.DEVNULL
        process = subprocess.Popen(
            list(argv), env={**os.environ, **(env or {})}, cwd=cwd, stdin=pipe, stdout=pipe, stderr=stderr
        )
        self.children[name] = PipedChild(name, process)
        return self.children[name]

    def close(self) -> None:
        for child in self.children.values():
            if child.poll() is None:
                child.process.kill()
            child.process.wait()
            for end in (child.stdin, child.stdout):
                if end is not None:
                    end.close()
        self._files.close()
