"""Takes processes away: killed, restarted, paused."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Protocol

from gatebench.execution.chaos.lever import Cleared
from gatebench.faults import Value
from gatebench.plan import PlannedFault


class Processes(Protocol):
    """The processes of a topology, by the place that a fault is put on."""

    def take_down(self, place: str, *, hard: bool) -> None:
        """End them; `hard` is SIGKILL."""

    def bring_up(self, place: str) -> None:
        """Start them again and wait until they take traffic; harmless when they run."""

    def pause(self, place: str, ttl_s: float) -> None:
        """Stop them where they are; they go on by themselves after `ttl_s`."""

    def resume(self, place: str) -> None:
        """Let them go on."""


class ProcessLever:
    """A process that is killed or ended and started again when the window ends, or paused meanwhile.

    A paused one goes on by itself when its time to live is over. One that is down has nobody to start it again but us: should
    we die, its whole topology ends.
    """

    def __init__(self, fault: PlannedFault, processes: Processes) -> None:
        self._fault = fault
        self._processes = processes
        self._what = fault.definition.mechanism.removeprefix("process.")

    def apply(self, ttl_ns: int) -> int:
        """Take the process away."""
        if self._what == "pause":
            self._processes.pause(self._fault.on, ttl_ns / 1e9)
        else:
            self._processes.take_down(self._fault.on, hard=self._what == "kill")
        return time.monotonic_ns()

    def change(self, parameters: Mapping[str, Value], ttl_ns: int) -> int:
        """There is nothing to change."""
        return time.monotonic_ns()

    def clear(self) -> Cleared:
        """Have the process back."""
        if self._what == "pause":
            self._processes.resume(self._fault.on)
        else:
            self._processes.bring_up(self._fault.on)
        return Cleared(time.monotonic_ns())
