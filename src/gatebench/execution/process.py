"""The promise between whoever starts processes and whoever needs them: how to start a child, and what it is then."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Protocol


class Child(Protocol):
    """A process that was started. `stdin` and `stdout` are pipes when it was started with `pipes=True`, else None."""

    @property
    def name(self) -> str:
        """The name it was started under, as in `load-0`."""

    @property
    def pid(self) -> int:
        """Its process id."""

    @property
    def stdin(self) -> IO[bytes] | None:
        """Where to write to it."""

    @property
    def stdout(self) -> IO[bytes] | None:
        """Where to read from it."""

    def poll(self) -> int | None:
        """Return its exit code (negative: the signal that ended it), or None while it runs."""


class StartProcess(Protocol):
    """Starts children."""

    def start(
        self,
        name: str,
        argv: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        log: Path,
        pipes: bool = False,
    ) -> Child:
        """Start `argv` and return at once; a GatebenchError when the program cannot be started.

        Its stderr (and, without `pipes`, its stdout) goes to `log`; `env` is added to the environment.
        """
