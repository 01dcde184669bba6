"""Makes a target's own environment in the user's cache directory, and takes it away."""

from __future__ import annotations

import contextlib
import fcntl
import json
import shutil
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from gatebench.environments import MARKER, TargetEnvironment, cache_folder
from gatebench.errors import EnvironmentFailure
from gatebench.execution.leash import Leashed
from gatebench.run.folder import write_atomically

_ROOM_FOR: Final = 1.5
"""How much more than the finished environment must be free: archives and what is unpacked lie beside one another for a while."""
_TAIL: Final = 12
_PATIENCE_S: Final = 1800.0
_CHECK_S: Final = 120.0

Tell = Callable[[str], None]


def install(environment: TargetEnvironment, tell: Tell) -> bool:
    """Make the environment, each line of its installers handed to `tell`; False when it was there.

    Whatever ends it before its end takes away what was made. Raises EnvironmentFailure: no room, an installer that is missing or
    fails (with its last lines), or an environment whose check fails.
    """
    with _alone(environment, tell):
        if environment.is_there:
            return False
        for leftover in environment.leftovers:
            if not (leftover / MARKER).is_file():  # an older list of packages may be in use
                shutil.rmtree(leftover)
        if environment.path.exists():
            shutil.rmtree(environment.path)
        _check_room(environment)
        try:
            steps = _steps(environment)
            for command in steps:
                _run(environment, command, tell)
            marker = {
                "target": environment.name,
                "install": environment.install.model_dump(mode="json"),
                "steps": steps,
            }
            write_atomically(environment.path / MARKER, json.dumps(marker, indent=1) + "\n")
        except BaseException:
            shutil.rmtree(environment.path, ignore_errors=True)
            raise
        return True


def remove(environment: TargetEnvironment, tell: Tell) -> bool:
    """Take away every environment of this target; False when there was none."""
    with _alone(environment, tell):
        there = environment.leftovers
        for one in there:
            shutil.rmtree(one)
        return bool(there)


@contextlib.contextmanager
def _alone(environment: TargetEnvironment, tell: Tell) -> Iterator[None]:
    """Let one process at a time make or take away the environments of a target."""
    cache_folder().mkdir(parents=True, exist_ok=True)
    with (cache_folder() / f"{environment.name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            tell("another process installs it; waiting")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _check_room(environment: TargetEnvironment) -> None:
    free_mb = shutil.disk_usage(cache_folder()).free / 1e6
    needed_mb = environment.install.disk_mb * _ROOM_FOR
    if free_mb < needed_mb:
        raise EnvironmentFailure(
            f"{environment.name} takes {environment.install.disk_mb} MB, and while it is installed {needed_mb:.0f} MB, but "
            f"{cache_folder()} has {free_mb:.0f} MB free. Make room, or set GATEBENCH_CACHE to a folder on a larger disk."
        )


def _steps(environment: TargetEnvironment) -> list[list[str]]:
    """Return the commands that make the environment, in order."""
    install, path = environment.install, environment.path
    if install.npm is not None:
        path.mkdir(parents=True)
        for file in install.files:
            shutil.copy(environment.source / file, path)
        commands = [["npm", "ci", "--omit=dev", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", str(path)]]
    else:
        pip = [str(path / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "install", "--no-input"]
        pinned = ["--constraint", str(environment.source / install.constraints)] if install.constraints else []
        commands = [[sys.executable, "-m", "venv", str(path)], [*pip, *pinned, *install.python]]
    if install.check:
        commands.append([part.replace("{{ installed }}", str(path)) for part in install.check])
    return commands


def _run(environment: TargetEnvironment, command: Sequence[str], tell: Tell) -> None:
    last: deque[str] = deque(maxlen=_TAIL)
    within_s = _CHECK_S if command[0].startswith(str(environment.path)) and "pip" not in command else _PATIENCE_S
    began = time.monotonic()
    try:
        started = Leashed(command, environment.path if environment.path.is_dir() else cache_folder())
    except OSError as error:
        if not isinstance(error, FileNotFoundError):
            why = error.strerror or type(error).__name__
            raise EnvironmentFailure(f"{environment.name}: {command[0]} cannot be started: {why}.") from error
        cure = (
            "Install Node.js with npm." if command[0] == "npm" else "It was not installed; the check names it wrongly."
        )
        raise EnvironmentFailure(f"{environment.name}: there is no program {command[0]}. {cure}") from None
    late = threading.Event()

    def overdue() -> None:
        late.set()
        started.kill()

    alarm = threading.Timer(within_s, overdue)
    alarm.daemon = True
    try:
        alarm.start()
        for line in started.lines():
            if line.strip():
                last.append(line.rstrip())
                tell(line.strip())
        code = started.process.wait()
    finally:
        alarm.cancel()
        started.end()
    if late.is_set():
        what = f"{environment.name} was not installed: `{' '.join(_short(command, environment.path))}` took more than {within_s:g} s."
        raise EnvironmentFailure(f"{what} Nothing of it was kept.", last)
    if code:
        took = f"after {time.monotonic() - began:.0f} s"
        what = f"{environment.name} was not installed: `{' '.join(_short(command, environment.path))}` ended with {code} {took}."
        raise EnvironmentFailure(f"{what} Nothing of it was kept.", last)


def _short(command: Sequence[str], path: Path) -> list[str]:
    return [part.replace(str(path), "…").replace(sys.executable, "python") for part in command]
