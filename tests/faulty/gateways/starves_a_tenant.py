"""The last of five tenants gets nothing any more once the others are busy."""

from __future__ import annotations

from itertools import count
from typing import Final
from weakref import WeakKeyDictionary

_STARVED: Final = "tenant-4"
_FED_UNTIL: Final = 38


def spoil() -> None:
    """After its first requests, all of that tenant's are refused."""
    from targets.reference.refgate.limits.limit import Admission, Limit
    from targets.reference.refgate.limits.memory import MemoryStore

    honest = MemoryStore.admit
    asked: WeakKeyDictionary[MemoryStore, count[int]] = WeakKeyDictionary()

    async def admit(self: MemoryStore, client: str, limit: Limit, cost: int) -> Admission:
        if client.endswith(_STARVED) and next(asked.setdefault(self, count(1))) > _FED_UNTIL:
            return Admission(admitted=False, retry_after_s=1.0, remaining=0, reset_s=1.0)
        return await honest(self, client, limit, cost)

    MemoryStore.admit = admit  # type: ignore[method-assign]
