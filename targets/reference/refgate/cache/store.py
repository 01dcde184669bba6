"""Where entries are kept: the contract, and the store in this process."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Protocol

from .entry import Entry


class Store(Protocol):
    """Keeps entries by their key. A store that cannot answer raises whatever it wants; `bounded` turns that into misses."""

    async def get(self, key: str) -> Entry | None:
        """Return the entry, None when there is none."""

    async def put(self, key: str, entry: Entry) -> None:
        """Keep the entry as long as it is worth keeping."""

    async def drop(self, key: str) -> None:
        """Forget the entry; harmless when there is none."""


class MemoryStore:
    """At most `capacity` entries; the one that nobody has asked for the longest goes first (least recently used)."""

    def __init__(self, capacity: int, clock: Callable[[], float]) -> None:
        self._capacity = capacity
        self._clock = clock
        self._entries: OrderedDict[str, Entry] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    async def get(self, key: str) -> Entry | None:
        """Return the entry unless it is of no use any more."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        if entry.left_s(self._clock()) <= 0:
            del self._entries[key]
            return None
        self._entries.move_to_end(key)
        return entry

    async def put(self, key: str, entry: Entry) -> None:
        """Keep the entry, and let go of the least recently used one when there are too many."""
        self._entries[key] = entry
        self._entries.move_to_end(key)
        while len(self._entries) > self._capacity:
            self._entries.popitem(last=False)

    async def drop(self, key: str) -> None:
        """Forget the entry."""
        self._entries.pop(key, None)
