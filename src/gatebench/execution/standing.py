"""Topologies that somebody left standing on purpose: where their state is kept, and whether they still live."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import platformdirs
import psutil
from pydantic import BaseModel, ConfigDict, ValidationError

from gatebench.plan import Endpoint, Plan, TargetPlan

_FAREWELL_S = 20.0


class Standing(BaseModel):
    """One topology that stands: who keeps it, and where everything is. Holds a key, so only its owner may read it."""

    model_config = ConfigDict(extra="forbid")

    name: str
    keeper_pid: int
    keeper_started: float
    since_unix: float
    until_unix: float | None = None
    folder: str
    plan: Plan
    links: dict[str, str]
    providers: dict[str, str]
    gateway: str | None
    engine_url: str
    admin_token: str
    processes: dict[str, int]
    version: str | None = None
    config_digest: str | None = None
    entrance: Endpoint

    @property
    def lives(self) -> bool:
        """Whether its keeper is still there: the same process, not another one with its number."""
        return is_process(self.keeper_pid, self.keeper_started)


def is_process(pid: int, started: float) -> bool:
    """Tell whether the process `pid` that began at `started` (psutil's create_time) is there."""
    with contextlib.suppress(psutil.Error):
        process = psutil.Process(pid)
        return abs(process.create_time() - started) < 1 and process.status() != psutil.STATUS_ZOMBIE
    return False


def is_there(pid: int) -> bool:
    """Tell whether a process runs; one that only waits to be reaped does not."""
    with contextlib.suppress(psutil.Error):
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False


def behind(target: TargetPlan) -> Standing | None:
    """Return the topology that stands behind a target `up:NAME`, None for every other target and when it has ended."""
    if target.standing is None:
        return None
    return next((one for one in standing() if one.folder == target.standing), None)


def addressed(target: TargetPlan) -> TargetPlan:
    """Return the target that says how clients address it: the one that stands behind `up:NAME`, and else itself."""
    stands = behind(target)
    return stands.plan.target if stands else target


def state_folder() -> Path:
    """Return where states are kept: a folder of this user's, not of the workspace, which may be shared or committed."""
    return Path(os.environ.get("GATEBENCH_STATE", platformdirs.user_state_dir("gatebench"))) / "up"


def write(state: Standing) -> None:
    """Keep a state, readable by its owner only."""
    write_private(state_folder() / f"{state.name}.json", state.model_dump_json())


def write_private(path: Path, text: str) -> None:
    """Write a file that its owner alone can read, in one step; its folder is made as private."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_suffix(f".{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    draft.replace(path)


def append_private(path: Path, text: str) -> None:
    """Append to a file that its owner alone can read; its folder is made as private."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)


def forget(name: str) -> None:
    """Remove a state; harmless when there is none."""
    (state_folder() / f"{name}.json").unlink(missing_ok=True)


def standing() -> list[Standing]:
    """Return the topologies that stand; states whose keeper is gone are removed on the way."""
    found = []
    for path, state in _states():
        if isinstance(state, str):
            continue  # of another version, or broken
        if state.lives:
            found.append(state)
        else:
            path.unlink(missing_ok=True)
    return found


def unreadable() -> dict[str, int]:
    """Return what another version of gatebench left standing: the name of each state that cannot be read, and who keeps it."""
    found = {}
    for path, text in _states():
        if isinstance(text, str):
            with contextlib.suppress(ValueError, KeyError, TypeError):  # broken: it names nobody
                state = json.loads(text)
                pid, started = int(state["keeper_pid"]), float(state["keeper_started"])
                if is_process(pid, started):
                    found[path.stem] = pid
    return found


def _states() -> Iterator[tuple[Path, Standing | str]]:
    """Yield every state file with what it holds: its text where this version cannot read it; not those that are just removed."""
    for path in sorted(state_folder().glob("*.json")):
        with contextlib.suppress(OSError, UnicodeDecodeError):
            text = path.read_text()
            try:
                yield path, Standing.model_validate_json(text)
            except ValidationError:
                yield path, text


def take_down(state: Standing) -> bool:
    """Ask the keeper to end, and wait until it has; True when nothing of it is left."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(state.keeper_pid, signal.SIGTERM)
    deadline = time.monotonic() + _FAREWELL_S
    while state.lives and time.monotonic() < deadline:
        time.sleep(0.05)
    forget(state.name)
    return not state.lives and not any(is_there(pid) for pid in state.processes.values())
