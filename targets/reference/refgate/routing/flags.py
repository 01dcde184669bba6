"""Flags: a JSON file that says how to route from now on, read again whenever it has changed.

{"rollback": false, "weights": {"provider-a": 50, "provider-b": 50}, "tenants": {"tenant-7": {"provider-b": 1}}}
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError

from ..log import note
from ..settings.section import Section

_LOOK_EVERY_S = 0.2

Weight = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Flags(Section):
    """`rollback` sends everything to the first provider; else `weights` replace the configured ones, and those in
    `tenants` replace both for one tenant. Nothing said is nothing changed."""

    rollback: bool = False
    weights: dict[str, Weight] | None = None
    tenants: dict[str, dict[str, Weight]] = Field(default_factory=dict)


class FlagsFile:
    """Knows the flags in `path`, which need not exist. A file that cannot be used changes nothing and is told of."""

    def __init__(self, path: Path, clock: Callable[[], float]) -> None:
        self._path = path
        self._clock = clock
        self._flags = Flags()
        self._seen: tuple[int, int, int] | None = None
        self._looked_s = -_LOOK_EVERY_S

    def current(self) -> Flags:
        """Return the flags; the file is looked at five times a second at most."""
        now_s = self._clock()
        if now_s - self._looked_s >= _LOOK_EVERY_S:
            self._looked_s = now_s
            version = self._version()
            if version != self._seen:
                self._seen = version
                self._read()
        return self._flags

    def reload(self) -> None:
        """Read the file now, changed or not."""
        self._seen = self._version()
        self._read()

    def _version(self) -> tuple[int, int, int] | None:
        """Return what changes with the file: time, size and inode, for a quick change may keep the time."""
        try:
            said = self._path.stat()
        except OSError:
            return None
        return said.st_mtime_ns, said.st_size, said.st_ino

    def _read(self) -> None:
        try:
            self._flags = Flags.model_validate_json(self._path.read_bytes())
        except FileNotFoundError:
            self._flags = Flags()
        except (OSError, ValidationError) as error:
            note(logging.ERROR, "the flags cannot be used", path=str(self._path), why=str(error))
            return
        note(logging.INFO, "flags", **self._flags.model_dump())
