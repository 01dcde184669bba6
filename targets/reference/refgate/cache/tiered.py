"""Two stores as one: the near one is asked first and filled from the far one, which replicas share."""

from __future__ import annotations

from .entry import Entry
from .store import Store


class TieredStore:
    """Memory before Redis: what this process has seen costs no round trip, what another replica fetched costs one."""

    def __init__(self, near: Store, far: Store) -> None:
        self._near = near
        self._far = far

    async def get(self, key: str) -> Entry | None:
        """Return the near entry, else the far one, which is kept near from now on."""
        entry = await self._near.get(key)
        if entry is None and (entry := await self._far.get(key)) is not None:
            await self._near.put(key, entry)
        return entry

    async def put(self, key: str, entry: Entry) -> None:
        """Keep it in both."""
        await self._near.put(key, entry)
        await self._far.put(key, entry)

    async def drop(self, key: str) -> None:
        """Forget it in both. Other replicas keep theirs until its time is over."""
        await self._near.drop(key)
        await self._far.drop(key)
