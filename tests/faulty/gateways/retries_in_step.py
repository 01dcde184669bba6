"""The pause before a retry is always the longest: there is no jitter."""

from __future__ import annotations

from importlib import import_module
from typing import Any


def spoil() -> None:
    """The pause is not drawn."""
    failover: Any = import_module("targets.reference.refgate.failover")
    drawn = failover.full_jitter_s

    def longest(failures: int, *, base_s: float, cap_s: float, draw: float) -> float:
        pause_s: float = drawn(failures, base_s=base_s, cap_s=cap_s, draw=1.0)
        return pause_s

    failover.full_jitter_s = longest
