"""The clock of the virtual world. Import this before anything that keeps `time.monotonic` for itself."""

from __future__ import annotations

import time
from typing import Final

_BEGAN_UNIX_NS: Final = 1_788_000_000_000_000_000
_BEGAN_NS: Final = 1_000_000_000_000


class Clock:
    """Nanoseconds that stand still until somebody moves them on."""

    def __init__(self) -> None:
        self.now_ns = _BEGAN_NS

    def advance(self, seconds: float) -> None:
        """Move on, by a nanosecond at least."""
        self.now_ns += max(1, round(seconds * 1e9))

    def seconds(self) -> float:
        """The monotonic clock."""
        return self.now_ns / 1e9

    def nanoseconds(self) -> int:
        """The monotonic clock, exactly."""
        return self.now_ns

    def unix_ns(self) -> int:
        """The wall clock."""
        return _BEGAN_UNIX_NS + self.now_ns - _BEGAN_NS

    def unix(self) -> float:
        """The wall clock in seconds."""
        return self.unix_ns() / 1e9

    def take_over(self) -> None:
        """Be the clock of this whole process from now on."""
        time.monotonic = time.perf_counter = self.seconds
        time.monotonic_ns = time.perf_counter_ns = self.nanoseconds
        time.time = self.unix
        time.time_ns = self.unix_ns


CLOCK: Final = Clock()
"""The clock of this process's virtual world."""
