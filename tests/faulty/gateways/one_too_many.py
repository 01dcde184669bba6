"""Every limit lets one more in than it says."""

from __future__ import annotations

from dataclasses import replace


def spoil() -> None:
    """One is added to the rate."""
    from targets.reference.refgate.limits.limit import Admission, Limit
    from targets.reference.refgate.limits.memory import MemoryStore

    honest, settled = MemoryStore.admit, MemoryStore.settle

    async def admit(self: MemoryStore, client: str, limit: Limit, cost: int) -> Admission:
        return await honest(self, client, replace(limit, rate=limit.rate + 1), cost)

    async def settle(self: MemoryStore, client: str, limit: Limit, ticket: str, more: int) -> None:
        await settled(self, client, replace(limit, rate=limit.rate + 1), ticket, more)

    MemoryStore.admit = admit  # type: ignore[method-assign]
    MemoryStore.settle = settle  # type: ignore[method-assign]
