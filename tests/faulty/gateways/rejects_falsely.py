"""One in thirty requests is refused, whatever room there is."""

from __future__ import annotations

from itertools import count
from typing import Final

_ONE_IN: Final = 30


def spoil() -> None:
    """Every thirtieth request is refused unseen, and nothing is taken for it."""
    from targets.reference.refgate.limits.limit import Admission, Limit
    from targets.reference.refgate.limits.memory import MemoryStore

    honest = MemoryStore.admit
    asked = count(1)

    async def admit(self: MemoryStore, client: str, limit: Limit, cost: int) -> Admission:
        if next(asked) % _ONE_IN == 0:
            return Admission(admitted=False, retry_after_s=1.0, remaining=0, reset_s=1.0)
        return await honest(self, client, limit, cost)

    MemoryStore.admit = admit  # type: ignore[method-assign]
