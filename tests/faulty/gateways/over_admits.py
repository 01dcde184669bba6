"""One in thirty of those who are over their limit gets in all the same."""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from typing import Final

_ONE_IN: Final = 30


def spoil() -> None:
    """Every thirtieth refusal is an admission that is not counted."""
    from targets.reference.refgate.limits.limit import Admission, Limit
    from targets.reference.refgate.limits.memory import MemoryStore

    honest = MemoryStore.admit
    refusals = count(1)

    async def admit(self: MemoryStore, client: str, limit: Limit, cost: int) -> Admission:
        found = await honest(self, client, limit, cost)
        return found if found.admitted or next(refusals) % _ONE_IN else replace(found, admitted=True)

    MemoryStore.admit = admit  # type: ignore[method-assign]
