"""Two replicas take turns, and each of them counts for itself."""

from __future__ import annotations

from dataclasses import replace
from itertools import cycle


def spoil() -> None:
    """Every other request is counted elsewhere; its end is told where it was counted."""
    from targets.reference.refgate.limits.limit import Admission, Limit
    from targets.reference.refgate.limits.memory import MemoryStore

    admits, settles = MemoryStore.admit, MemoryStore.settle
    replica = cycle("ab")

    async def admit(self: MemoryStore, client: str, limit: Limit, cost: int) -> Admission:
        name = next(replica)
        said = await admits(self, f"{client}@{name}", limit, cost)
        return replace(said, ticket=f"{name}{said.ticket}")

    async def settle(self: MemoryStore, client: str, limit: Limit, ticket: str, more: int) -> None:
        await settles(self, f"{client}@{ticket[0]}", limit, ticket[1:], more)

    MemoryStore.admit = admit  # type: ignore[method-assign]
    MemoryStore.settle = settle  # type: ignore[method-assign]
