"""A fault's switch, whatever layer the fault sits in; `levers` has one for each."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from gatebench.faults import Value

TTL_GRACE_NS = 1_000_000_000


@dataclass(frozen=True)
class Cleared:
    """The engine's acknowledgement that a fault is off: when, and how many requests it hit, where the engine counts."""

    at_ns: int
    hits: int | None = None


class Lever(Protocol):
    """One fault's switch. Both methods return the engine's acknowledgement, monotonic nanoseconds, and raise EnvironmentFailure."""

    def apply(self, ttl_ns: int) -> int:
        """Put the fault on; it ends by itself after `ttl_ns`."""

    def change(self, parameters: Mapping[str, Value], ttl_ns: int) -> int:
        """Give the fault that is on other parameters; it ends by itself after `ttl_ns`."""

    def clear(self) -> Cleared:
        """Take the fault off; harmless when it is off."""


class NoLever:
    """A fault that claims to be on and does nothing: for trying the harness's own proofs."""

    def apply(self, ttl_ns: int) -> int:
        """Do nothing."""
        return time.monotonic_ns()

    def change(self, parameters: Mapping[str, Value], ttl_ns: int) -> int:
        """Do nothing."""
        return time.monotonic_ns()

    def clear(self) -> Cleared:
        """Do nothing."""
        return Cleared(time.monotonic_ns())
