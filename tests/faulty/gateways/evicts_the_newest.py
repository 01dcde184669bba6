"""A full cache lets go of what it was given last."""

from __future__ import annotations


def spoil() -> None:
    """The newest of the others makes way."""
    from targets.reference.refgate.cache.entry import Entry
    from targets.reference.refgate.cache.store import MemoryStore

    async def put(self: MemoryStore, key: str, entry: Entry) -> None:
        if key not in self._entries and len(self._entries) >= self._capacity:
            self._entries.popitem(last=True)
        self._entries[key] = entry

    MemoryStore.put = put  # type: ignore[method-assign]
