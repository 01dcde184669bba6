"""Two replicas take turns, and each of them counts for itself."""

from __future__ import annotations

from collections import defaultdict, deque
from itertools import cycle


def spoil() -> None:
    """Every other request of a client is counted elsewhere."""
    from targets.reference.refgate.limits.limit import Admission, Limit
    from targets.reference.refgate.limits.memory import MemoryStore

    honest, settled = MemoryStore.admit, MemoryStore.settle
    replica = cycle("ab")
    asked: defaultdict[tuple[int, str, str], deque[str]] = defaultdict(deque)

    async def admit(self: MemoryStore, client: str, limit: Limit, cost: int) -> Admission:
        there = f"{client}@{next(replica)}"
        found = await honest(self, there, limit, cost)
        if found.admitted:
            asked[id(self), client, found.ticket].append(there)
        return found

    async def settle(self: MemoryStore, client: str, limit: Limit, ticket: str, more: int) -> None:
        await settled(self, asked[id(self), client, ticket].popleft(), limit, ticket, more)

    MemoryStore.admit = admit  # type: ignore[method-assign]
    MemoryStore.settle = settle  # type: ignore[method-assign]
