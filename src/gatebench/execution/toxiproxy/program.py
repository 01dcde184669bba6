"""How an engine is started: the command line of ours and of the real server, and where the real one is found."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

_REAL = "toxiproxy-server"


def find_real_server() -> str | None:
    """Return the path of a real Toxiproxy server: on PATH, else in `.tools/` of the working directory or this repository."""
    on_path = shutil.which(_REAL)
    if on_path is not None:
        return on_path
    repository = Path(__file__).resolve().parents[4]
    for folder in (Path.cwd(), repository):
        found = shutil.which(_REAL, path=str(folder / ".tools"))
        if found is not None:
            return found
    return None


def command(
    kind: Literal["embedded", "toxiproxy"],
    port: int,
    seed: int,
    program: str | None = None,
    allow_remote: Iterable[str] = (),
) -> list[str]:
    """Return the arguments that start an engine whose API listens on 127.0.0.1:`port`.

    `program` is the real server's path. The real one takes no heed of `seed` (observed on 2.12) and permits every host.
    """
    if kind == "toxiproxy":
        return [program or _REAL, "-host", "127.0.0.1", "-port", str(port), "-seed", str(seed)]
    # -P: a file in the working directory that is called like a library must not be loaded in its place.
    arguments = [
        sys.executable,
        "-P",
        "-m",
        "gatebench.execution.toxiproxy.server",
        "--port",
        str(port),
        "--seed",
        str(seed),
    ]
    for host in allow_remote:
        arguments += ["--allow-remote", host]
    return arguments
