"""Two replicas take turns, and each of them counts for itself."""

from __future__ import annotations

from itertools import cycle


def spoil() -> None:
    """Every other request of a client is counted elsewhere."""
    from targets.reference.refgate.limits.limit import Admission, Limit
    from targets.reference.refgate.limits.memory import MemoryStore

    honest = MemoryStore.admit
    replica = cycle("ab")

    async def admit(self: MemoryStore, client: str, limit: Limit, cost: int) -> Admission:
        return await honest(self, f"{client}@{next(replica)}", limit, cost)

    MemoryStore.admit = admit  # type: ignore[method-assign]
