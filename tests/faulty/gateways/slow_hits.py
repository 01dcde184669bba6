"""What is in the cache takes as long as what is not."""

from __future__ import annotations


def spoil() -> None:
    """Each look takes a tenth of a second."""
    import asyncio

    from targets.reference.refgate.cache.entry import Entry
    from targets.reference.refgate.cache.store import MemoryStore

    get = MemoryStore.get

    async def slowly(self: MemoryStore, key: str) -> Entry | None:
        found = await get(self, key)
        if found is not None:
            await asyncio.sleep(0.1)
        return found

    MemoryStore.get = slowly  # type: ignore[method-assign]
