"""Where a target's own environment lies, a folder in the user's cache directory, and what a target lacks on this machine."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import platformdirs

from gatebench.target import Install, TargetDefinition

MARKER: Final = "installed.json"


def cache_folder() -> Path:
    """Return the folder of all environments: below GATEBENCH_CACHE, or the user's cache directory."""
    return Path(os.environ.get("GATEBENCH_CACHE", platformdirs.user_cache_dir("gatebench"))) / "targets"


@dataclass(frozen=True)
class TargetEnvironment:
    """The environment of the target `name`, whose files lie in `source`; another list of packages is another environment."""

    name: str
    install: Install
    source: Path

    @property
    def path(self) -> Path:
        """Where it is, or would be."""
        return cache_folder() / f"{self.name}-{self._digest()}"

    @property
    def is_there(self) -> bool:
        """Whether it was installed to its end, and the Python it was made with is still there."""
        return (self.path / MARKER).is_file() and (not self.install.python or (self.path / "bin" / "python").exists())

    @property
    def leftovers(self) -> tuple[Path, ...]:
        """Environments of this target for other lists of packages, and installations that did not end."""
        return tuple(sorted(path for path in cache_folder().glob(f"{self.name}-{'?' * _DIGITS}") if path.is_dir()))

    def size_bytes(self) -> int:
        """Return what its files hold."""
        return sum(path.lstat().st_size for path in self.path.rglob("*") if not path.is_dir())

    def _digest(self) -> str:
        digest = hashlib.sha256(json.dumps(self.install.model_dump(mode="json"), sort_keys=True).encode())
        for file in self.install.files:
            digest.update((self.source / file).read_bytes())
        return digest.hexdigest()[:_DIGITS]


_DIGITS: Final = 10
_CHECK_S: Final = 10.0


@dataclass(frozen=True)
class Lack:
    """Something that a target needs and this machine has not: a sentence, and its cure."""

    what: str
    cure: str


@cache
def _fails(command: tuple[str, ...]) -> str | None:
    """Return how a command fails, None when it does not; asked once, for several targets need the same."""
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=_CHECK_S,
            check=False,
            stdin=subprocess.DEVNULL,
            errors="replace",
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"ended as {type(error).__name__}"
    if not done.returncode:
        return None
    last = next((line.strip() for line in reversed(done.stderr.splitlines()) if line.strip()), "")
    return f"ended with {done.returncode}{': ' if last else ''}{last[:160].rstrip('.?!')}"


def environment_of(definition: TargetDefinition, folder: Path, own: Path | None = None) -> TargetEnvironment | None:
    """Return the environment that a target of `folder` declares, None when it declares none; it is called after `own`, the folder of a
    variant that extends it, so that two versions of a gateway stand beside one another.
    """
    return TargetEnvironment((own or folder).name, definition.install, folder) if definition.install else None


def lacking(definition: TargetDefinition, folder: Path, own: Path | None = None) -> list[Lack]:
    """Return what the target needs and is not here: programs on PATH, and its own environment."""
    found = []
    for one in definition.requires:
        if shutil.which(one.program) is None:
            found.append(Lack(f"needs the program {one.program}, which is not on PATH.", f"Try: {one.cure}."))
        elif one.check and (why := _fails(one.check)) is not None:
            found.append(Lack(f"needs `{' '.join(one.check)}` to succeed, and it {why}.", f"Try: {one.cure}."))
    environment = environment_of(definition, folder, own)
    if environment is not None and not environment.is_there:
        size = f"{environment.install.disk_mb} MB"
        found.append(
            Lack(
                "needs an environment of its own, which is not installed.",
                f"Try: bench targets install {environment.name} ({size}).",
            )
        )
    return found
