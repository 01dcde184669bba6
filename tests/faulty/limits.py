"""What several gateways with a faulty limiter have in common."""

from __future__ import annotations

from collections.abc import Callable

from targets.reference.refgate.limits.limit import Algorithm, Limit
from targets.reference.refgate.limits.memory import MemoryStore


def count_otherwise(change: Callable[[Limit], Limit]) -> None:
    """Have every client counted by another limit than its own."""
    own = MemoryStore._of

    def of(self: MemoryStore, client: str, limit: Limit) -> Algorithm:
        return own(self, client, change(limit))

    MemoryStore._of = of  # type: ignore[method-assign]
