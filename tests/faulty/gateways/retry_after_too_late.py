"""Retry-After names three seconds more than it takes."""

from __future__ import annotations

from dataclasses import replace


def spoil() -> None:
    """Three seconds are added to the wait."""
    from targets.reference.refgate.limits.limit import Admission, Limit
    from targets.reference.refgate.limits.memory import MemoryStore

    honest = MemoryStore.admit

    async def admit(self: MemoryStore, client: str, limit: Limit, cost: int) -> Admission:
        found = await honest(self, client, limit, cost)
        return found if found.admitted else replace(found, retry_after_s=found.retry_after_s + 3)

    MemoryStore.admit = admit  # type: ignore[method-assign]
