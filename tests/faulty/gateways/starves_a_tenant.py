"""The last of five tenants gets a tenth of what is its own once the others are busy."""

from __future__ import annotations

from itertools import count
from typing import Final

_STARVED: Final = "tenant-4"
_FED_UNTIL: Final = 40


def spoil() -> None:
    """After its first requests, nine in ten of that tenant's are refused."""
    from targets.reference.refgate.limits.limit import Admission, Limit
    from targets.reference.refgate.limits.memory import MemoryStore

    honest = MemoryStore.admit
    asked = count(1)

    async def admit(self: MemoryStore, client: str, limit: Limit, cost: int) -> Admission:
        if client.endswith(_STARVED):
            number = next(asked)
            if number > _FED_UNTIL and number % 10:
                return Admission(admitted=False, retry_after_s=1.0, remaining=0, reset_s=1.0)
        return await honest(self, client, limit, cost)

    MemoryStore.admit = admit  # type: ignore[method-assign]
