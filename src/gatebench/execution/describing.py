"""What is in a file of the user's own Locust code: asked of a short child process, because importing it may do anything."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from gatebench.errors import Problem

PATIENCE_S = 30.0
_TAIL = 3


class DescribedTask(BaseModel):
    """A task, and its weight within all tasks of its file."""

    model_config = ConfigDict(frozen=True)

    name: str
    weight: float


class DescribedUser(BaseModel):
    """A user class. `problems` say why its tasks cannot be run by an open schedule."""

    model_config = ConfigDict(frozen=True)

    name: str
    kind: Literal["gateway", "http", "fasthttp", "user"]
    weight: float
    host: str | None
    on_stop: bool
    problems: tuple[str, ...]
    tasks: tuple[DescribedTask, ...]


class _Raised(BaseModel):
    line: int | None
    exception: str
    syntax: bool


class Description(BaseModel):
    """The runnable user classes and shapes of a file, and its digest."""

    model_config = ConfigDict(frozen=True)

    digest: str = ""
    users: tuple[DescribedUser, ...] = ()
    shapes: tuple[str, ...] = ()
    error: _Raised | None = None


def describe(path: Path, where: str, allowed: Sequence[str] = ()) -> Description | Problem:
    """Return what is in the file, or why that cannot be told; `where` is its name in sentences."""
    argv = [sys.executable, "-m", "gatebench.execution.load.describe", str(path), *allowed]
    with subprocess.Popen(
        argv,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=True,
    ) as child:
        try:
            out, err = child.communicate(timeout=PATIENCE_S)
        except subprocess.TimeoutExpired:
            cure = "Move what takes long, or waits, out of the module and into on_start."
            return Problem(where, f"was not imported within {PATIENCE_S:g} s.", cure)
        finally:
            _end(child)
    try:
        found = Description.model_validate_json(out)
    except ValidationError:
        last = " / ".join(err.strip().splitlines()[-_TAIL:]) or "nothing was said"
        return Problem(where, f"ended the process that imported it: {last}.", "Correct the file.")
    if found.error is not None:
        line = f":{found.error.line}" if found.error.line else ""
        verb = "is not Python:" if found.error.syntax else "raises"
        return Problem(f"{where}{line}", f"{verb} {found.error.exception.rstrip('.')}.", "Correct the file.")
    return found


def _end(child: subprocess.Popen[str]) -> None:
    """End the child and whatever it started: nothing of an import may outlive it."""
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return
