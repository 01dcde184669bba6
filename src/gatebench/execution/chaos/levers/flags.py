"""Sets the flags of a gateway while it runs."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path

from gatebench.errors import EnvironmentFailure
from gatebench.execution.chaos.lever import Cleared
from gatebench.faults import Value
from gatebench.flags import Flags
from gatebench.plan import PlannedFault


class FlagsLever:
    """Writes the flags file, whole or not at all, and puts back what was there.

    The acknowledgement says that the file reads as it should, not that the gateway has looked at it: how long that takes is what
    a scenario asks. Should we die, the topology ends, and the file with it.
    """

    def __init__(self, fault: PlannedFault, path: Path) -> None:
        self._fault = fault
        self._path = path
        self._before: str | None = None

    def apply(self, ttl_ns: int) -> int:
        """Write the flags."""
        try:
            self._before = self._path.read_text() if self._path.exists() else None
        except OSError as error:
            raise EnvironmentFailure(f"{self._path} cannot be read: {error}.") from error
        return self.change(self._fault.initial, ttl_ns)

    def change(self, parameters: Mapping[str, Value], ttl_ns: int) -> int:
        """Write other flags."""
        return self._write(Flags.of(parameters).text())

    def clear(self) -> Cleared:
        """Put back what was there; without any, the flags that change nothing."""
        return Cleared(self._write(Flags().text() if self._before is None else self._before))

    def _write(self, text: str) -> int:
        fresh = self._path.with_suffix(".new")
        try:
            fresh.write_text(text)
            os.replace(fresh, self._path)  # noqa: PTH105 - atomic, and named as what it is
            written = self._path.read_text()
        except OSError as error:
            raise EnvironmentFailure(f"{self._path} cannot be written: {error}.") from error
        if written != text:
            raise EnvironmentFailure(f"{self._path} does not hold what was written. Does the gateway write it itself?")
        return time.monotonic_ns()
