"""The cache keeps everything and finds nothing."""

from __future__ import annotations


def spoil() -> None:
    """Whoever looks is told that there is none."""
    from targets.reference.refgate.cache.entry import Entry
    from targets.reference.refgate.cache.store import MemoryStore

    async def nothing(self: MemoryStore, key: str) -> Entry | None:
        return None

    MemoryStore.get = nothing  # type: ignore[method-assign]
