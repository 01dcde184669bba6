"""Where chaos can be asked for: a file for each harness that keeps a topology up, found by `bench chaos` of the same user."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from gatebench.execution.places import Places
from gatebench.execution.standing import is_process, state_folder, write_private
from gatebench.faults import Layer
from gatebench.plan import EnginePlan


class DeskState(BaseModel):
    """One harness: who it is, the socket on which it listens, and what to clear by hand should it be dead.

    Holds a key, so only its owner may read it. `ends_unix` is when its load ends, None for a topology that just stands.
    """

    model_config = ConfigDict(extra="forbid")

    kind: Literal["run", "up"]
    name: str
    token: str
    pid: int
    started: float
    since_unix: float
    ends_unix: float | None
    folder: str
    socket: str
    engine: EnginePlan
    engine_url: str
    prefix: str
    admins: dict[str, list[str]]
    admin_token: str
    places: dict[Layer, dict[str, str]]
    allow_remote: tuple[str, ...] = ()

    @property
    def lives(self) -> bool:
        """Whether the harness is still there."""
        return is_process(self.pid, self.started)

    def where(self) -> Places:
        """Return where faults may sit."""
        return Places(**self.places)

    def write(self) -> None:
        """Keep it."""
        write_private(self._path, self.model_dump_json())

    def forget(self) -> None:
        """Remove it and its socket; harmless when they are gone."""
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)
        socket = Path(self.socket)
        with contextlib.suppress(OSError):
            if socket.is_socket():  # and nothing else: a broken file may name anything
                socket.unlink()
                socket.parent.rmdir()

    @property
    def _path(self) -> Path:
        return desk_folder() / f"{self.token}-{self.pid}.json"


def desks() -> list[DeskState]:
    """Return every desk that was opened and not closed, the oldest first; those whose harness died are among them."""
    found = []
    for path in desk_folder().glob("*.json"):
        try:
            found.append(DeskState.model_validate_json(path.read_text()))
        except (OSError, ValueError):
            continue  # of another version, broken, or just removed
    return sorted(found, key=lambda state: state.since_unix)


def journal_path() -> Path:
    """Return the file in which every `bench chaos` writes what it did and when."""
    return state_folder().parent / "chaos.jsonl"


def desk_folder() -> Path:
    """Return the folder of this user's desks."""
    return state_folder().parent / "desks"
