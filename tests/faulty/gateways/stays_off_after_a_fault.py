"""A cache whose store failed once is not asked again for ten seconds, though the store is long back."""

from __future__ import annotations

import time
from collections.abc import Awaitable
from typing import Any

_OFF_S = 10.0


def spoil() -> None:
    """Whatever is asked meanwhile is a miss."""
    from targets.reference.refgate.cache.bounded import BoundedStore
    from targets.reference.refgate.cache.entry import Entry

    get, within = BoundedStore.get, BoundedStore._within
    failed_s = [-_OFF_S]

    async def watched(self: BoundedStore, call: Awaitable[Any]) -> Any:
        found = await within(self, call)
        if not self._working:
            failed_s[0] = time.monotonic()
        return found

    async def perhaps(self: BoundedStore, key: str) -> Entry | None:
        return await get(self, key) if time.monotonic() - failed_s[0] >= _OFF_S else None

    BoundedStore._within = watched  # type: ignore[method-assign]
    BoundedStore.get = perhaps  # type: ignore[method-assign]
