"""Runs a command that must not outlive us, whatever ends us: `python leash.py COMMAND…`.

The command and whatever it starts are one session, led by a process that holds one end of a pipe to us. When our end closes,
which the kernel sees to even if we are killed, it kills the session. Only what makes a session of its own gets away.
"""

from __future__ import annotations

import contextlib
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
_ROUNDS: Final = 10
"""So often the session is looked through: what was about to be started when it was killed may have come since."""


class Leashed:
    """A command on its way; its output goes where it is told, or into a pipe."""

    def __init__(
        self,
        command: Sequence[str],
        cwd: Path,
        output: int | IO[bytes] = subprocess.PIPE,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Start it. Raises OSError when there is no such program, or it may not be started; what the kernel cannot make a program of
        ends with 127.
        """
        if not _there(command[0], cwd, environment):
            raise FileNotFoundError(2, "No such file or directory", command[0])
        if os.sep in command[0] and not os.access(cwd / command[0], os.X_OK):
            raise PermissionError(13, "Permission denied", command[0])
        self.process = subprocess.Popen(
            # by its file and by itself: neither the folder it runs in nor the environment of the command may lend it a module
            [sys.executable, "-I", "-S", __file__, *command],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
            cwd=cwd,
            env=environment,
        )

    def lines(self) -> Iterator[str]:
        """Yield its output line by line, as it comes. Carriage returns begin a line, too: progress is told with them."""
        if self.process.stdout is not None:
            yield from self.process.stdout

    def kill(self) -> None:
        """Kill it and whatever it started."""
        kill_session(self.process.pid)

    def end(self) -> None:
        """Kill what is left of it, and close our ends of its pipes."""
        self.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()


def _there(program: str, cwd: Path, environment: Mapping[str, str] | None) -> bool:
    """Tell whether a program is found from the folder it is started in."""
    if os.sep in program:
        return (cwd / program).exists()
    places = (os.environ if environment is None else environment).get("PATH", os.defpath).split(os.pathsep)
    return shutil.which(program, path=os.pathsep.join(str(cwd / place) for place in places)) is not None


def kill_session(leader: int) -> None:
    """Kill every process of a session, whatever groups they made, the leader last."""
    for _ in range(_ROUNDS):
        found = [pid for pid in _processes() if pid != leader and _session_of(pid) == leader]
        if not found:
            break
        for pid in found:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)


def _processes() -> list[int]:
    with contextlib.suppress(OSError):
        return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    return []  # without /proc the leader's group is all that is known


def _session_of(pid: int) -> int | None:
    with contextlib.suppress(OSError):
        return os.getsid(pid)
    return None


def main(command: list[str]) -> int:
    """Run the command and end as it did; kill it, and ourselves, as soon as nobody holds the other end of our input."""
    for number in (
        signal.SIGTERM,
        signal.SIGINT,
        signal.SIGHUP,
    ):  # a command that signals its own group does not mean us
        signal.signal(number, lambda *_: None)

    def follow() -> None:
        os.read(0, 1)
        kill_session(os.getpid())

    threading.Thread(target=follow, daemon=True).start()
    try:
        code = subprocess.run(command, stdin=subprocess.DEVNULL, check=False).returncode
    except OSError as error:
        sys.stderr.write(f"{command[0]} cannot be started: {error.strerror}\n")
        return _NOT_STARTED
    if code < 0:  # a signal ended it, and ends us
        with contextlib.suppress(OSError):
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
