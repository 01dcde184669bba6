"""Runs a command that must not outlive us, whatever ends us: `python leash.py COMMAND…`.

The command and whatever it starts are one process group, led by a process that holds one end of a pipe to us. When our end closes,
which the kernel sees to even if we are killed, it kills the group.
"""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Final

_NOT_STARTED: Final = 127


class Leashed:
    """A command on its way; its output goes where it is told, or into a pipe."""

    def __init__(
        self,
        command: Sequence[str],
        cwd: Path,
        output: int | IO[bytes] = subprocess.PIPE,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Start it. Raises OSError when there is no such program, or it may not be started."""
        search = None if environment is None else environment.get("PATH")
        if os.sep not in command[0] and shutil.which(command[0], path=search) is None:
            raise FileNotFoundError(2, "No such file or directory", command[0])
        if os.sep in command[0] and not os.access(cwd / command[0], os.X_OK):
            there = (cwd / command[0]).exists()
            raise (
                PermissionError(13, "Permission denied") if there else FileNotFoundError(2, "No such file or directory")
            )
        self.process = subprocess.Popen(
            [sys.executable, "-P", __file__, *command],  # by its file: the folder it runs in may hold anything
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            cwd=cwd,
            env=environment,
        )

    def lines(self) -> Iterator[str]:
        """Yield its output line by line, as it comes. Carriage returns begin a line, too: progress is told with them."""
        if self.process.stdout is not None:
            yield from io.TextIOWrapper(self.process.stdout, errors="replace")

    def kill(self) -> None:
        """Kill it and whatever it started."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)

    def end(self) -> None:
        """Kill what is left of it, and close our ends of its pipes."""
        self.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()


def main(command: list[str]) -> int:
    """Run the command and return how it ended; kill it, and ourselves, as soon as nobody holds the other end of our input."""

    def follow() -> None:
        os.read(0, 1)
        os.killpg(0, signal.SIGKILL)

    threading.Thread(target=follow, daemon=True).start()
    try:
        code = subprocess.run(command, stdin=subprocess.DEVNULL, check=False).returncode
    except OSError as error:
        sys.stderr.write(f"{command[0]} cannot be started: {error.strerror}\n")
        return _NOT_STARTED
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
